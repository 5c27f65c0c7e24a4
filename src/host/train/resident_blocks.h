// The copies of arrays of the host in the memory of a device, one by one: what resident.h is made
// of. The thread that uses the device and the one that prefetches may call all of these.
#ifndef MB_TRAIN_RESIDENT_BLOCKS_H
#define MB_TRAIN_RESIDENT_BLOCKS_H

#include "train/resident.h"

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
