#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sweep/job_heap.h"
#include "train/array.h"

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
    pthread_cond_t work;   // jobs were added, memory or outcomes taken, or the pool stops
    pthread_cond_t result; // there is an outcome
    atomic_int stop;
    atomic_llong steps;
    mb_job_heap waiting;
    int64_t memory_used; // by the runs in flight
    int32_t *fitting;    // by group: largest array that memory was found for; 0 = not known
    int32_t group_count; // of them
    int64_t added, pending;
    mb_outcome *first, *last; // finished
    int64_t finished_count;
    mb_error error;  // of the first job that failed
    int32_t started; // threads
    worker *workers; // (threads)
};

// What may still be given to runs. The first one always starts: if it is too large even alone, it
// fails with a message.
static int64_t memory_left(const mb_pool *pool) {
    if (pool->config.memory == 0 || pool->memory_used == 0)
        return INT64_MAX;
    return pool->config.memory - pool->memory_used;
}

// Whether the next job can join the array of `first`.
static bool joins(const mb_pool *pool, const mb_outcome *first) {
    if (pool->waiting.count == 0)
        return false;
    const mb_job *next = &pool->waiting.jobs[0]->job;
    return next->group == first->job.group && next->memory <= memory_left(pool);
}

// Takes the costliest job that there is memory for, and others of its group, which cost the same
// and so come next.
static int32_t take_jobs(mb_pool *pool, mb_outcome **jobs) {
    jobs[0] = mb_job_heap_take(&pool->waiting, memory_left(pool));
    if (jobs[0] == NULL)
        return 0;
    int32_t count = 1, fitting = pool->fitting[jobs[0]->job.group];
    int32_t most = fitting > 0 ? fitting : pool->config.array_size;
    pool->memory_used += jobs[0]->job.memory;
    for (; count < most && joins(pool, jobs[0]); count++) {
        jobs[count] = mb_job_heap_take(&pool->waiting, INT64_MAX);
        pool->memory_used += jobs[count]->job.memory;
    }
    return count;
}

// ---- the threads ------------------------------------------------------------------------------

// A disk that cannot keep up must not fill the memory with results.
static bool crowded(const mb_pool *pool) {
    return pool->finished_count >= 64 + 4 * (int64_t)pool->config.threads + pool->config.array_size;
}

// The host promises memory that it does not have, a GPU does not: there a run may try.
static mb_status check_memory(const mb_pool *pool, const mb_outcome *job, mb_error *error) {
    const double gibibyte = 1024.0 * 1024.0 * 1024.0;
    if (!pool->config.backend->shares_host_memory || pool->config.memory == 0 ||
        job->job.memory <= pool->config.memory)
        return MB_OK;
    return mb_fail(error, MB_FAILED,
                   "out of memory: the run needs %.2f GiB, %.2f GiB are available",
                   (double)job->job.memory / gibibyte, (double)pool->config.memory / gibibyte);
}

// Says what this thread will most likely train next: more jobs may come meanwhile, and other
// threads take some.
static void expect_next(worker *w) {
    mb_pool *pool = w->pool;
    mb_run_spec next;
    pthread_mutex_lock(&pool->mutex);
    bool known = pool->waiting.count > 0;
    if (known)
        next = pool->waiting.jobs[0]->job.spec;
    pthread_mutex_unlock(&pool->mutex);
    if (known)
        mb_array_expect(w->device, &next);
}

