#include "train/cached_arrays.h"

#include <pthread.h>
#include <stdlib.h>

#include "train/prefetch.h"

// Only complete copies are in the list: a thread adds a copy after it has filled it.
struct mb_kept_arrays {
    mb_prefetch *prefetch; // NULL: no prefetching
    pthread_mutex_t lock;  // guards the list and the numbers of users
    mb_cached_array *latest;
};

// Frees a copy without users. `release` is a function of the backend: release, which may wait for
// the device, or release_concurrent.
static void free_array(mb_device_cache *cache, mb_cached_array *array,
                       void (*release)(mb_device *device, void *memory)) {
    if (array->memory != NULL)
        release(cache->device, array->memory);
    free(array);
}

// ---- kept copies ------------------------------------------------------------------------------

static void lock(mb_kept_arrays *kept) {
    if (kept != NULL)
        pthread_mutex_lock(&kept->lock);
}

static void unlock(mb_kept_arrays *kept) {
    if (kept != NULL)
        pthread_mutex_unlock(&kept->lock);
}

static void push(mb_kept_arrays *kept, mb_cached_array *array) {
    array->next = kept->latest;
    kept->latest = array;
}

// Unlinks the copy that *link points to.
static mb_cached_array *unlink_array(mb_cached_array **link) {
    mb_cached_array *array = *link;
    *link = array->next;
    array->next = NULL;
    return array;
}

bool mb_cache_evict(mb_device_cache *cache) {
    mb_kept_arrays *kept = cache->kept;
    mb_cached_array **oldest = NULL, *evicted = NULL;
    if (kept == NULL)
        return false;
    lock(kept);
    for (mb_cached_array **at = &kept->latest; *at != NULL; at = &(*at)->next)
        if ((*at)->users == 0)
            oldest = at;
    if (oldest != NULL)
        evicted = unlink_array(oldest);
    unlock(kept);
    if (evicted == NULL)
        return false;
    // Its last user has waited for the device since, or freed the memory that was used with it.
    free_array(cache, evicted, cache->device->backend->release_concurrent);
    return true;
}

size_t mb_cache_idle_bytes(mb_device_cache *cache) {
    mb_kept_arrays *kept = cache->kept;
    size_t bytes = 0;
    if (kept == NULL)
        return 0;
    lock(kept);
    for (const mb_cached_array *array = kept->latest; array != NULL; array = array->next)
        bytes += array->users == 0 ? array->bytes : 0;
    unlock(kept);
    return bytes;
}

mb_status mb_cache_keep(mb_device_cache *cache, mb_error *error) {
    if (cache->kept != NULL)
        return MB_OK;
    mb_kept_arrays *kept = calloc(1, sizeof *kept);
    if (kept == NULL)
        return mb_out_of_memory(error, "the cache of a device");
    pthread_mutex_init(&kept->lock, NULL);
    cache->kept = kept; // before the thread starts, which reads it
    if (!cache->device->backend->shares_host_memory)
        kept->prefetch = mb_prefetch_open(cache);
    return MB_OK;
}

void mb_cache_trim(mb_device_cache *cache) {
    (void)mb_cache_settle(cache, NULL);
    while (mb_cache_evict(cache))
        ;
}

void mb_cache_release(mb_device_cache *cache) {
    mb_kept_arrays *kept = cache->kept;
    if (kept == NULL)
        return;
    mb_prefetch_close(kept->prefetch);
    while (mb_cache_evict(cache))
        ;
    pthread_mutex_destroy(&kept->lock);
    free(kept);
    cache->kept = NULL;
}

mb_status mb_cache_allocate(mb_device_cache *cache, size_t bytes, void **memory, mb_error *error) {
    mb_error refused = {.message = ""};
    for (;;) {
        refused.out_of_memory = false;
        mb_status status = cache->device->backend->allocate(cache->device, bytes, memory, &refused);
        if (status == MB_OK)
            return MB_OK;
        *memory = NULL;
        bool freed =
            refused.out_of_memory && (mb_cache_settle(cache, NULL) || mb_cache_evict(cache));
        if (!freed) {
            if (error != NULL)
                *error = refused;
            return status;
        }
    }
}

