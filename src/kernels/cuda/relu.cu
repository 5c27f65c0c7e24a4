// max(0, x) and its gradient, element by element.
#include "cuda/call.cuh"

static __global__ void relu_kernel(mb_tables tables, mb_view x, mb_view y) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t i = mb_item();
    if (rows == 0 || i >= mb_view_elements(y, rows))
        return;
    float value = mb_at(x, run)[i];
    mb_at(y, run)[i] = value < 0.0f ? 0.0f : value; // NaN stays NaN
}

MB_CUDA_OP(relu) {
    MB_LAUNCH(relu_kernel, mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)),
              dim3(MB_THREADS), 0, call->stream, call->tables, call->inputs[0], call->outputs[0]);
}
