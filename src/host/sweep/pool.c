#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sweep/pool_internal.h"

void mb_pool_announce(mb_pool *pool) {
    atomic_fetch_add(&pool->announcements, 1);
    pthread_cond_broadcast(&pool->work);
}

static mb_status start_worker(mb_pool *pool, mb_worker *w, mb_error *error) {
    size_t size = (size_t)pool->config.array_size;
    w->pool = pool;
    w->taken = calloc(size, sizeof *w->taken);
    w->specs = calloc(size, sizeof *w->specs);
    w->results = calloc(size, sizeof *w->results);
    if (w->taken == NULL || w->specs == NULL || w->results == NULL)
        return mb_out_of_memory(error, "worker threads");
    mb_status status = pool->config.open != NULL
                           ? pool->config.open(pool->config.context, &w->cache.device, error)
                           : pool->config.backend->open(&w->cache.device, error);
    if (status == MB_OK)
        status = mb_cache_keep(&w->cache, error);
    if (status != MB_OK)
        return status;
    int code = pthread_create(&w->thread, NULL, mb_pool_work, w);
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
    atomic_init(&(*pool)->announcements, 0);
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
    mb_pool_announce(pool);
    pthread_mutex_unlock(&pool->mutex);
    while (pool->started > 0)
        pthread_join(pool->workers[--pool->started].thread, NULL);
}

static void free_outcome(mb_outcome *outcome) {
    mb_run_result_free(&outcome->result);
    free(outcome);
}

void mb_pool_close(mb_pool *pool) {
    if (pool == NULL)
        return;
    mb_pool_stop(pool);
    for (int32_t i = 0; pool->workers != NULL && i < pool->config.threads; i++) {
        mb_worker *w = &pool->workers[i];
        if (w->cache.device != NULL) {
            mb_cache_release(&w->cache);
            pool->config.backend->close(w->cache.device);
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

// Reserves memory for the array sizes of the jobs' groups.
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
    int64_t away = pool->pending - pool->waiting.count; // some may come back
    mb_status status = mb_job_heap_reserve(&pool->waiting, away + count, error);
    if (status == MB_OK)
        status = reserve_groups(pool, jobs, count, error);
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        mb_outcome *outcome = calloc(1, sizeof *outcome);
        if (outcome == NULL) {
            status = mb_out_of_memory(error, "the list of runs");
            break;
        }
        outcome->job = jobs[i];
        outcome->reserved = jobs[i].memory;
        outcome->order = pool->added++;
        pool->pending++;
        mb_job_heap_push(&pool->waiting, outcome);
    }
    mb_pool_announce(pool);
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
        pool->finished_cost -= outcome->job.cost;
        pool->pending--;
        if (outcome->status != MB_OK && !outcome->does_not_fit && error != NULL)
            *error = pool->error;
        mb_pool_announce(pool);
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
    long long steps = 0;
    for (int32_t i = 0; i < pool->config.threads; i++)
        steps += atomic_load(&pool->workers[i].steps);
    return steps;
}

// Adds the array that a worker trains.
static void add_flight(const mb_worker *w, mb_pool_flight *flight) {
    long long done = atomic_load(&w->steps) - w->steps_at_start;
    double fraction = done < w->array_steps ? (double)done / (double)w->array_steps : 1;
    if (flight->runs == 0 || fraction < flight->least_done) {
        flight->least_done = fraction;
        flight->steps = w->array_steps / w->run_count;
    }
    if (fraction > flight->most_done)
        flight->most_done = fraction;
    flight->cost += fraction * w->array_cost;
    flight->runs += w->run_count;
}

mb_pool_flight mb_pool_get_flight(mb_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    mb_pool_flight flight = {.cost = pool->finished_cost};
    for (int32_t i = 0; i < pool->config.threads; i++)
        if (pool->workers[i].run_count > 0)
            add_flight(&pool->workers[i], &flight);
    pthread_mutex_unlock(&pool->mutex);
    return flight;
}
