// Datasets in the memory of a device.
//
// A device that keeps what it was given has each array of the host in its memory once, however many
// datasets contain it, also while nobody uses it: the runs of a sweep that follow each other find
// their features there. When memory is short, what nobody uses goes, the longest unused first.
//
// While an array of runs trains, a thread of the cache brings the dataset that comes next. It only
// ever does what mb_cached_dataset_open would do later, and leaves it when there is no room.
#ifndef MERBENCH_DEVICE_CACHE_H
#define MERBENCH_DEVICE_CACHE_H

#include "merbench/device.h"
#include "merbench/stream.h"

typedef struct mb_kept_arrays mb_kept_arrays;
typedef struct mb_cached_array mb_cached_array;

// A device and what it has. Where only the device is set nothing is kept: an array goes with the
// last dataset that contains it.
typedef struct mb_device_cache {
    mb_device *device;
    mb_kept_arrays *kept;
} mb_device_cache;

// From now on what nobody uses is kept, until mb_cache_release, which must come before the device
// is closed and may be called on any cache. The cache stays where it is in between.
mb_status mb_cache_keep(mb_device_cache *cache, mb_error *error);
void mb_cache_release(mb_device_cache *cache);
// Gives up what nobody uses.
void mb_cache_trim(mb_device_cache *cache);

// Memory of the device; what is kept makes room for it.
mb_status mb_cache_allocate(mb_device_cache *cache, size_t bytes, void **memory, mb_error *error);

enum { MB_DATASET_ARRAYS = 2 * MB_MAX_STREAMS + 2 }; // values, offsets; labels

// A dataset in use.
typedef struct mb_cached_dataset {
    mb_device_cache *cache; // NULL: nothing is held
    mb_dataset dataset;     // in the memory of the device
    mb_cached_array *arrays[MB_DATASET_ARRAYS];
} mb_cached_dataset;

// Brings a dataset from the host to the device; where the device shares the host's memory the
// dataset stays as it is. Must be closed also after a failure. The host's arrays must not change as
// long as the cache keeps them: they are known by their addresses.
mb_status mb_cached_dataset_open(mb_device_cache *cache, const mb_dataset *host,
                                 mb_cached_dataset *cached, mb_error *error);
void mb_cached_dataset_close(mb_cached_dataset *cached);

#endif
