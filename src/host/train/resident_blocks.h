// The copies of arrays of the host in the memory of a device, one by one: what resident.h is made
// of. The thread that uses the device and the one that prefetches may call all of these.
#ifndef MB_TRAIN_RESIDENT_BLOCKS_H
#define MB_TRAIN_RESIDENT_BLOCKS_H

#include <stdatomic.h>

#include "merbench/resident.h"

// The dataset that mb_residence_open will be asked for next, as far as is known; where nothing is
// kept or the host's memory is shared it does not matter.
void mb_residents_expect(mb_device *device, const mb_resident *host, int32_t utterances);
// Starts to bring what is expected, in a thread of its own. Whoever uses the device has all the
// memory that it wants by now. Ends with the next mb_residence_open, mb_residents_trim or
// mb_device_allocate.
void mb_residents_prefetch(mb_device *device);

// For that thread: brings a dataset if there is room without what is in use, unless *cancel becomes
// true.
void mb_residents_fetch(mb_device *device, const mb_resident *host, int32_t utterances,
                        const atomic_bool *cancel);

// A copy of an array of the host.
struct mb_resident_block {
    const void *host;
    size_t bytes;
    void *memory;
    int32_t users;
    mb_resident_block *next; // among those that are kept: used before this one
};

// Takes the copy of an array into use; NULL when there is none.
mb_resident_block *mb_block_find(mb_device *device, const void *host, size_t bytes);
// Makes one, in use: for who uses the device or, with `cancel`, for the thread beside it, which
// gives up when that becomes true.
mb_status mb_block_make(mb_device *device, const void *host, size_t bytes,
                        const atomic_bool *cancel, mb_resident_block **made, mb_error *error);
void mb_block_leave(mb_device *device, mb_resident_block *block);

// Of those that are kept frees the one that was not used for the longest time; false when all are
// in use.
bool mb_blocks_evict(mb_device *device);
// Bytes of those that nobody uses.
size_t mb_blocks_idle_bytes(mb_device *device);

// Waits until nothing is prefetched: ends what is `wanted`, gives up anything else. Whether there
// was something to wait for.
bool mb_residents_settle(mb_device *device, const mb_resident *wanted);

#endif
