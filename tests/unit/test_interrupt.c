// Signals that are held back: whichever thread receives them, they are reported and have no other
// effect. Afterwards the mask and the handlers are as before.
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/interrupt.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { SIGNAL_COUNT = sizeof signals / sizeof *signals };

// ---- a thread that does not know of interrupts -------------------------------------------------

// This thread reads from a pipe, as the thread of a library might, until it gets a byte.
typedef struct bystander {
    pthread_t thread;
    int pipe[2];
    atomic_int reads; // number of reads that have returned
    ssize_t got;
} bystander;

static void *stand_by(void *context) {
    bystander *b = context;
    char byte;
#ifdef __SANITIZE_THREAD__ // the sanitizer delays handlers during a read
    while (poll(&(struct pollfd){.fd = b->pipe[0], .events = POLLIN}, 1, -1) < 0)
        continue;
#endif
    b->got = read(b->pipe[0], &byte, 1);
    atomic_fetch_add(&b->reads, 1);
    return NULL;
}

static void bystander_start(bystander *b) {
    *b = (bystander){.got = 0};
    assert_int_equal(pipe(b->pipe), 0);
    assert_int_equal(pthread_create(&b->thread, NULL, stand_by, b), 0);
}

// The read of the thread must not have been interrupted.
static void bystander_end(bystander *b) {
    assert_int_equal(atomic_load(&b->reads), 0);
    assert_int_equal(write(b->pipe[1], "x", 1), 1);
    assert_int_equal(pthread_join(b->thread, NULL), 0);
    assert_int_equal(b->got, 1);
    close(b->pipe[0]);
    close(b->pipe[1]);
}

// ---- helpers ----------------------------------------------------------------------------------

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

// It may take a while until another thread receives a signal.
static bool comes(mb_interrupt *interrupt) {
    for (int i = 0; i < 10000 && !mb_interrupt_came(interrupt); i++)
        nap();
    return mb_interrupt_came(interrupt);
}

static atomic_int own_calls;

static void own_handler(int number) {
    (void)number;
    atomic_fetch_add(&own_calls, 1);
}

// The handlers and flags of the three signals, and the mask of this thread.
typedef struct treatment {
    struct sigaction actions[SIGNAL_COUNT];
    sigset_t mask;
} treatment;

static void treatment_get(treatment *t) {
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sigaction(signals[i], NULL, &t->actions[i]);
    pthread_sigmask(SIG_BLOCK, NULL, &t->mask);
}

static void treatment_set(const treatment *t) {
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sigaction(signals[i], &t->actions[i], NULL);
    pthread_sigmask(SIG_SETMASK, &t->mask, NULL);
}

static void expect_treatment(const treatment *expected) {
    treatment now;
    treatment_get(&now);
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        assert_ptr_equal(now.actions[i].sa_handler, expected->actions[i].sa_handler);
        assert_int_equal(now.actions[i].sa_flags, expected->actions[i].sa_flags);
    }
    for (int number = 1; number < SIGRTMIN; number++)
        assert_int_equal(sigismember(&now.mask, number), sigismember(&expected->mask, number));
}

// The tests begin with own_handler and no blocked signals, however the program was started.
static treatment started_with;

static int set_up(void **state) {
    (void)state;
    treatment_get(&started_with);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sigaction(signals[i], &(struct sigaction){.sa_handler = own_handler}, NULL);
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    atomic_store(&own_calls, 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    treatment_set(&started_with);
    return 0;
}

// ---- tests ------------------------------------------------------------------------------------

static void test_older_thread(void **state) {
    (void)state;
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        bystander b;
        mb_interrupt interrupt;
        bystander_start(&b);
        mb_interrupt_begin(&interrupt);
        assert_false(mb_interrupt_came(&interrupt));
        assert_int_equal(pthread_kill(b.thread, signals[i]), 0);
        assert_true(comes(&interrupt));
        assert_int_equal(interrupt.signal, signals[i]);
        mb_interrupt_end(&interrupt);
        bystander_end(&b);
    }
    assert_int_equal(atomic_load(&own_calls), 0);
}

