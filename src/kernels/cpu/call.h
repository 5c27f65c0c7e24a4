// The argument of a CPU kernel: one op of a plan, for one run.
#ifndef MB_KERNELS_CPU_CALL_H
#define MB_KERNELS_CPU_CALL_H

#include "graph/ops.h"
#include "merbench/executor.h"
#include "merbench/stop.h"

typedef struct mb_cpu_call {
    const mb_plan_op *op;
    int32_t rows; // valid rows of the batch, >= 1
    const float *inputs[MB_MAX_INPUTS];
    float *outputs[MB_MAX_OUTPUTS];
    // The run:
    const float *slots; // (MB_SLOT_COUNT)
    mb_key key;
    uint32_t training_step;
    const float *masks;
    const int32_t *indices; // (rows) utterances
    int32_t max_rows;       // of the plan
    // The neighbouring training steps of the launch: whether the previous step has begun the first
    // layer of this one, and the batch of the next step (0 rows: there is none).
    bool begun;
    int32_t next_rows;
    const int32_t *next_indices;
    const mb_dataset *dataset;
    const mb_parameter *parameter_list; // of the plan
    float *parameters, *first_moments, *second_moments;
    // Where threads share the op (share.h): operands and indices begin at row first_row of the
    // batch, and the kernel makes share `share` of `share_count` of the output. `phase` is 0 or 1
    // for ops that are shared IN_PHASES.
    int32_t first_row;
    int32_t share, share_count;
    int32_t phase;
    const int *stop; // of the device
} mb_cpu_call;

// Numbers first ... end - 1.
typedef struct mb_cpu_range {
    int64_t first, end;
} mb_cpu_range;

// The call's share of `count` items, in whole units; only the last unit may be cut short.
static inline mb_cpu_range mb_cpu_range_of(const mb_cpu_call *call, int64_t count, int64_t unit) {
    int64_t units = (count + unit - 1) / unit;
    int64_t first = units * call->share / call->share_count * unit;
    int64_t end = units * (call->share + 1) / call->share_count * unit;
    return (mb_cpu_range){first, end < count ? end : count};
}

typedef void (*mb_cpu_kernel)(const mb_cpu_call *call);

// One instruction set: its name and its kernels, by op.
typedef struct mb_cpu_isa {
    const char *name, *description;
    mb_cpu_kernel kernels[MB_OP_COUNT];
} mb_cpu_isa;

#endif
