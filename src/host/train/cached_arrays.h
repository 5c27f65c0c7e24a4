// Device copies of single host arrays, from which device_cache.h makes datasets. Two threads may
// call all of these: the one that uses the device, and the one that prefetches (prefetch.h).
#ifndef MB_TRAIN_CACHED_ARRAYS_H
#define MB_TRAIN_CACHED_ARRAYS_H

#include <stdatomic.h>

#include "merbench/device_cache.h"

// Announces the dataset that mb_cached_dataset_open is expected to open next. Has no effect on a
// cache that keeps nothing, or whose device shares the host's memory.
void mb_cache_expect(mb_device_cache *cache, const mb_dataset *host);
// Starts to upload the expected dataset in the prefetching thread. The caller must have allocated
// all the device memory that it needs for now. Ends with the next mb_cached_dataset_open,
// mb_cache_trim or mb_cache_allocate.
void mb_cache_prefetch(mb_device_cache *cache);

// For the prefetching thread: uploads a dataset if it fits without freeing anything in use. Gives
// up when *cancel becomes true.
void mb_cache_fetch(mb_device_cache *cache, const mb_dataset *host, const atomic_bool *cancel);

// A device copy of a host array.
struct mb_cached_array {
    const void *host; // the array
    size_t bytes;
    void *memory; // the copy, in device memory
    int32_t users;
    mb_cached_array *next; // in the list of kept copies: the one last used before this one
};

// Finds the copy of a host array and adds a user; NULL when there is none.
mb_cached_array *mb_cached_array_find(mb_device_cache *cache, const void *host, size_t bytes);
// Makes a copy with one user. `cancel` is NULL in the thread that uses the device; the prefetching
// thread passes a flag and gives up when it becomes true.
mb_status mb_cached_array_make(mb_device_cache *cache, const void *host, size_t bytes,
                               const atomic_bool *cancel, mb_cached_array **made, mb_error *error);
// Removes a user; frees the copy after the last one, unless the cache keeps it.
void mb_cached_array_leave(mb_device_cache *cache, mb_cached_array *array);

// Frees the least recently used copy without users; false when all are in use.
bool mb_cache_evict(mb_device_cache *cache);
// The size of all copies without users.
size_t mb_cache_idle_bytes(mb_device_cache *cache);

// Waits until the prefetching thread is idle. It finishes `wanted` if it is uploading that, and
// gives up anything else. Returns whether it was busy.
bool mb_cache_settle(mb_device_cache *cache, const mb_dataset *wanted);

#endif
