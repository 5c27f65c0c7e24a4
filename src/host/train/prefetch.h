// The thread that uploads the dataset that a device needs next.
//
// It works between mb_prefetch_start and the next mb_prefetch_settle and is idle otherwise, so the
// thread that uses the device knows how much memory is free whenever it allocates. The lock in
// cached_arrays.c guards the list of kept copies, which both threads use; the lock of this file
// guards the requests and the state of the thread.
#ifndef MB_TRAIN_PREFETCH_H
#define MB_TRAIN_PREFETCH_H

#include "merbench/device_cache.h"

typedef struct mb_prefetch mb_prefetch;

// NULL when the system refuses another thread; there is no prefetching then. All other functions
// accept NULL and do nothing.
mb_prefetch *mb_prefetch_open(mb_device_cache *cache);
// Ends the thread; an upload in progress is given up.
void mb_prefetch_close(mb_prefetch *prefetch);

// Sets the dataset that the next mb_prefetch_start uploads.
void mb_prefetch_expect(mb_prefetch *prefetch, const mb_dataset *next);
void mb_prefetch_start(mb_prefetch *prefetch);

// Waits until the thread is idle. It finishes `wanted` if it is uploading that, and gives up
// anything else (with NULL: always). Returns whether it was busy.
bool mb_prefetch_settle(mb_prefetch *prefetch, const mb_dataset *wanted);

#endif
