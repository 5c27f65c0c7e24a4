#include "sweep/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct worker {
    mb_pool *pool;
    mb_device *device;
    pthread_t thread;
    // For as many runs as are trained at a time:
    mb_outcome **taken;
    mb_run_spec *specs;
    mb_run_result *results;
} worker;

struct mb_pool {
    mb_pool_config config;
    pthread_mutex_t mutex;
    pthread_cond_t work;   // jobs were added, outcomes taken, or the pool stops
    pthread_cond_t result; // there is an outcome
    atomic_int stop;
    atomic_llong steps;
    mb_outcome **heap; // of those that wait, the costliest on top
    int64_t heap_count, heap_capacity;
    int64_t added, pending;
    mb_outcome *first, *last; // finished
    int64_t finished_count;
    mb_error error;  // of the first job that failed
    int32_t started; // threads
    worker *workers; // (threads)
};

// ---- the heap of waiting jobs -----------------------------------------------------------------

static bool before(const mb_outcome *a, const mb_outcome *b) {
    return a->job.cost != b->job.cost ? a->job.cost > b->job.cost : a->order < b->order;
}

static void swap(mb_outcome **a, mb_outcome **b) {
    mb_outcome *c = *a;
    *a = *b;
    *b = c;
}

static void heap_push(mb_pool *pool, mb_outcome *job) {
    mb_outcome **heap = pool->heap;
    int64_t i = pool->heap_count++;
    heap[i] = job;
    for (; i > 0 && before(heap[i], heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&heap[i], &heap[(i - 1) / 2]);
}

static mb_outcome *heap_pop(mb_pool *pool) {
    mb_outcome **heap = pool->heap, *top = heap[0];
    int64_t count = --pool->heap_count;
    heap[0] = heap[count];
    for (int64_t i = 0;;) {
        int64_t child = 2 * i + 1;
        if (child + 1 < count && before(heap[child + 1], heap[child]))
            child++;
        if (child >= count || !before(heap[child], heap[i]))
            return top;
        swap(&heap[i], &heap[child]);
        i = child;
    }
}

// Takes the costliest job and others of its group, which cost the same and so come next.
static int32_t take_jobs(mb_pool *pool, mb_outcome **jobs) {
    int32_t count = 0;
    while (count < pool->config.array_size && pool->heap_count > 0 &&
           (count == 0 || pool->heap[0]->job.group == jobs[0]->job.group))
        jobs[count++] = heap_pop(pool);
    return count;
}

// ---- the threads ------------------------------------------------------------------------------

// A disk that cannot keep up must not fill the memory with results.
static bool crowded(const mb_pool *pool) {
    return pool->finished_count >= 64 + 4 * (int64_t)pool->config.threads * pool->config.array_size;
}

static mb_status train(worker *w, int32_t count, mb_error *error) {
    mb_pool *pool = w->pool;
    for (int32_t i = 0; i < count; i++)
        w->specs[i] = w->taken[i]->job.spec;
    memset(w->results, 0, (size_t)count * sizeof *w->results);
    mb_status status = pool->config.train(w->device, w->specs, count, &pool->stop, &pool->steps,
                                          w->results, error);
    for (int32_t i = 0; i < count; i++) {
        w->taken[i]->status = status;
        if (status == MB_OK)
            w->taken[i]->result = w->results[i];
        else
            mb_run_result_free(&w->results[i], w->specs[i].test_count);
    }
    return status;
}

// With the mutex held.
static void deliver(mb_pool *pool, mb_outcome *job) {
    job->next = NULL;
    if (pool->last != NULL)
        pool->last->next = job;
    else
        pool->first = job;
    pool->last = job;
    pool->finished_count++;
}

static void *work(void *argument) {
    worker *w = argument;
    mb_pool *pool = w->pool;
    pthread_mutex_lock(&pool->mutex);
    while (!atomic_load(&pool->stop)) {
        if (pool->heap_count == 0 || crowded(pool)) {
            pthread_cond_wait(&pool->work, &pool->mutex);
            continue;
        }
        int32_t count = take_jobs(pool, w->taken);
        pthread_mutex_unlock(&pool->mutex);
        mb_error error = {""};
        mb_status status = train(w, count, &error);
        pthread_mutex_lock(&pool->mutex);
        if (status != MB_OK && pool->error.message[0] == '\0')
            pool->error = error;
        for (int32_t i = 0; i < count; i++)
            deliver(pool, w->taken[i]);
        pthread_cond_signal(&pool->result);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

// ---- for the owner ----------------------------------------------------------------------------

static mb_status start_worker(mb_pool *pool, worker *w, mb_error *error) {
    size_t size = (size_t)pool->config.array_size;
    w->pool = pool;
    w->taken = calloc(size, sizeof *w->taken);
    w->specs = calloc(size, sizeof *w->specs);
    w->results = calloc(size, sizeof *w->results);
    if (w->taken == NULL || w->specs == NULL || w->results == NULL)
        return mb_out_of_memory(error, "worker threads");
    mb_status status = pool->config.backend->open(&w->device, error);
    if (status != MB_OK)
        return status;
    int code = pthread_create(&w->thread, NULL, work, w);
    if (code != 0)
        return mb_fail(error, MB_FAILED, "cannot start thread %d: %s", pool->started + 1,
                       strerror(code));
    pool->started++;
    return MB_OK;
}

static void init_locks(mb_pool *pool) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->result, &attributes);
    pthread_condattr_destroy(&attributes);
}

mb_status mb_pool_open(const mb_pool_config *config, mb_pool **pool, mb_error *error) {
    *pool = calloc(1, sizeof **pool);
    if (*pool == NULL)
        return mb_out_of_memory(error, "worker threads");
    (*pool)->config = *config;
    atomic_init(&(*pool)->stop, 0);
    atomic_init(&(*pool)->steps, 0);
    init_locks(*pool);
    (*pool)->workers = calloc((size_t)config->threads, sizeof *(*pool)->workers);
    mb_status status = MB_OK;
    if ((*pool)->workers == NULL)
        status = mb_out_of_memory(error, "worker threads");
    for (int32_t i = 0; i < config->threads && status == MB_OK; i++)
        status = start_worker(*pool, &(*pool)->workers[i], error);
    if (status != MB_OK) {
        mb_pool_close(*pool);
        *pool = NULL;
    }
    return status;
}

void mb_pool_stop(mb_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->stop, 1);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    while (pool->started > 0)
        pthread_join(pool->workers[--pool->started].thread, NULL);
}

