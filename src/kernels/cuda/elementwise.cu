// Element by element: constant, activations, sums and products; a thread makes one element.
#include "cuda/call.cuh"

// y[i] = f(i-th elements). What f reads stands in its members; a and b are inputs of the run.
template <class Function>
static __global__ void elementwise_kernel(mb_tables tables, mb_view a, mb_view b, mb_view y,
                                          Function f) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t i = mb_item();
    if (rows == 0 || i >= mb_view_elements(y, rows))
        return;
    float first = a.first != NULL ? mb_at(a, run)[i] : 0.0f;
    float second = b.first != NULL ? mb_at(b, run)[i] : 0.0f;
    mb_at(y, run)[i] = f(tables, run, first, second);
}

template <class Function> static void elementwise(const mb_cuda_call *call, Function f) {
    const mb_view none = {};
    int32_t inputs = call->step->input_count;
    MB_LAUNCH((elementwise_kernel<Function>),
              mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)), dim3(MB_THREADS),
              0, call->stream, call->tables, inputs > 0 ? call->inputs[0] : none,
              inputs > 1 ? call->inputs[1] : none, call->outputs[0], f);
}

struct constant_of {
    float value;
    __device__ float operator()(const mb_tables &, int32_t, float, float) const {
        return value;
    }
};

MB_CUDA_OP(constant) {
    elementwise(call, constant_of{call->step->params.constant.value});
}

struct relu_of {
    __device__ float operator()(const mb_tables &, int32_t, float x, float) const {
        return x < 0.0f ? 0.0f : x; // NaN stays NaN
    }
};

MB_CUDA_OP(relu) {
    elementwise(call, relu_of{});
}

// dx = dy where y > 0, else 0
struct relu_gradient_of {
    __device__ float operator()(const mb_tables &, int32_t, float dy, float y) const {
        return y > 0.0f ? dy : 0.0f;
    }
};

MB_CUDA_OP(relu_grad) {
    elementwise(call, relu_gradient_of{});
}

struct sum_of {
    __device__ float operator()(const mb_tables &, int32_t, float a, float b) const {
        return a + b;
    }
};

MB_CUDA_OP(add) {
    elementwise(call, sum_of{});
}

struct product_of {
    __device__ float operator()(const mb_tables &, int32_t, float a, float b) const {
        return a * b;
    }
};

MB_CUDA_OP(multiply) {
    elementwise(call, product_of{});
}

struct sigmoid_of {
    __device__ float operator()(const mb_tables &, int32_t, float x, float) const {
        return 1.0f / (1.0f + expf(-x));
    }
};

MB_CUDA_OP(sigmoid) {
    elementwise(call, sigmoid_of{});
}

// dx = dy * y * (1 - y)
struct sigmoid_gradient_of {
    __device__ float operator()(const mb_tables &, int32_t, float dy, float y) const {
        return dy * y * (1.0f - y);
    }
};

MB_CUDA_OP(sigmoid_grad) {
    elementwise(call, sigmoid_gradient_of{});
}

struct tanh_of {
    __device__ float operator()(const mb_tables &, int32_t, float x, float) const {
        return tanhf(x);
    }
};

MB_CUDA_OP(tanh) {
    elementwise(call, tanh_of{});
}

// dx = dy * (1 - y^2)
struct tanh_gradient_of {
    __device__ float operator()(const mb_tables &, int32_t, float dy, float y) const {
        return dy * (1.0f - y * y);
    }
};

MB_CUDA_OP(tanh_grad) {
    elementwise(call, tanh_gradient_of{});
}

// factor * the slot's value * x
struct scaled {
    float factor;
    mb_slot slot;
    __device__ float operator()(const mb_tables &tables, int32_t run, float x, float) const {
        const float *slots = tables.slots + (int64_t)run * MB_SLOT_COUNT;
        return factor * (slot == MB_SLOT_NONE ? 1.0f : slots[slot]) * x;
    }
};

MB_CUDA_OP(scale) {
    elementwise(call, scaled{call->step->params.scale.factor, call->step->params.scale.slot});
}

struct same {
    __device__ float operator()(const mb_tables &, int32_t, float x, float) const {
        return x;
    }
};

MB_CUDA_OP(reshape) {
    elementwise(call, same{});
}

// x; the weights behind it are not read.
MB_CUDA_OP(idle_weights) {
    const mb_view none = {};
    MB_LAUNCH((elementwise_kernel<same>),
              mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)), dim3(MB_THREADS),
              0, call->stream, call->tables, call->inputs[0], none, call->outputs[0], same{});
}
