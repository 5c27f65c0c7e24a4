// The thread that brings to a device the dataset that comes next.
//
// It works between mb_prefetch_start and the next mb_prefetch_settle and is idle otherwise, so the
// thread that owns the device can count on the device's memory whenever it allocates. Both take
// turns at the list of what is kept, whose lock is cached_arrays.c's; the lock here guards what is
// asked for and what is done about it.
#ifndef MB_TRAIN_PREFETCH_H
#define MB_TRAIN_PREFETCH_H

#include "merbench/device_cache.h"

typedef struct mb_prefetch mb_prefetch;

// NULL when the system has no thread to give: then nothing is prefetched. All other functions take
// NULL and do nothing.
mb_prefetch *mb_prefetch_open(mb_device_cache *cache);
// Gives up what is under way; returns soon.
void mb_prefetch_close(mb_prefetch *prefetch);

void mb_prefetch_expect(mb_prefetch *prefetch, const mb_dataset *next);
void mb_prefetch_start(mb_prefetch *prefetch);

// Waits until the thread is idle. If it is bringing `wanted` it ends that first, of anything else
// (always with NULL) it gives up what is not there yet. Whether it was at work.
bool mb_prefetch_settle(mb_prefetch *prefetch, const mb_dataset *wanted);

#endif
