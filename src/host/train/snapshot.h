// The best weights of the runs of an array, in device memory; where that is the host's, those of
// large models in a temporary file without a name ($TMPDIR or /tmp), so that a run holds its
// weights and two moments only.
#ifndef MB_TRAIN_SNAPSHOT_H
#define MB_TRAIN_SNAPSHOT_H

#include "merbench/device_cache.h"

typedef struct mb_snapshot {
    mb_device *device;
    int32_t run_count; // A
    int64_t floats;    // of one model
    float *memory;     // (A, floats) device memory, or NULL:
    int file;
} mb_snapshot;

// Whether models of this size have their snapshot in a file where device memory is the host's.
bool mb_snapshot_in_file(int64_t floats);

// Must be closed also after a failure; an mb_snapshot of zeros may be closed.
mb_status mb_snapshot_open(mb_device_cache *cache, int32_t run_count, int64_t floats,
                           mb_snapshot *snapshot, mb_error *error);
void mb_snapshot_close(mb_snapshot *snapshot);

// Between the snapshots of the runs with chosen[a] and `parameters` (A, floats); both tables are
// device memory. MB_FAILED when the disk is full.
mb_status mb_snapshot_save(mb_snapshot *snapshot, const int32_t *chosen, const float *parameters,
                           mb_error *error);
mb_status mb_snapshot_load(const mb_snapshot *snapshot, const int32_t *chosen, float *parameters,
                           mb_error *error);

#endif
