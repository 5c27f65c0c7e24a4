#include "base/interrupt.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

enum { SIGNAL_COUNT = 3 };
static const int numbers[SIGNAL_COUNT] = {SIGINT, SIGTERM, SIGHUP};

// A signal handler can reach only variables of the process. The count is never reset: each
// interrupt remembers its value at the beginning and compares.
static atomic_uint arrivals;
static atomic_int latest; // the signal that arrived last
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a handler may use these only without locks");

// Handlers belong to the process, too. The first active interrupt installs them, and the last one
// to end restores the previous handlers.
static struct {
    pthread_mutex_t lock;
    int active; // interrupts between begin and end
    sigset_t signals;
    struct sigaction before[SIGNAL_COUNT];
} handlers = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note(int number) {
    atomic_store(&latest, number);
    atomic_fetch_add(&arrivals, 1);
}

static void install_handlers(void) {
    // SA_RESTART: a system call that the signal interrupts in another thread is resumed.
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigemptyset(&handlers.signals);
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        struct sigaction *before = &handlers.before[i];
        if (sigaction(numbers[i], NULL, before) == 0 && before->sa_handler != SIG_IGN &&
            sigaction(numbers[i], &action, NULL) == 0)
            sigaddset(&handlers.signals, numbers[i]);
    }
}

static void restore_handlers(void) {
    for (int i = 0; i < SIGNAL_COUNT; i++)
        if (sigismember(&handlers.signals, numbers[i]) == 1)
            sigaction(numbers[i], &handlers.before[i], NULL);
}

void mb_interrupt_begin(mb_interrupt *interrupt) {
    *interrupt = (mb_interrupt){.arrivals = atomic_load(&arrivals)};
    pthread_mutex_lock(&handlers.lock);
    if (handlers.active++ == 0)
        install_handlers();
    interrupt->signals = handlers.signals;
    pthread_mutex_unlock(&handlers.lock);
    pthread_sigmask(SIG_BLOCK, &interrupt->signals, &interrupt->before);
}

bool mb_interrupt_came(mb_interrupt *interrupt) {
    static const struct timespec none = {0, 0};
    int waiting;
    while ((waiting = sigtimedwait(&interrupt->signals, NULL, &none)) > 0)
        note(waiting);
    if (atomic_load(&arrivals) != interrupt->arrivals)
        interrupt->signal = atomic_load(&latest);
    return interrupt->signal != 0;
}

void mb_interrupt_end(mb_interrupt *interrupt) {
    mb_interrupt_came(interrupt);
    pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
    pthread_mutex_lock(&handlers.lock);
    if (--handlers.active == 0)
        restore_handlers();
    pthread_mutex_unlock(&handlers.lock);
    if (atomic_load(&arrivals) != interrupt->arrivals) // delivered when the mask was restored
        interrupt->signal = atomic_load(&latest);
}

bool mb_interrupt_is_active(void) {
    pthread_mutex_lock(&handlers.lock);
    bool active = handlers.active > 0;
    pthread_mutex_unlock(&handlers.lock);
    return active;
}

void mb_interrupt_pause(mb_interrupt *interrupt) {
    mb_interrupt_end(interrupt);
    if (interrupt->signal != 0)
        raise(interrupt->signal);
}

void mb_interrupt_resume(mb_interrupt *interrupt) {
    mb_interrupt_begin(interrupt);
}
