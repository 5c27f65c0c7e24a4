// Dropout: y = x * factor, where the factor is 0 or 1 / (1 - p). Masks are not stored but generated
// again wherever they are needed. Reference: src/kernels/cpu/isa/dropout.c.
#include "cuda/dropout.cuh"

// y = x * factor. A thread takes the 8 elements of a counter, so that 16 neighbouring threads read
// contiguous memory. All 8 are loaded before the first is used. Assigns; x and y may be the same.
static __global__ void dropout_kernel(const __grid_constant__ mb_tables tables,
                                      const __grid_constant__ mb_view x,
                                      const __grid_constant__ mb_view y,
                                      mb_dropout_setting setting) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t counter = mb_item(), first = mb_mask_first(counter);
    int64_t left = mb_view_elements(y, rows) - first;
    if (rows == 0 || left <= 0)
        return;
    const float *from = mb_at(x, run) + first;
    float *to = mb_at(y, run) + first, values[MB_DROPOUT_SHARE], factors[MB_DROPOUT_SHARE];
#pragma unroll
    for (int share = 0; share < MB_DROPOUT_SHARE; share++)
        values[share] =
            share * MB_DROPOUT_COUNTERS < left ? from[share * MB_DROPOUT_COUNTERS] : 0.0f;
    mb_mask_factors(mb_mask_of(tables, run, setting), counter, factors);
#pragma unroll
    for (int share = 0; share < MB_DROPOUT_SHARE; share++)
        if (share * MB_DROPOUT_COUNTERS < left)
            to[share * MB_DROPOUT_COUNTERS] = values[share] * factors[share];
}

MB_CUDA_OP(dropout) {
    int64_t elements = mb_view_elements(call->outputs[0], call->max_rows);
    MB_LAUNCH(dropout_kernel, mb_grid(call, mb_mask_counters(elements)), dim3(MB_THREADS), 0,
              call->stream, call->tables, call->inputs[0], call->outputs[0],
              call->op->params.dropout);
}

// y = x * factor, with a mask (1 keep, 0 drop) that comes from the caller. Assigns.
static __global__ void stored_dropout_kernel(const __grid_constant__ mb_tables tables,
                                             const __grid_constant__ mb_view x,
                                             const __grid_constant__ mb_view y,
                                             mb_dropout_setting setting) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t i = mb_item();
    if (rows == 0 || i >= mb_view_elements(y, rows))
        return;
    mb_at(y, run)[i] = mb_at(x, run)[i] * mb_mask_factor(mb_mask_of(tables, run, setting), i);
}

MB_CUDA_OP(stored_dropout) {
    MB_LAUNCH(stored_dropout_kernel,
              mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)), dim3(MB_THREADS),
              0, call->stream, call->tables, call->inputs[0], call->outputs[0],
              call->op->params.dropout);
}