static void test_process(void **state) {
    (void)state;
    for (int i = 0; i < SIGNAL_COUNT; i++)
        for (int accompanied = 0; accompanied < 2; accompanied++) {
            bystander b;
            mb_interrupt interrupt;
            if (accompanied)
                bystander_start(&b);
            mb_interrupt_begin(&interrupt);
            for (int times = 0; times < 3; times++)
                assert_int_equal(kill(getpid(), signals[i]), 0);
            nap(); // the signal is reported whichever of the two threads is faster
            assert_true(comes(&interrupt));
            assert_int_equal(interrupt.signal, signals[i]);
            assert_true(mb_interrupt_came(&interrupt)); // a second call reports it, too
            mb_interrupt_end(&interrupt);
            if (accompanied)
                bystander_end(&b);
        }
    assert_int_equal(atomic_load(&own_calls), 0);
}

// A thread that is started while signals are held back is never interrupted.
static void test_younger_thread(void **state) {
    (void)state;
    bystander b = {.got = 0};
    mb_interrupt interrupt;
    mb_interrupt_begin(&interrupt);
    assert_int_equal(pipe(b.pipe), 0);
    assert_int_equal(pthread_create(&b.thread, NULL, stand_by, &b), 0);
    assert_int_equal(kill(getpid(), SIGINT), 0);
    assert_true(comes(&interrupt));
    bystander_end(&b);
    mb_interrupt_end(&interrupt);
    assert_int_equal(atomic_load(&own_calls), 0);
}

static void test_again(void **state) {
    (void)state;
    bystander b;
    mb_interrupt first, second;
    treatment before;
    bystander_start(&b);
    treatment_get(&before);
    mb_interrupt_begin(&first);
    assert_int_equal(pthread_kill(b.thread, SIGINT), 0);
    assert_true(comes(&first));
    raise(SIGTERM);
    mb_interrupt_end(&first); // collects the pending signal
    expect_treatment(&before);
    assert_int_equal(atomic_load(&own_calls), 0);

    raise(SIGHUP); // still ignored
    assert_int_equal(atomic_load(&own_calls), 1);

    mb_interrupt_begin(&second);
    assert_false(mb_interrupt_came(&second));
    assert_int_equal(pthread_kill(b.thread, SIGTERM), 0);
    assert_true(comes(&second));
    assert_int_equal(second.signal, SIGTERM);
    mb_interrupt_end(&second);
    expect_treatment(&before);
    raise(SIGINT);
    assert_int_equal(atomic_load(&own_calls), 2);
    bystander_end(&b);
}

