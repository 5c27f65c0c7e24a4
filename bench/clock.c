#include "clock.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

double mb_bench_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double mb_bench_median(double *values, int32_t count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return 0.5 * (values[(count - 1) / 2] + values[count / 2]);
}

// Threads wait here until all have arrived; `abandoned` if one could not be started.
typedef struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int32_t missing;
    bool abandoned;
} gate;

typedef struct member {
    gate *gate;
    void (*work)(void *context, int32_t thread);
    void *context;
    int32_t thread;
    double began, ended;
} member;

static bool pass(gate *g) {
    pthread_mutex_lock(&g->mutex);
    g->missing--;
    pthread_cond_broadcast(&g->changed);
    while (g->missing > 0 && !g->abandoned)
        pthread_cond_wait(&g->changed, &g->mutex);
    bool open = !g->abandoned;
    pthread_mutex_unlock(&g->mutex);
    return open;
}

static void *run_member(void *argument) {
    member *self = argument;
    bool open = pass(self->gate);
    self->began = mb_bench_seconds();
    if (open)
        self->work(self->context, self->thread);
    self->ended = mb_bench_seconds();
    return NULL;
}

double mb_bench_parallel(int32_t threads, void (*work)(void *context, int32_t thread),
                         void *context) {
    if (threads == 1) { // runs in the calling thread
        double began = mb_bench_seconds();
        work(context, 0);
        return mb_bench_seconds() - began;
    }
    gate start = {.missing = threads + 1};
    pthread_mutex_init(&start.mutex, NULL);
    pthread_cond_init(&start.changed, NULL);
    pthread_t *handles = calloc((size_t)threads, sizeof *handles);
    member *members = calloc((size_t)threads, sizeof *members);
    int32_t started = 0;
    for (bool failed = handles == NULL || members == NULL; !failed && started < threads;) {
        members[started] = (member){&start, work, context, started, 0.0, 0.0};
        failed = pthread_create(&handles[started], NULL, run_member, &members[started]) != 0;
        started += !failed;
    }
    if (started < threads) {
        pthread_mutex_lock(&start.mutex);
        start.abandoned = true;
        pthread_cond_broadcast(&start.changed);
        pthread_mutex_unlock(&start.mutex);
    } else {
        pass(&start);
    }
    // Timed from the first thread through the gate, because the calling thread may be woken much
    // later.
    double first = INFINITY, last = -INFINITY;
    for (int32_t i = 0; i < started; i++) {
        pthread_join(handles[i], NULL);
        first = fmin(first, members[i].began);
        last = fmax(last, members[i].ended);
    }
    free(members);
    free(handles);
    pthread_cond_destroy(&start.changed);
    pthread_mutex_destroy(&start.mutex);
    return started < threads ? -1.0 : last - first;
}
