// Element-wise ops. A thread computes four neighbouring elements, with loads and stores of 16 bytes
// where all four exist (tensors begin at multiples of 16 floats). All assign. Reference:
// src/kernels/cpu/isa/elementwise.c.
#include "cuda/call.cuh"
#include "cuda/four.cuh"

// The base of functions y = f(a, b) with 0, 1 or 2 inputs; begin prepares f for a run.
template <int INPUTS> struct function {
    static constexpr int inputs = INPUTS;
    __device__ void begin(const mb_tables &, int32_t) {}
};

template <class Function> struct elementwise {
    mb_tables tables;
    mb_view a, b, y;
    Function f;
};

// The four floats at `first`, of which only `left` exist.
static __device__ inline void read_four(const float *values, int64_t first, int64_t left,
                                        float (&four)[4]) {
    if (left >= 4) {
        mb_get_four(values + first, four);
        return;
    }
#pragma unroll
    for (int i = 0; i < 3; i++)
        if (i < left)
            four[i] = values[first + i];
}

template <class Function>
static __global__ void elementwise_kernel(const __grid_constant__ elementwise<Function> e) {
    int32_t run = (int32_t)blockIdx.y, rows = e.tables.rows[run];
    int64_t first = 4 * mb_item(), left = mb_view_elements(e.y, rows) - first;
    if (rows == 0 || left <= 0)
        return;
    Function f = e.f;
    f.begin(e.tables, run);
    float a[4] = {}, b[4] = {}, *y = mb_at(e.y, run) + first;
    if (Function::inputs >= 1)
        read_four(mb_at(e.a, run), first, left, a);
    if (Function::inputs >= 2)
        read_four(mb_at(e.b, run), first, left, b);
    if (left >= 4) {
        mb_put_four(y, make_float4(f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])));
        return;
    }
#pragma unroll
    for (int i = 0; i < 3; i++)
        if (i < left)
            y[i] = f(a[i], b[i]);
}

// Launches y = f(a, b); f takes as many of a and b as it has inputs.
template <class Function>
static void launch(const mb_cuda_call *call, const Function &f, const mb_view &a = {},
                   const mb_view &b = {}) {
    elementwise<Function> e = {};
    int64_t elements = mb_view_elements(call->outputs[0], call->max_rows);
    e.tables = call->tables;
    e.a = a;
    e.b = b;
    e.y = call->outputs[0];
    e.f = f;
    MB_LAUNCH((elementwise_kernel<Function>), mb_grid(call, (elements + 3) / 4), dim3(MB_THREADS),
              0, call->stream, e);
}

// ---- activations ------------------------------------------------------------------------------

// y = max(0, x)
struct relu_function : function<1> {
    __device__ float operator()(float x, float) const {
        return x < 0.0f ? 0.0f : x; // NaN stays NaN
    }
};

MB_CUDA_OP(relu) {
    launch(call, relu_function{}, call->inputs[0]);
}

// dx = 0 where y is 0, else dy: a NaN lets the gradient pass.
struct relu_gradient : function<2> {
    __device__ float operator()(float dy, float y) const {
        return y <= 0.0f ? 0.0f : dy;
    }
};

MB_CUDA_OP(relu_grad) {
    launch(call, relu_gradient{}, mb_in(call, relu_grad, dy), mb_in(call, relu_grad, y));
}

// y = 1 / (1 + exp(-x))
struct sigmoid_function : function<1> {
    __device__ float operator()(float x, float) const {
        return 1.0f / (1.0f + expf(-x));
    }
};

MB_CUDA_OP(sigmoid) {
    launch(call, sigmoid_function{}, call->inputs[0]);
}

// dx = dy * y * (1 - y)
struct sigmoid_gradient : function<2> {
    __device__ float operator()(float dy, float y) const {
        return dy * y * (1.0f - y);
    }
};

MB_CUDA_OP(sigmoid_grad) {
    launch(call, sigmoid_gradient{}, mb_in(call, sigmoid_grad, dy), mb_in(call, sigmoid_grad, y));
}

// y = tanh(x)
struct tanh_function : function<1> {
    __device__ float operator()(float x, float) const {
        return tanhf(x);
    }
};

MB_CUDA_OP(tanh) {
    launch(call, tanh_function{}, call->inputs[0]);
}

// dx = dy * (1 - y^2)
struct tanh_gradient : function<2> {
    __device__ float operator()(float dy, float y) const {
        return dy * (1.0f - y * y);
    }
};

MB_CUDA_OP(tanh_grad) {
    launch(call, tanh_gradient{}, mb_in(call, tanh_grad, dy), mb_in(call, tanh_grad, y));
}

// ---- arithmetic -------------------------------------------------------------------------------

// y = a + b
struct sum_function : function<2> {
    __device__ float operator()(float a, float b) const {
        return a + b;
    }
};

MB_CUDA_OP(add) {
    launch(call, sum_function{}, mb_in(call, add, a), mb_in(call, add, b));
}

// y = a * b
struct product_function : function<2> {
    __device__ float operator()(float a, float b) const {
        return a * b;
    }
};

MB_CUDA_OP(multiply) {
    launch(call, product_function{}, mb_in(call, multiply, a), mb_in(call, multiply, b));
}

// y = factor * x, where the factor may differ from run to run.
struct scale_function : function<1> {
    float factor;
    mb_slot slot; // or MB_SLOT_NONE

    __device__ void begin(const mb_tables &tables, int32_t run) {
        if (slot != MB_SLOT_NONE)
            factor *= tables.slots[(int64_t)run * MB_SLOT_COUNT + slot];
    }
    __device__ float operator()(float x, float) const {
        return factor * x;
    }
};

MB_CUDA_OP(scale) {
    scale_function f = {};
    f.factor = call->op->params.scale.factor;
    f.slot = call->op->params.scale.slot;
    launch(call, f, call->inputs[0]);
}

// y = params.constant.value
struct constant_function : function<0> {
    float value;
    __device__ float operator()(float, float) const {
        return value;
    }
};

MB_CUDA_OP(constant) {
    constant_function f = {};
    f.value = call->op->params.constant.value;
    launch(call, f);
}

// ---- copies ------------------------------------------------------------------------------------

struct identity_function : function<1> {
    __device__ float operator()(float x, float) const {
        return x;
    }
};

MB_CUDA_OP(reshape) {
    launch(call, identity_function{}, call->inputs[0]);
}

MB_CUDA_OP(idle_weights) {
    launch(call, identity_function{}, mb_in(call, idle_weights, x));
}
