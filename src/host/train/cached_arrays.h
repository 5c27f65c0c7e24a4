// The copies of arrays of the host in the memory of a device, one by one: what device_cache.h is
// made of. The thread that uses the device and the one that prefetches may call all of these.
#ifndef MB_TRAIN_CACHED_ARRAYS_H
#define MB_TRAIN_CACHED_ARRAYS_H

#include <stdatomic.h>

#include "merbench/device_cache.h"

// The dataset that mb_cached_dataset_open will be asked for next, as far as is known; where nothing
// is kept or the host's memory is shared it does not matter.
void mb_cache_expect(mb_device_cache *cache, const mb_dataset *host);
// Starts to bring what is expected, in a thread of its own. Whoever uses the device has all the
// memory that it wants by now. Ends with the next mb_cached_dataset_open, mb_cache_trim or
// mb_cache_allocate.
void mb_cache_prefetch(mb_device_cache *cache);

// For that thread: brings a dataset if there is room without what is in use, unless *cancel becomes
// true.
void mb_cache_fetch(mb_device_cache *cache, const mb_dataset *host, const atomic_bool *cancel);

// A copy of an array of the host.
struct mb_cached_array {
    const void *host;
    size_t bytes;
    void *memory;
    int32_t users;
    mb_cached_array *next; // among those that are kept: used before this one
};

// Takes the copy of an array into use; NULL when there is none.
mb_cached_array *mb_cached_array_find(mb_device_cache *cache, const void *host, size_t bytes);
// Makes one, in use: for who uses the device or, with `cancel`, for the thread beside it, which
// gives up when that becomes true.
mb_status mb_cached_array_make(mb_device_cache *cache, const void *host, size_t bytes,
                               const atomic_bool *cancel, mb_cached_array **made, mb_error *error);
void mb_cached_array_leave(mb_device_cache *cache, mb_cached_array *array);

// Of those that are kept frees the one that was not used for the longest time; false when all are
// in use.
bool mb_cache_evict(mb_device_cache *cache);
// Bytes of those that nobody uses.
size_t mb_cache_idle_bytes(mb_device_cache *cache);

// Waits until nothing is prefetched: ends what is `wanted`, gives up anything else. Whether there
// was something to wait for.
bool mb_cache_settle(mb_device_cache *cache, const mb_dataset *wanted);

#endif
