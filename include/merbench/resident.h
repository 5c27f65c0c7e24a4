// Features and labels of corpora in the memory of a device.
//
// A device that keeps residents has each array of the host in its memory once, however many
// datasets contain it, also while nobody uses it: the runs of a sweep that follow each other find
// their corpora there. When memory is short, what nobody uses goes, the longest unused first.
//
// While an array of runs trains, a thread of the device's brings the dataset that comes next. It
// only ever does what mb_residence_open would do later, and leaves it when there is no room.
#ifndef MERBENCH_RESIDENT_H
#define MERBENCH_RESIDENT_H

#include "merbench/executor.h"

enum { MB_RESIDENT_ARRAYS = 2 * MB_MODALITY_COUNT + 2 }; // of a dataset

typedef struct mb_resident_block mb_resident_block;

// A dataset that is in use.
typedef struct mb_residence {
    mb_device *device;   // NULL: nothing is held
    mb_resident dataset; // in the memory of the device
    mb_resident_block *blocks[MB_RESIDENT_ARRAYS];
} mb_residence;

// Brings a dataset of `utterances` utterances from the host to the device; where the device shares
// the host's memory the dataset stays as it is. Must be closed also after a failure. The host's
// arrays must not change as long as the device keeps residents: they are known by their addresses.
mb_status mb_residence_open(mb_device *device, const mb_resident *host, int32_t utterances,
                            mb_residence *residence, mb_error *error);
void mb_residence_close(mb_residence *residence);

// From now on the device keeps what nobody uses, until mb_residents_release, which must come before
// the device is closed and may be called on any device.
mb_status mb_residents_keep(mb_device *device, mb_error *error);
void mb_residents_release(mb_device *device);
// Gives up what nobody uses.
void mb_residents_trim(mb_device *device);

// Device memory; kept residents make room for it.
mb_status mb_device_allocate(mb_device *device, size_t bytes, void **memory, mb_error *error);

#endif
