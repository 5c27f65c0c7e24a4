#include "base/interrupt.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>

void mb_interrupt_begin(mb_interrupt *interrupt) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    *interrupt = (mb_interrupt){0};
    sigemptyset(&interrupt->signals);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&interrupt->signals, signals[i]);
    }
    pthread_sigmask(SIG_BLOCK, &interrupt->signals, &interrupt->before);
}

bool mb_interrupt_came(mb_interrupt *interrupt) {
    static const struct timespec none = {0, 0};
    int came;
    while ((came = sigtimedwait(&interrupt->signals, NULL, &none)) > 0)
        interrupt->signal = came;
    return interrupt->signal != 0;
}

void mb_interrupt_end(mb_interrupt *interrupt) {
    mb_interrupt_came(interrupt);
    pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
}
