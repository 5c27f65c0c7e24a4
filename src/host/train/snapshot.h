// Snapshots: the weights of the best epochs of the runs of an array, in device memory. On a device
// that shares the host's memory, those of large models are in a temporary file without a name
// ($TMPDIR or /tmp), so that a run takes memory for its weights and two moments only.
#ifndef MB_TRAIN_SNAPSHOT_H
#define MB_TRAIN_SNAPSHOT_H

#include "merbench/device_cache.h"

typedef struct mb_snapshot {
    mb_device *device;
    int32_t run_count; // A
    int64_t floats;    // of one model
    float *memory;     // (A, floats) device memory; NULL: in `file`
    int file;
} mb_snapshot;

// Whether models of this size keep their snapshot in a file on a device that shares the
// host's memory.
bool mb_snapshot_in_file(int64_t floats);

// Must be closed even after a failure. An mb_snapshot of zeros may be closed, too.
mb_status mb_snapshot_open(mb_device_cache *cache, int32_t run_count, int64_t floats,
                           mb_snapshot *snapshot, mb_error *error);
void mb_snapshot_close(mb_snapshot *snapshot);

// Copy weights between the snapshot and `parameters` (A, floats), for the runs with chosen[a]; both
// tables are device memory. MB_FAILED when the disk is full.
mb_status mb_snapshot_save(mb_snapshot *snapshot, const int32_t *chosen, const float *parameters,
                           mb_error *error);
mb_status mb_snapshot_load(const mb_snapshot *snapshot, const int32_t *chosen, float *parameters,
                           mb_error *error);

#endif
