#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "merbench/executor.h"
#include "sweep/pool_internal.h"

// Memory that further runs may use. The first run always starts: if it is too large even alone, its
// outcome says so.
static int64_t memory_left(const mb_pool *pool) {
    if (pool->config.memory == 0 || pool->memory_used == 0)
        return INT64_MAX;
    return pool->config.memory - pool->memory_used;
}

// The same for page-locked memory, of which only arrays need much.
static int64_t host_memory_left(const mb_pool *pool) {
    if (pool->config.host_memory == 0)
        return INT64_MAX;
    return pool->config.host_memory - pool->host_memory_used;
}

// Whether the next job can join the array of `first`.
static bool joins(const mb_pool *pool, const mb_outcome *first) {
    if (pool->waiting.count == 0)
        return false;
    const mb_outcome *next = pool->waiting.jobs[0];
    return next->job.group == first->job.group && next->reserved <= memory_left(pool) &&
           next->job.host_memory <= host_memory_left(pool);
}

static mb_outcome *take_job(mb_pool *pool, int64_t memory) {
    mb_outcome *job = mb_job_heap_take(&pool->waiting, memory);
    if (job != NULL) {
        pool->memory_used += job->reserved;
        pool->host_memory_used += job->job.host_memory;
    }
    return job;
}

// Takes the costliest job that fits into memory, and further jobs of its group, which come next
// because they cost the same.
static int32_t take_jobs(mb_pool *pool, mb_outcome **jobs) {
    jobs[0] = take_job(pool, memory_left(pool));
    if (jobs[0] == NULL)
        return 0;
    int32_t count = 1, fitting = pool->fitting[jobs[0]->job.group];
    int32_t most = fitting > 0 ? fitting : pool->config.array_size;
    for (; count < most && joins(pool, jobs[0]); count++)
        jobs[count] = take_job(pool, INT64_MAX);
    return count;
}

// Limits the number of outcomes: if the disk is too slow, they must not fill the memory.
static bool has_too_many_outcomes(const mb_pool *pool) {
    return pool->finished_count >= 64 + 4 * (int64_t)pool->config.threads + pool->config.array_size;
}

// Whether a run is larger than the memory of the host, which may promise more memory than it has. A
// GPU does not, so a run may try there.
static bool is_too_large(const mb_pool *pool, const mb_outcome *job) {
    return pool->config.backend->shares_host_memory && pool->config.memory > 0 &&
           job->job.memory > pool->config.memory;
}

// Announces the run that this thread will most likely train next, so that its dataset can be
// brought to the device. It is only a guess: jobs may be added meanwhile, and other threads
// take jobs.
static void announce_next(mb_worker *w) {
    mb_pool *pool = w->pool;
    mb_job next;
    mb_run_spec spec;
    if (w->cache.device->backend->shares_host_memory)
        return; // datasets need not be copied
    pthread_mutex_lock(&pool->mutex);
    bool known = pool->waiting.count > 0;
    if (known)
        next = pool->waiting.jobs[0]->job;
    pthread_mutex_unlock(&pool->mutex);
    if (known && pool->config.specify(pool->config.owner, &next, &spec, NULL) == MB_OK)
        mb_train_expect(&w->cache, &spec);
}

// Trains `count` jobs as one array.
static mb_status train(mb_worker *w, mb_outcome **jobs, int32_t count, mb_error *error) {
    mb_pool *pool = w->pool;
    memset(w->results, 0, (size_t)count * sizeof *w->results);
    mb_status status =
        is_too_large(pool, jobs[0]) ? mb_out_of_memory(error, "the run is too large") : MB_OK;
    for (int32_t i = 0; status == MB_OK && i < count; i++)
        status = pool->config.specify(pool->config.owner, &jobs[i]->job, &w->specs[i], error);
    if (status == MB_OK)
        announce_next(w);
    if (status == MB_OK)
        status = pool->config.train(&w->cache, w->specs, count, &pool->stop, &w->steps, w->results,
                                    error);
    for (int32_t i = 0; i < count; i++) {
        jobs[i]->status = status;
        if (status == MB_OK)
            jobs[i]->result = w->results[i];
        else
            mb_run_result_free(&w->results[i]);
    }
    if (status != MB_OK && count > 1)
        return mb_fail_in(error, status, "in an array of %d runs: ", count);
    return status;
}

// Appends a job to the finished outcomes. The mutex must be held.
static void deliver(mb_pool *pool, mb_outcome *job) {
    job->next = NULL;
    if (pool->last != NULL)
        pool->last->next = job;
    else
        pool->first = job;
    pool->last = job;
    pool->finished_count++;
    pool->finished_cost += job->job.cost;
}

// Notes for progress displays which array a worker trains.
static void begin(mb_worker *w, mb_outcome **jobs, int32_t count) {
    pthread_mutex_lock(&w->pool->mutex);
    w->run_count = count;
    w->array_cost = 0;
    w->array_steps = 0;
    w->steps_at_start = atomic_load(&w->steps);
    for (int32_t i = 0; i < count; i++) {
        w->array_cost += jobs[i]->job.cost;
        w->array_steps += jobs[i]->job.steps;
    }
    pthread_mutex_unlock(&w->pool->mutex);
}

