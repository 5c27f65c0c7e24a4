// A cache of datasets in device memory. The trainer opens its datasets through it; a program
// that trains many arrays of runs keeps the cache between them, so that their features are
// uploaded once.
//
// The cache holds one copy of each host array, however many datasets contain the array, and keeps
// it when no dataset uses it any more. When memory is short, unused copies are freed, least
// recently used first.
//
// While an array of runs trains, a thread of the cache uploads the dataset that is needed next.
// The thread does only what mb_cached_dataset_open would do later, and skips the dataset when
// memory is short.
#ifndef MERBENCH_DEVICE_CACHE_H
#define MERBENCH_DEVICE_CACHE_H

#include "merbench/device.h"
#include "merbench/stream.h"

typedef struct mb_kept_arrays mb_kept_arrays;
typedef struct mb_cached_array mb_cached_array;

// A device and the copies on it. A cache with only `device` set keeps nothing: a copy is freed with
// the last dataset that contains it.
typedef struct mb_device_cache {
    mb_device *device;
    mb_kept_arrays *kept;
} mb_device_cache;

// Makes the cache keep unused copies until mb_cache_release. The cache must not move in memory in
// between. mb_cache_release must be called before the device is closed; calling it on a cache that
// keeps nothing is allowed.
mb_status mb_cache_keep(mb_device_cache *cache, mb_error *error);
void mb_cache_release(mb_device_cache *cache);
// Frees all unused copies.
void mb_cache_trim(mb_device_cache *cache);

// Allocates device memory. Frees unused copies if there is not enough.
mb_status mb_cache_allocate(mb_device_cache *cache, size_t bytes, void **memory, mb_error *error);

// Values and offsets of each stream, emotions, valences.
enum { MB_DATASET_ARRAYS = 2 * MB_MAX_STREAMS + 2 };

// A dataset in use on a device.
typedef struct mb_cached_dataset {
    mb_device_cache *cache; // NULL: closed
    mb_dataset dataset;     // its arrays are device memory
    mb_cached_array *arrays[MB_DATASET_ARRAYS];
} mb_cached_dataset;

// Makes a dataset available on the device. Where the device shares the host's memory, the dataset
// is used in place. Must be closed even after a failure. The cache identifies host arrays by their
// addresses, so they must not change while it keeps copies of them.
mb_status mb_cached_dataset_open(mb_device_cache *cache, const mb_dataset *host,
                                 mb_cached_dataset *cached, mb_error *error);
void mb_cached_dataset_close(mb_cached_dataset *cached);

#endif
