// Convolution along the time axis as products. B rows, T steps, I inputs, O outputs, K width of the
// filter, T' = T - K + 1; W is stored as (K, I, O), so that K steps of x, which lie together, meet
// one matrix (K*I, O). Reference: src/kernels/cpu/isa/convolve.c.
#include "cuda/divide.cuh"
#include "cuda/product.cuh"

// x (B, T, I), W -> y (B, T', O):  y[b,t] = sum over k of x[b,t+k] W[k]. Assigns.
struct convolution {
    mb_tables tables;
    mb_view x, filter, y;
    mb_divider out_steps; // by T'
    int32_t m, n, k, steps, inputs;
    const float *sequences, *weights;
    float *outputs;
    static constexpr bool a_along_p = true, b_along_p = false;

    __device__ bool begin(int32_t run, int32_t) {
        int32_t rows = tables.rows[run];
        steps = x.shape.dims[1];
        inputs = x.shape.dims[2];
        m = rows * out_steps.by;
        n = mb_view_width(y);
        k = (steps - out_steps.by + 1) * inputs;
        sequences = mb_at(x, run);
        weights = mb_at(filter, run);
        outputs = mb_at(y, run);
        return rows > 0;
    }
    __device__ float a(int32_t i, int32_t p) const { // i = b*T' + t
        int32_t row = out_steps.quotient(i), step = i - row * out_steps.by;
        return sequences[((int64_t)row * steps + step) * inputs + p];
    }
    __device__ float b(int32_t p, int32_t j) const {
        return weights[(int64_t)p * n + j];
    }
    __device__ void prefetch(int32_t, int32_t) {}
    __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
        for (int32_t i = i0; i < i0 + 4 && i < m; i++)
            for (int32_t j = j0; j < j0 + 4 && j < n; j++)
                outputs[(int64_t)i * n + j] = sums[i - i0][j - j0];
    }
};

MB_CUDA_OP(convolve) {
    convolution problem = {};
    problem.tables = call->tables;
    problem.x = call->inputs[0];
    problem.filter = call->inputs[1];
    problem.y = call->outputs[0];
    problem.out_steps = mb_divider_of(problem.y.shape.dims[1]);
    mb_product(call, mb_view_vectors(problem.y, call->max_rows), mb_view_width(problem.y), 1,
               problem);
}

// dy (B, T', O), W -> dx (B, T, I):  dx[b,t] = sum over k of dy[b,t-k] W[k]^T, p = (k, o). Steps of
// dy beyond its ends count as zeros (where W is not finite, neither is the loss). Assigns.
struct convolution_input_gradient {
    mb_tables tables;
    mb_view dy, filter, dx;
    mb_divider steps, outputs; // by T, by O
    int32_t m, n, k, out_steps;
    const float *gradients, *weights;
    float *values;
    static constexpr bool a_along_p = true, b_along_p = true;

    __device__ bool begin(int32_t run, int32_t) {
        int32_t rows = tables.rows[run];
        out_steps = dy.shape.dims[1];
        m = rows * steps.by;
        n = mb_view_width(dx);
        k = (steps.by - out_steps + 1) * outputs.by;
        gradients = mb_at(dy, run);
        weights = mb_at(filter, run);
        values = mb_at(dx, run);
        return rows > 0;
    }
    __device__ float a(int32_t i, int32_t p) const { // i = b*T + t
        int32_t row = steps.quotient(i), tap = outputs.quotient(p);
        int32_t step = i - row * steps.by - tap, output = p - tap * outputs.by;
        bool inside = step >= 0 && step < out_steps;
        return inside ? gradients[((int64_t)row * out_steps + step) * outputs.by + output] : 0.0f;
    }
    __device__ float b(int32_t p, int32_t j) const {
        int32_t tap = outputs.quotient(p), output = p - tap * outputs.by;
        return weights[((int64_t)tap * n + j) * outputs.by + output];
    }
    __device__ void prefetch(int32_t, int32_t) {}
    __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
        for (int32_t i = i0; i < i0 + 4 && i < m; i++)
            for (int32_t j = j0; j < j0 + 4 && j < n; j++)
                values[(int64_t)i * n + j] = sums[i - i0][j - j0];
    }
};

MB_CUDA_OP(convolve_grad_input) {
    convolution_input_gradient problem = {};
    problem.tables = call->tables;
    problem.dy = call->inputs[0];
    problem.filter = call->inputs[1];
    problem.dx = call->outputs[0];
    problem.steps = mb_divider_of(problem.dx.shape.dims[1]);
    problem.outputs = mb_divider_of(mb_view_width(problem.dy));
    mb_product(call, mb_view_vectors(problem.dx, call->max_rows), mb_view_width(problem.dx), 1,
               problem);
}

// dW (K*I, O) = sum over b and t of x[b,t...t+K-1]^T dy[b,t], p = b*T' + t. Assigns, or steps W at
// once.
template <class Epilogue> struct convolution_weight_gradient {
    mb_tables tables;
    mb_view x, dy;
    mb_divider out_steps; // by T'
    Epilogue epilogue;
    int32_t m, n, k, steps, inputs;
    const float *sequences, *gradients;
    static constexpr bool a_along_p = false, b_along_p = false;

    __device__ bool begin(int32_t run, int32_t) {
        int32_t rows = tables.rows[run];
        steps = x.shape.dims[1];
        inputs = x.shape.dims[2];
        m = (steps - out_steps.by + 1) * inputs;
        n = mb_view_width(dy);
        k = rows * out_steps.by;
        sequences = mb_at(x, run);
        gradients = mb_at(dy, run);
        return rows > 0 && epilogue.begin(tables, run, 0, n, m, n);
    }
    __device__ float a(int32_t i, int32_t p) const {
        int32_t row = out_steps.quotient(p), step = p - row * out_steps.by;
        return sequences[((int64_t)row * steps + step) * inputs + i];
    }
    __device__ float b(int32_t p, int32_t j) const {
        return gradients[(int64_t)p * n + j];
    }
    __device__ void prefetch(int32_t i, int32_t j) {
        epilogue.prefetch(i, j);
    }
    __device__ void store(int32_t i, int32_t j, const float (&sums)[4][4]) {
        epilogue.store(i, j, sums);
    }
};

template <class Epilogue>
static void convolution_weight_gradient_launch(const mb_cuda_call *call, const Epilogue &epilogue) {
    convolution_weight_gradient<Epilogue> problem = {};
    problem.tables = call->tables;
    problem.x = call->inputs[0];
    problem.dy = call->inputs[1];
    problem.out_steps = mb_divider_of(problem.dy.shape.dims[1]);
    problem.epilogue = epilogue;
    int32_t width = problem.x.shape.dims[1] - problem.out_steps.by + 1;
    mb_product(call, (int64_t)width * mb_view_width(problem.x), mb_view_width(problem.dy), 1,
               problem);
}

MB_CUDA_OP(convolve_grad_weight) {
    mb_assign epilogue = {};
    epilogue.gradient = call->outputs[0];
    convolution_weight_gradient_launch(call, epilogue);
}

MB_CUDA_OP(convolve_update) {
    mb_step_weights epilogue = {};
    epilogue.update = mb_update_of(call);
    convolution_weight_gradient_launch(call, epilogue);
}
