// Dropout as an op of its own; dropout.cuh says how masks are made.
#include "cuda/dropout.cuh"

// y = x * mask / (1 - p), a random mask: a thread makes the 8 elements of one Philox counter.
// Assigns.
static __global__ void dropout_kernel(mb_tables tables, mb_dropout_setting setting, mb_view x,
                                      mb_view y) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t counter = mb_item(), elements = mb_view_elements(y, rows);
    int64_t first = mb_mask_first(counter);
    if (rows == 0 || first >= elements)
        return;
    mb_mask mask = mb_mask_of(tables, setting, run);
    float factors[MB_MASK_SHARE] = {1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f};
    if (!mask.idle())
        mb_mask_factors(mask, counter, factors);
    const float *from = mb_at(x, run) + first;
    float *to = mb_at(y, run) + first;
    int64_t left = elements - first;
#pragma unroll
    for (int share = 0; share < MB_MASK_SHARE; share++)
        if (share * MB_MASK_COUNTERS < left)
            to[share * MB_MASK_COUNTERS] = from[share * MB_MASK_COUNTERS] * factors[share];
}

MB_CUDA_OP(dropout) {
    int64_t elements = mb_view_elements(call->outputs[0], call->max_rows);
    MB_LAUNCH(dropout_kernel, mb_grid(call, mb_mask_counters(elements)), dim3(MB_THREADS), 0,
              call->stream, call->tables, call->step->params.dropout, call->inputs[0],
              call->outputs[0]);
}

// y = x * mask / (1 - p), a mask (1 keep, 0 drop) that was given from outside. Assigns.
static __global__ void stored_dropout_kernel(mb_tables tables, mb_dropout_setting setting,
                                             mb_view x, mb_view y) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t i = mb_item();
    if (rows == 0 || i >= mb_view_elements(y, rows))
        return;
    mb_mask mask = mb_mask_of(tables, setting, run);
    mb_at(y, run)[i] = mb_at(x, run)[i] * mb_mask_factor(mask, i);
}

MB_CUDA_OP(stored_dropout) {
    MB_LAUNCH(stored_dropout_kernel,
              mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)), dim3(MB_THREADS),
              0, call->stream, call->tables, call->step->params.dropout, call->inputs[0],
              call->outputs[0]);
}
