// Adam for one weight. Formula: src/kernels/cpu/isa/optim.c.
#ifndef MB_KERNELS_CUDA_OPTIM_CUH
#define MB_KERNELS_CUDA_OPTIM_CUH

#include "cuda/call.cuh"

// The parameter that an op updates.
struct mb_update {
    int64_t offset;      // within the parameters of a run
    int32_t fewest_rows; // see mb_parameter
};

inline mb_update mb_update_of(const mb_cuda_call *call) {
    const mb_parameter *parameter = &call->plan->parameters[call->op->params.update.parameter];
    return {parameter->offset, parameter->fewest_rows};
}

// Whether the current step updates the parameter of this run.
__device__ inline bool mb_updates(const mb_tables &tables, const mb_update &update, int32_t run) {
    return tables.rows[run] > 0 && tables.widest[run] >= update.fewest_rows;
}

// Updates one weight w and its moments m, v with the gradient g.
__device__ inline void mb_adam_step(const mb_adam &adam, float g, float &w, float &m, float &v) {
    const float b1 = 0.9f, b2 = 0.999f, a1 = (float)(1.0 - 0.9), a2 = (float)(1.0 - 0.999);
    g = g > adam.clip ? adam.clip : g; // NaN stays NaN
    g = g < -adam.clip ? -adam.clip : g;
    g += adam.weight_decay * w;
    m = b1 * m + a1 * g;
    v = b2 * v + a2 * (g * g);
    w -= adam.step_size * m / (sqrtf(v) * adam.root_scale + 1e-8f);
}

#endif