static void test_ignored(void **state) {
    (void)state;
    bystander b;
    mb_interrupt interrupt;
    treatment before;
    sigaction(SIGHUP, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    bystander_start(&b);
    treatment_get(&before);
    mb_interrupt_begin(&interrupt);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    assert_int_equal(pthread_kill(b.thread, SIGHUP), 0);
    for (int i = 0; i < 20; i++, nap())
        assert_false(mb_interrupt_came(&interrupt));
    struct sigaction during;
    assert_int_equal(sigaction(SIGHUP, NULL, &during), 0);
    assert_ptr_equal(during.sa_handler, SIG_IGN);
    raise(SIGINT);
    assert_true(mb_interrupt_came(&interrupt));
    mb_interrupt_end(&interrupt);
    expect_treatment(&before);
    bystander_end(&b);
}

// Signals that the caller had blocked itself are reported, too, and stay blocked.
static void test_blocked(void **state) {
    (void)state;
    mb_interrupt interrupt;
    treatment before;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    treatment_get(&before);
    mb_interrupt_begin(&interrupt);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_true(mb_interrupt_came(&interrupt));
    mb_interrupt_end(&interrupt);
    expect_treatment(&before);
}

// Both interrupts report a signal that arrives while the inner one is active.
static void test_nested(void **state) {
    (void)state;
    bystander b;
    mb_interrupt outer, inner;
    treatment before;
    bystander_start(&b);
    treatment_get(&before);
    mb_interrupt_begin(&outer);
    mb_interrupt_begin(&inner);
    raise(SIGINT);
    assert_true(mb_interrupt_came(&inner));
    mb_interrupt_end(&inner);
    assert_true(mb_interrupt_came(&outer));
    assert_int_equal(outer.signal, SIGINT);

    // The outer interrupt is still active after the end of the inner one.
    assert_int_equal(pthread_kill(b.thread, SIGTERM), 0);
    while (outer.signal != SIGTERM && comes(&outer))
        nap();
    mb_interrupt_begin(&inner); // does not report earlier signals
    assert_false(mb_interrupt_came(&inner));
    mb_interrupt_end(&inner);
    mb_interrupt_end(&outer);
    assert_int_equal(atomic_load(&own_calls), 0);
    expect_treatment(&before);
    bystander_end(&b);
}

// While an interrupt pauses, a signal has the effect that it has without one. This includes a
// signal that arrived before.
static void test_paused(void **state) {
    (void)state;
    mb_interrupt interrupt;
    treatment before;
    treatment_get(&before);
    mb_interrupt_begin(&interrupt);
    mb_interrupt_pause(&interrupt);
    expect_treatment(&before);
    assert_false(mb_interrupt_is_active());
    raise(SIGTERM);
    assert_int_equal(atomic_load(&own_calls), 1);
    mb_interrupt_resume(&interrupt);
    assert_true(mb_interrupt_is_active());
    assert_false(mb_interrupt_came(&interrupt));
    raise(SIGINT);
    assert_int_equal(atomic_load(&own_calls), 1);
    mb_interrupt_pause(&interrupt);
    assert_int_equal(atomic_load(&own_calls), 2);
    mb_interrupt_resume(&interrupt);
    assert_false(mb_interrupt_came(&interrupt));
    raise(SIGHUP);
    assert_true(mb_interrupt_came(&interrupt));
    mb_interrupt_end(&interrupt);
    assert_int_equal(atomic_load(&own_calls), 2);
    expect_treatment(&before);
}

// ---- two threads ------------------------------------------------------------------------------

typedef struct relay {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    int stage;
} relay;

static void relay_reach(relay *r, int stage) {
    pthread_mutex_lock(&r->lock);
    r->stage = stage;
    pthread_cond_broadcast(&r->moved);
    pthread_mutex_unlock(&r->lock);
}

static void relay_await(relay *r, int stage) {
    pthread_mutex_lock(&r->lock);
    while (r->stage < stage)
        pthread_cond_wait(&r->moved, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

// Begins before the other interrupt and ends while that is active.
static void *first_to_end(void *context) {
    relay *r = context;
    mb_interrupt interrupt;
    mb_interrupt_begin(&interrupt);
    relay_reach(r, 1);
    relay_await(r, 2);
    mb_interrupt_end(&interrupt);
    relay_reach(r, 3);
    return NULL;
}

static void test_two_threads(void **state) {
    (void)state;
    bystander b;
    relay r = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
    pthread_t other;
    mb_interrupt interrupt;
    treatment before;
    bystander_start(&b);
    treatment_get(&before);
    assert_int_equal(pthread_create(&other, NULL, first_to_end, &r), 0);
    relay_await(&r, 1);
    mb_interrupt_begin(&interrupt);
    relay_reach(&r, 2);
    relay_await(&r, 3);
    assert_int_equal(pthread_kill(b.thread, SIGINT), 0);
    assert_true(comes(&interrupt));
    mb_interrupt_end(&interrupt);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(atomic_load(&own_calls), 0);
    expect_treatment(&before);
    bystander_end(&b);
}

// Signals arrive from everywhere while threads begin and end interrupts. None of them kills
// the process.
enum { CHURNERS = 4, ROUNDS = 300 };

static void *churn(void *context) {
    (void)context;
    for (int i = 0; i < ROUNDS; i++) {
        mb_interrupt interrupt;
        mb_interrupt_begin(&interrupt);
        kill(getpid(), signals[i % SIGNAL_COUNT]);
        if (!comes(&interrupt))
            return (void *)1;
        mb_interrupt_end(&interrupt);
    }
    return NULL;
}

static void test_churn(void **state) {
    (void)state;
    pthread_t threads[CHURNERS];
    bystander b;
    treatment before;
    bystander_start(&b);
    treatment_get(&before);
    mb_interrupt whole; // otherwise a signal might arrive while no interrupt is active
    mb_interrupt_begin(&whole);
    for (int i = 0; i < CHURNERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, NULL), 0);
    for (int i = 0; i < CHURNERS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_true(comes(&whole));
    mb_interrupt_end(&whole);
    assert_int_equal(atomic_load(&own_calls), 0);
    expect_treatment(&before);
    bystander_end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_older_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_younger_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ignored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blocked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nested, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_churn, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
