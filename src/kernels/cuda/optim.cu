// Adam (Kingma and Ba, 2015) with coupled weight decay, after clipping by value, for a gradient
// that is stored in memory. Reference: src/kernels/cpu/isa/optim.c.
#include "cuda/optim.cuh"

// gradient, w, m, v: `elements` numbers each. A thread updates one weight.
static __global__ void adam_kernel(mb_tables tables, mb_view gradient, mb_update update,
                                   int64_t elements) {
    int32_t run = (int32_t)blockIdx.y;
    int64_t i = mb_item();
    if (!mb_updates(tables, update, run) || i >= elements)
        return;
    int64_t at = run * tables.parameter_floats + update.offset + i;
    mb_adam_step(tables.adam[run], mb_at(gradient, run)[i], tables.parameters[at],
                 tables.first_moments[at], tables.second_moments[at]);
}

MB_CUDA_OP(adam) {
    int64_t elements = mb_view_elements(call->inputs[0], 0);
    MB_LAUNCH(adam_kernel, mb_grid(call, elements), dim3(MB_THREADS), 0, call->stream, call->tables,
              call->inputs[0], mb_update_of(call), elements);
}