// Delivers the outcomes of the jobs of an array.
static void finish(mb_worker *w, mb_outcome **jobs, int32_t count, mb_status status,
                   const mb_error *error) {
    mb_pool *pool = w->pool;
    pthread_mutex_lock(&pool->mutex);
    w->run_count = 0;
    if (status != MB_OK && !error->out_of_memory && pool->error.message[0] == '\0')
        pool->error = *error;
    int32_t first = status != MB_OK && error->run < count ? error->run : 0; // the run that failed
    for (int32_t i = 0; i < count; i++) {
        mb_outcome *job = jobs[(first + i) % count];
        job->does_not_fit = status != MB_OK && error->out_of_memory;
        pool->memory_used -= job->reserved;
        pool->host_memory_used -= job->job.host_memory;
        deliver(pool, job);
    }
    mb_pool_announce(pool); // memory is free again
    pthread_cond_signal(&pool->result);
    pthread_mutex_unlock(&pool->mutex);
}

// Whether it makes sense to try a run once more that other runs may have left too little memory.
static bool may_fit_alone(const mb_pool *pool, const mb_outcome *job) {
    return pool->config.threads > 1 && !job->again && !is_too_large(pool, job);
}

// Puts a job back, to be tried once more when no other run is in flight.
static void try_later(mb_worker *w, mb_outcome *job) {
    mb_pool *pool = w->pool;
    pthread_mutex_lock(&pool->mutex);
    w->run_count = 0;
    pool->memory_used -= job->reserved;
    pool->host_memory_used -= job->job.host_memory;
    job->again = true;
    job->reserved = pool->config.memory > job->reserved ? pool->config.memory : job->reserved;
    mb_job_heap_push(&pool->waiting, job);
    mb_pool_announce(pool); // memory is free again
    pthread_mutex_unlock(&pool->mutex);
}

// Limits the size of this and all further arrays of the group.
static void shrink(mb_worker *w, const mb_job *job, int32_t fitting) {
    pthread_mutex_lock(&w->pool->mutex);
    w->pool->fitting[job->group] = fitting;
    pthread_mutex_unlock(&w->pool->mutex);
    mb_cache_trim(&w->cache);
}

// Ends jobs without training them: the pool stops, or a job before them failed.
static void give_up(mb_outcome **jobs, int32_t count, mb_status status) {
    for (int32_t i = 0; i < count; i++) {
        jobs[i]->status = status;
        jobs[i]->result.status = MB_RUN_STOPPED;
    }
}

// Trains the jobs that were taken, all at once or, if the device does not have enough memory, in
// waves of as many as fit.
static void train_waves(mb_worker *w, int32_t count) {
    mb_pool *pool = w->pool;
    int32_t done = 0, most = count;
    while (done < count) {
        mb_outcome **jobs = w->taken + done;
        int32_t wave = count - done < most ? count - done : most;
        mb_error error = {.message = ""};
        begin(w, jobs, wave);
        mb_status status = train(w, jobs, wave, &error);
        if (status != MB_OK && error.out_of_memory && wave > 1) {
            most = wave / 2;
            shrink(w, &jobs[0]->job, most);
            continue;
        }
        if (status != MB_OK && error.out_of_memory && may_fit_alone(pool, jobs[0])) {
            try_later(w, jobs[0]);
            done++;
            continue;
        }
        done += wave;
        // A run that does not fit says nothing of the next one: memory may be free again.
        bool failed = status != MB_OK && !error.out_of_memory;
        if (done < count && (failed || atomic_load(&pool->stop))) {
            give_up(w->taken + done, count - done, status);
            wave += count - done;
            done = count;
        }
        finish(w, jobs, wave, status, &error);
    }
}

// The state that an idle thread waits to change.
typedef struct change {
    const mb_pool *pool;
    int32_t announcements; // their number when the thread began to wait
} change;

static bool unchanged(const void *context) {
    const change *c = context;
    return atomic_load_explicit(&c->pool->announcements, memory_order_relaxed) == c->announcements;
}

// An idle thread assists the training thread with the fewest helpers, or waits if no thread trains,
// until there is an announcement. The mutex must be held.
static void wait_or_assist(mb_pool *pool) {
    const mb_executor *executor = pool->config.backend->executor;
    mb_worker *busy = NULL;
    for (int32_t i = 0; i < pool->config.threads && executor->assist != NULL; i++) {
        mb_worker *other = &pool->workers[i];
        if (other->training && (busy == NULL || other->helpers < busy->helpers))
            busy = other;
    }
    if (busy == NULL) {
        pthread_cond_wait(&pool->work, &pool->mutex);
        return;
    }
    change c = {pool, atomic_load(&pool->announcements)};
    busy->helpers++;
    pthread_mutex_unlock(&pool->mutex);
    executor->assist(busy->cache.device, unchanged, &c);
    pthread_mutex_lock(&pool->mutex);
    busy->helpers--;
}

void *mb_pool_work(void *worker) {
    mb_worker *w = worker;
    mb_pool *pool = w->pool;
    pthread_mutex_lock(&pool->mutex);
    while (!atomic_load(&pool->stop)) {
        int32_t count = has_too_many_outcomes(pool) ? 0 : take_jobs(pool, w->taken);
        if (count == 0) {
            wait_or_assist(pool);
            continue;
        }
        w->training = true;
        pthread_mutex_unlock(&pool->mutex);
        train_waves(w, count);
        pthread_mutex_lock(&pool->mutex);
        w->training = false;
        mb_pool_announce(pool); // so that its helpers look for other work
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}
