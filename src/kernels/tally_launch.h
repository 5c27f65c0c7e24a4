// The rows of one run in a launch that tallies predictions. Both executors use it.
#ifndef MB_KERNELS_TALLY_LAUNCH_H
#define MB_KERNELS_TALLY_LAUNCH_H

#include "merbench/executor.h"
#include "score/tally_row.h"

// Run `a` of the launch, as mb_tally_make and the CUDA kernel read it.
MB_ROW_FUNCTION mb_tally_rows mb_tally_rows_of(const mb_tally_launch *launch, int32_t a) {
    int64_t first = a * launch->index_stride, classes = launch->class_count;
    mb_tally_rows rows;
    rows.count = launch->counts[a];
    rows.batch_size = launch->batch_size;
    rows.class_count = launch->class_count;
    rows.utterances = launch->indices + first;
    rows.emotions = launch->emotions;
    rows.valences = launch->valences;
    rows.logits = launch->logits != NULL ? launch->logits + first * classes : NULL;
    rows.values = launch->values != NULL ? launch->values + first : NULL;
    rows.auxiliary =
        launch->auxiliary != NULL ? launch->auxiliary + a * launch->auxiliary_stride : NULL;
    return rows;
}

#endif