// Trains `count` of the jobs that were taken as one array.
static mb_status train(worker *w, mb_outcome **jobs, int32_t count, mb_error *error) {
    mb_pool *pool = w->pool;
    for (int32_t i = 0; i < count; i++)
        w->specs[i] = jobs[i]->job.spec;
    memset(w->results, 0, (size_t)count * sizeof *w->results);
    expect_next(w);
    mb_status status = check_memory(pool, jobs[0], error);
    if (status == MB_OK)
        status = pool->config.train(w->device, w->specs, count, &pool->stop, &pool->steps,
                                    w->results, error);
    for (int32_t i = 0; i < count; i++) {
        jobs[i]->status = status;
        if (status == MB_OK)
            jobs[i]->result = w->results[i];
        else
            mb_run_result_free(&w->results[i], w->specs[i].test_count);
    }
    if (status != MB_OK && count > 1)
        return mb_fail_in(error, status, "in an array of %d runs: ", count);
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

// Hands over what became of the jobs of an array.
static void finish(mb_pool *pool, mb_outcome **jobs, int32_t count, mb_status status,
                   const mb_error *error) {
    pthread_mutex_lock(&pool->mutex);
    if (status != MB_OK && pool->error.message[0] == '\0')
        pool->error = *error;
    for (int32_t i = 0; i < count; i++) {
        pool->memory_used -= jobs[i]->job.memory;
        deliver(pool, jobs[i]);
    }
    pthread_cond_broadcast(&pool->work); // there is memory again
    pthread_cond_signal(&pool->result);
    pthread_mutex_unlock(&pool->mutex);
}

// For this and all further arrays of the group.
static void shrink(worker *w, const mb_job *job, int32_t fitting) {
    pthread_mutex_lock(&w->pool->mutex);
    w->pool->fitting[job->group] = fitting;
    pthread_mutex_unlock(&w->pool->mutex);
    mb_residents_trim(w->device);
}

// Jobs that need not be trained any more: the pool stops, or those before them failed.
static void give_up(mb_outcome **jobs, int32_t count, mb_status status) {
    for (int32_t i = 0; i < count; i++) {
        jobs[i]->status = status;
        jobs[i]->result.status = MB_RUN_STOPPED;
    }
}

// Trains the jobs that were taken: all at a time, or, when the device has no memory for that, in
// waves of as many as it has.
static void train_waves(worker *w, int32_t count) {
    mb_pool *pool = w->pool;
    int32_t done = 0, most = count;
    while (done < count) {
        mb_outcome **jobs = w->taken + done;
        int32_t wave = count - done < most ? count - done : most;
        mb_error error = {.message = ""};
        mb_status status = train(w, jobs, wave, &error);
        if (status != MB_OK && error.out_of_memory && wave > 1) {
            most = wave / 2;
            shrink(w, &jobs[0]->job, most);
            continue;
        }
        done += wave;
        if (done < count && (status != MB_OK || atomic_load(&pool->stop))) {
            give_up(w->taken + done, count - done, status);
            wave += count - done;
            done = count;
        }
        finish(pool, jobs, wave, status, &error);
    }
}

static void *work(void *argument) {
    worker *w = argument;
    mb_pool *pool = w->pool;
    pthread_mutex_lock(&pool->mutex);
    while (!atomic_load(&pool->stop)) {
        int32_t count = crowded(pool) ? 0 : take_jobs(pool, w->taken);
        if (count == 0) {
            pthread_cond_wait(&pool->work, &pool->mutex);
            continue;
        }
        pthread_mutex_unlock(&pool->mutex);
        train_waves(w, count);
        pthread_mutex_lock(&pool->mutex);
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
    mb_status status = pool->config.open != NULL
                           ? pool->config.open(pool->config.context, &w->device, error)
                           : pool->config.backend->open(&w->device, error);
    if (status == MB_OK)
        status = mb_residents_keep(w->device, error);
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
        if (w->device != NULL) {
            mb_residents_release(w->device);
            pool->config.backend->close(w->device);
        }
        free(w->taken);
        free(w->specs);
        free(w->results);
    }
    mb_job_heap_free(&pool->waiting);
    while (pool->first != NULL) {
        mb_outcome *next = pool->first->next;
        free_outcome(pool->first);
        pool->first = next;
    }
    free(pool->workers);
    free(pool->fitting);
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->result);
    free(pool);
}

// Room for what is known of groups.
static mb_status reserve_groups(mb_pool *pool, const mb_job *jobs, int32_t count, mb_error *error) {
    int32_t groups = pool->group_count;
    for (int32_t i = 0; i < count; i++)
        groups = jobs[i].group >= groups ? jobs[i].group + 1 : groups;
    if (groups == pool->group_count)
        return MB_OK;
    int32_t *fitting = realloc(pool->fitting, (size_t)groups * sizeof *fitting);
    if (fitting == NULL)
        return mb_out_of_memory(error, "groups of runs");
    for (int32_t i = pool->group_count; i < groups; i++)
        fitting[i] = 0;
    pool->fitting = fitting;
    pool->group_count = groups;
    return MB_OK;
}

mb_status mb_pool_add(mb_pool *pool, const mb_job *jobs, int32_t count, mb_error *error) {
    pthread_mutex_lock(&pool->mutex);
    mb_status status = mb_job_heap_reserve(&pool->waiting, count, error);
    if (status == MB_OK)
        status = reserve_groups(pool, jobs, count, error);
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        mb_outcome *outcome = calloc(1, sizeof *outcome);
        if (outcome == NULL) {
            status = mb_out_of_memory(error, "the list of runs");
            break;
        }
        outcome->job = jobs[i];
        outcome->order = pool->added++;
        pool->pending++;
        mb_job_heap_push(&pool->waiting, outcome);
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
