// Convolution along the time axis as products. B rows, T steps, I inputs, O outputs, K width of the
// filter, T' = T - K + 1; W is stored as (K, I, O): the K steps of x that make one step of y are
// contiguous, and are multiplied by W as one matrix (K*I, O). Reference:
// src/kernels/cpu/isa/convolve.c.
#include "cuda/divide.cuh"
#include "cuda/tensor_product.cuh"

// x (B, T, I), W -> y (B, T', O):  y[b,t] = sum over k of x[b,t+k] W[k]. Assigns.
struct convolution {
    mb_tables tables;
    mb_view x, filter, y;
    mb_divider out_steps; // by T'

    struct tile : mb_store_tile {
        int32_t k, steps, inputs;
        const float *x, *filter;
        mb_divider out_steps;
        static constexpr bool a_along_p = true, b_along_p = false;

        __device__ const float *row_of_a(int32_t i) const { // i = b*T' + t
            int32_t row = out_steps.quotient(i), step = i - row * out_steps.by;
            return x + ((int64_t)row * steps + step) * inputs;
        }
        __device__ float a(int32_t i, int32_t p) const {
            return row_of_a(i)[p];
        }
        __device__ float b(int32_t p, int32_t j) const {
            return filter[(int64_t)p * n + j];
        }
        __device__ void four_a(int32_t i, int32_t p, float (&four)[4]) const {
            mb_load_four(row_of_a(i), p, k, four);
        }
        __device__ void four_b(int32_t p, int32_t j, float (&four)[4]) const {
            mb_load_four(filter + (int64_t)p * n, j, n, four);
        }
    };

    __device__ bool begin(int32_t run, int32_t, tile &t) const {
        int32_t rows = tables.rows[run], n = mb_view_width(y);
        static_cast<mb_store_tile &>(t) = {mb_at(y, run), n, rows * out_steps.by, n};
        t.steps = x.shape.dims[1];
        t.inputs = x.shape.dims[2];
        t.k = (t.steps - out_steps.by + 1) * t.inputs;
        t.x = mb_at(x, run);
        t.filter = mb_at(filter, run);
        t.out_steps = out_steps;
        return rows > 0;
    }
};

MB_CUDA_OP(convolve) {
    convolution problem = {};
    problem.tables = call->tables;
    problem.x = mb_in(call, convolve, x);
    problem.filter = mb_in(call, convolve, filter);
    problem.y = call->outputs[0];
    problem.out_steps = mb_divider_of(problem.y.shape.dims[1]);
    mb_forward_product(call, mb_view_vectors(problem.y, call->max_rows), mb_view_width(problem.y),
                       1, problem);
}

// dy (B, T', O), W -> dx (B, T, I):  dx[b,t] = sum over k of dy[b,t-k] W[k]^T, p = (k, o). Steps
// before the first and after the last of dy count as zeros (a W that is not finite makes the loss
// not finite anyway). Assigns.
struct convolution_input_gradient {
    mb_tables tables;
    mb_view dy, filter, dx;
    mb_divider steps, outputs; // by T, by O

    struct tile : mb_store_tile {
        int32_t k, out_steps;
        const float *dy, *filter;
        mb_divider steps, outputs;
        static constexpr bool a_along_p = true, b_along_p = true;

        __device__ float a(int32_t i, int32_t p) const { // i = b*T + t
            int32_t row = steps.quotient(i), tap = outputs.quotient(p);
            int32_t step = i - row * steps.by - tap, output = p - tap * outputs.by;
            bool inside = step >= 0 && step < out_steps;
            return inside ? dy[((int64_t)row * out_steps + step) * outputs.by + output] : 0.0f;
        }
        __device__ float b(int32_t p, int32_t j) const {
            int32_t tap = outputs.quotient(p), output = p - tap * outputs.by;
            return filter[((int64_t)tap * n + j) * outputs.by + output];
        }
    };

    __device__ bool begin(int32_t run, int32_t, tile &t) const {
        int32_t rows = tables.rows[run], n = mb_view_width(dx);
        static_cast<mb_store_tile &>(t) = {mb_at(dx, run), n, rows * steps.by, n};
        t.out_steps = dy.shape.dims[1];
        t.k = (steps.by - t.out_steps + 1) * outputs.by;
        t.dy = mb_at(dy, run);
        t.filter = mb_at(filter, run);
        t.steps = steps;
        t.outputs = outputs;
        return rows > 0;
    }
};

MB_CUDA_OP(convolve_grad_input) {
    convolution_input_gradient problem = {};
    problem.tables = call->tables;
    problem.dy = mb_in(call, convolve_grad_input, dy);
    problem.filter = mb_in(call, convolve_grad_input, filter);
    problem.dx = call->outputs[0];
    problem.steps = mb_divider_of(problem.dx.shape.dims[1]);
    problem.outputs = mb_divider_of(mb_view_width(problem.dy));
    mb_product(call, mb_view_vectors(problem.dx, call->max_rows), mb_view_width(problem.dx), 1,
               problem);
}

// dW (K*I, O) = sum over b and t of x[b,t...t+K-1]^T dy[b,t], p = b*T' + t. Assigns, or updates W
// at once, depending on the epilogue.
template <class Epilogue> struct convolution_weight_gradient {
    mb_tables tables;
    mb_view x, dy;
    mb_divider out_steps; // by T'
    Epilogue epilogue;

    struct tile : Epilogue::tile {
        int32_t k, steps, inputs;
        const float *x, *dy;
        mb_divider out_steps;
        static constexpr bool a_along_p = false, b_along_p = false;

        __device__ float a(int32_t i, int32_t p) const {
            int32_t row = out_steps.quotient(p), step = p - row * out_steps.by;
            return x[((int64_t)row * steps + step) * inputs + i];
        }
        __device__ float b(int32_t p, int32_t j) const {
            return dy[(int64_t)p * this->n + j];
        }
    };

    __device__ bool begin(int32_t run, int32_t, tile &t) const {
        int32_t rows = tables.rows[run], n = mb_view_width(dy);
        t.steps = x.shape.dims[1];
        t.inputs = x.shape.dims[2];
        t.k = rows * out_steps.by;
        t.x = mb_at(x, run);
        t.dy = mb_at(dy, run);
        t.out_steps = out_steps;
        int32_t m = (t.steps - out_steps.by + 1) * t.inputs;
        return rows > 0 && epilogue.begin(tables, run, 0, n, m, n, t);
    }
};

// CONVOLVE_UPDATE has the same inputs.
template <class Epilogue>
static void convolution_weight_gradient_launch(const mb_cuda_call *call, const Epilogue &epilogue) {
    convolution_weight_gradient<Epilogue> problem = {};
    problem.tables = call->tables;
    problem.x = mb_in(call, convolve_grad_weight, x);
    problem.dy = mb_in(call, convolve_grad_weight, dy);
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