static void free_outcome(mb_outcome *outcome) {
    mb_run_result_free(&outcome->result, outcome->job.spec.test_count);
    free(outcome);
}

void mb_pool_close(mb_pool *pool) {
    if (pool == NULL)
        return;
    mb_pool_stop(pool);
    for (int32_t i = 0; pool->workers != NULL && i < pool->config.threads; i++) {
        worker *w = &pool->workers[i];
        if (w->device != NULL)
            pool->config.backend->close(w->device);
        free(w->taken);
        free(w->specs);
        free(w->results);
    }
    for (int64_t i = 0; i < pool->heap_count; i++)
        free(pool->heap[i]);
    while (pool->first != NULL) {
        mb_outcome *next = pool->first->next;
        free_outcome(pool->first);
        pool->first = next;
    }
    free(pool->heap);
    free(pool->workers);
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->result);
    free(pool);
}

// With the mutex held.
static mb_status reserve(mb_pool *pool, int32_t count, mb_error *error) {
    int64_t needed = pool->heap_count + count;
    if (needed <= pool->heap_capacity)
        return MB_OK;
    mb_outcome **larger = realloc(pool->heap, (size_t)(2 * needed) * sizeof *larger);
    if (larger == NULL)
        return mb_out_of_memory(error, "the list of runs");
    pool->heap = larger;
    pool->heap_capacity = 2 * needed;
    return MB_OK;
}

mb_status mb_pool_add(mb_pool *pool, const mb_job *jobs, int32_t count, mb_error *error) {
    pthread_mutex_lock(&pool->mutex);
    mb_status status = reserve(pool, count, error);
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        mb_outcome *outcome = calloc(1, sizeof *outcome);
        if (outcome == NULL) {
            status = mb_out_of_memory(error, "the list of runs");
            break;
        }
        outcome->job = jobs[i];
        outcome->order = pool->added++;
        pool->pending++;
        heap_push(pool, outcome);
    }
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    return status;
}

mb_outcome *mb_pool_take(mb_pool *pool, double seconds, mb_error *error) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + (int64_t)(seconds * 1e9);
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_mutex_lock(&pool->mutex);
    while (pool->first == NULL)
        if (pthread_cond_timedwait(&pool->result, &pool->mutex, &until) != 0)
            break;
    mb_outcome *outcome = pool->first;
    if (outcome != NULL) {
        pool->first = outcome->next;
        if (pool->first == NULL)
            pool->last = NULL;
        pool->finished_count--;
        pool->pending--;
        if (outcome->status != MB_OK && error != NULL)
            *error = pool->error;
        pthread_cond_broadcast(&pool->work);
    }
    pthread_mutex_unlock(&pool->mutex);
    return outcome;
}

int64_t mb_pool_pending(mb_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    int64_t pending = pool->pending;
    pthread_mutex_unlock(&pool->mutex);
    return pending;
}

long long mb_pool_steps(mb_pool *pool) {
    return atomic_load(&pool->steps);
}
