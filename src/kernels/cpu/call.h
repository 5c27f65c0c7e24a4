// What a CPU kernel gets: one step of a plan for one run.
#ifndef MB_KERNELS_CPU_CALL_H
#define MB_KERNELS_CPU_CALL_H

#include "graph/ops.h"
#include "merbench/executor.h"

typedef struct mb_cpu_call {
    const mb_step *step;
    int32_t rows; // valid rows of the batch, >= 1
    const float *inputs[MB_MAX_INPUTS];
    float *outputs[MB_MAX_OUTPUTS];
    // Of the run:
    const float *slots; // (MB_SLOT_COUNT)
    mb_key key;
    uint32_t training_step;
    const float *masks;
    const int32_t *indices; // (rows) utterances
    int32_t max_rows;       // of the plan
    // The neighbouring steps of the launch, for plans that train: whether the step before has begun
    // what it can of this one, and the batch of the step that follows, 0 rows for none.
    bool begun;
    int32_t next_rows;
    const int32_t *next_indices;
    const mb_dataset *dataset;
    const mb_parameter *parameter_list; // of the plan
    float *parameters, *first_moments, *second_moments;
    // Where threads share the step (share.h): operands and indices begin at row first_row of the
    // batch; of its output the kernel makes part `part` of `parts`.
    int32_t first_row;
    int32_t part, parts;
    int32_t phase;
} mb_cpu_call;

// Numbers first ... end - 1.
typedef struct mb_cpu_range {
    int64_t first, end;
} mb_cpu_range;

// What of `count` is the call's part, in whole units but for the last one.
static inline mb_cpu_range mb_cpu_range_of(const mb_cpu_call *call, int64_t count, int64_t unit) {
    int64_t units = (count + unit - 1) / unit;
    int64_t first = units * call->part / call->parts * unit;
    int64_t end = units * (call->part + 1) / call->parts * unit;
    return (mb_cpu_range){first, end < count ? end : count};
}

typedef void (*mb_cpu_kernel)(const mb_cpu_call *call);

// One instruction set: its name and its kernels, by op.
typedef struct mb_cpu_isa {
    const char *name, *description;
    mb_cpu_kernel kernels[MB_OP_COUNT];
} mb_cpu_isa;

#endif
