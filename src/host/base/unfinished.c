#include "base/unfinished.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "base/interrupt.h"

enum { SIGNAL_COUNT = 3 };
static const int numbers[SIGNAL_COUNT] = {SIGINT, SIGTERM, SIGHUP};

// A signal handler can reach only variables of the process.
static _Atomic(const char *) unfinished;
static struct sigaction before[SIGNAL_COUNT];
_Static_assert(ATOMIC_POINTER_LOCK_FREE == 2, "a handler may use these only without locks");

static void restore_handlers(void) {
    for (int i = 0; i < SIGNAL_COUNT; i++)
        if (before[i].sa_handler != SIG_IGN)
            sigaction(numbers[i], &before[i], NULL);
}

// The signal is blocked until this returns; then it has the effect that it had before.
static void remove_file(int number) {
    const char *path = atomic_exchange(&unfinished, NULL);
    if (path != NULL)
        unlink(path);
    restore_handlers();
    raise(number);
}

bool mb_unfinished_begin(const char *path) {
    const char *none = NULL;
    if (mb_interrupt_is_active() || !atomic_compare_exchange_strong(&unfinished, &none, path))
        return false;
    struct sigaction action = {.sa_handler = remove_file};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sigaddset(&action.sa_mask, numbers[i]);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        if (sigaction(numbers[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    return true;
}

bool mb_unfinished_end(void) {
    restore_handlers();
    return atomic_exchange(&unfinished, NULL) != NULL;
}