// ---- copies in use ----------------------------------------------------------------------------

mb_cached_array *mb_cached_array_find(mb_device_cache *cache, const void *host, size_t bytes) {
    mb_kept_arrays *kept = cache->kept;
    mb_cached_array *found = NULL;
    if (kept == NULL)
        return NULL;
    lock(kept);
    for (mb_cached_array **at = &kept->latest; *at != NULL; at = &(*at)->next)
        if ((*at)->host == host && (*at)->bytes == bytes) {
            found = unlink_array(at);
            push(kept, found);
            found->users++;
            break;
        }
    unlock(kept);
    return found;
}

// Uploads in pieces, so that it can be cancelled soon. The source is ordinary memory: locking the
// pages of a corpus takes about as long as copying it, and a copy through the driver's own buffers
// holds up this thread alone.
static mb_status upload_concurrent(mb_device_cache *cache, const mb_cached_array *array,
                                   const atomic_bool *cancel, mb_error *error) {
    enum { PIECE = 32 << 20 };
    mb_status status = MB_OK;
    for (size_t at = 0; status == MB_OK && at < array->bytes; at += PIECE) {
        size_t left = array->bytes - at;
        if (atomic_load(cancel))
            return mb_fail(error, MB_FAILED, "cancelled");
        status = cache->device->backend->upload_concurrent(
            cache->device, (char *)array->memory + at, (const char *)array->host + at,
            left < PIECE ? left : PIECE, error);
    }
    return status;
}

// Allocates and fills a copy; `cancel` as in mb_cached_array_make.
static mb_status fill_array(mb_device_cache *cache, mb_cached_array *array,
                            const atomic_bool *cancel, mb_error *error) {
    const mb_backend *backend = cache->device->backend;
    mb_status status = cancel == NULL
                           ? mb_cache_allocate(cache, array->bytes, &array->memory, error)
                           : backend->allocate(cache->device, array->bytes, &array->memory, error);
    if (status != MB_OK) {
        array->memory = NULL;
        return status;
    }
    return cancel == NULL
               ? backend->upload(cache->device, array->memory, array->host, array->bytes, error)
               : upload_concurrent(cache, array, cancel, error);
}

mb_status mb_cached_array_make(mb_device_cache *cache, const void *host, size_t bytes,
                               const atomic_bool *cancel, mb_cached_array **made, mb_error *error) {
    mb_kept_arrays *kept = cache->kept;
    mb_cached_array *array = calloc(1, sizeof *array);
    if (array == NULL)
        return mb_out_of_memory(error, "the cache of a device");
    *array = (mb_cached_array){.host = host, .bytes = bytes, .users = 1};
    mb_status status = fill_array(cache, array, cancel, error);
    if (status != MB_OK) {
        free_array(cache, array,
                   cancel == NULL ? cache->device->backend->release
                                  : cache->device->backend->release_concurrent);
        return status;
    }
    if (kept != NULL) {
        lock(kept);
        push(kept, array);
        unlock(kept);
    }
    *made = array;
    return MB_OK;
}

void mb_cached_array_leave(mb_device_cache *cache, mb_cached_array *array) {
    mb_kept_arrays *kept = cache->kept;
    lock(kept);
    bool unused = --array->users == 0;
    unlock(kept);
    if (unused && kept == NULL) // a kept copy stays in the list
        free_array(cache, array, cache->device->backend->release);
}

// ---- prefetching ------------------------------------------------------------------------------

void mb_cache_expect(mb_device_cache *cache, const mb_dataset *host) {
    if (cache->kept != NULL)
        mb_prefetch_expect(cache->kept->prefetch, host);
}

void mb_cache_prefetch(mb_device_cache *cache) {
    if (cache->kept != NULL)
        mb_prefetch_start(cache->kept->prefetch);
}

bool mb_cache_settle(mb_device_cache *cache, const mb_dataset *wanted) {
    return cache->kept != NULL && mb_prefetch_settle(cache->kept->prefetch, wanted);
}
