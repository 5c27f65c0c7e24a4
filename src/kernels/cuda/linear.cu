// Linear maps and their gradients. B' stands for all leading dimensions (rows, or rows x steps), I
// inputs, O outputs; W is stored input-major (I, O). Reference: src/kernels/cpu/isa/linear.c.
#include "cuda/tensor_product.cuh"

// y (B', O) = x (B', I) W + b, then max(0, .) when asked for. Assigns.
struct linear_problem {
    mb_tables tables;
    mb_view x[3], y[3], weight, bias; // bias.first = NULL: none
    bool relu;
    int32_t row; // outputs of W, all thirds together

    struct tile {
        int32_t m, n, k, row;
        bool relu;
        const float *x, *weight, *bias;
        float *y;
        static constexpr bool a_along_p = true, b_along_p = false;

        __device__ float a(int32_t i, int32_t p) const {
            return x[(int64_t)i * k + p];
        }
        __device__ float b(int32_t p, int32_t j) const {
            return weight[(int64_t)p * row + j];
        }
        __device__ void four_a(int32_t i, int32_t p, float (&four)[4]) const {
            mb_load_four(x + (int64_t)i * k, p, k, four);
        }
        __device__ void four_b(int32_t p, int32_t j, float (&four)[4]) const {
            mb_load_four(weight + (int64_t)p * row, j, n, four);
        }
        __device__ void prefetch(int32_t, int32_t) {}
        __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
            mb_store_map(i0, j0, sums, m, n, bias, relu, y, n);
        }
    };

    __device__ bool begin(int32_t run, int32_t part, tile &t) const {
        int32_t rows = tables.rows[run];
        t.m = (int32_t)mb_view_vectors(x[part], rows);
        t.n = mb_view_width(y[part]);
        t.k = mb_view_width(x[part]);
        t.row = row;
        t.relu = relu;
        t.x = mb_at(x[part], run);
        t.weight = mb_at(weight, run) + part * t.n;
        t.bias = bias.first != NULL ? mb_at(bias, run) + part * t.n : NULL;
        t.y = mb_at(y[part], run);
        return rows > 0;
    }
};

MB_CUDA_OP(linear) {
    const mb_step *step = call->step;
    linear_problem problem = {};
    problem.tables = call->tables;
    problem.x[0] = mb_in(call, linear, x);
    problem.y[0] = call->outputs[0];
    problem.weight = mb_in(call, linear, weight);
    if (mb_has(step, linear, bias))
        problem.bias = mb_in(call, linear, bias);
    problem.relu = step->params.linear.relu;
    problem.row = mb_view_width(call->outputs[0]);
    mb_forward_product(call, mb_view_vectors(mb_in(call, linear, x), call->max_rows), problem.row,
                       1, problem);
}

// yk (B', O) = xk (B', I) Wk + bk for k = 1, 2, 3; Wk and bk are thirds of W (I, 3O), b (3O).
// Assigns.
MB_CUDA_OP(linear_thirds) {
    const mb_step *step = call->step;
    linear_problem problem = {};
    int32_t outputs = mb_view_width(mb_out(call, linear_thirds, y1));
    int64_t vectors = 0;
    problem.tables = call->tables;
    for (int32_t part = 0; part < 3; part++) {
        problem.x[part] = (&mb_in(call, linear_thirds, x1))[part];
        problem.y[part] = (&mb_out(call, linear_thirds, y1))[part];
        int64_t m = mb_view_vectors(problem.x[part], call->max_rows);
        vectors = m > vectors ? m : vectors;
    }
    problem.weight = mb_in(call, linear_thirds, weight);
    if (mb_has(step, linear_thirds, bias))
        problem.bias = mb_in(call, linear_thirds, bias);
    problem.row = 3 * outputs;
    mb_forward_product(call, vectors, outputs, 3, problem);
}

// dx (B', I) = sum over k of dyk (B', Ok) Wk^T, where Wk (I, Ok) are neighbouring columns of W: one
// product over all of their columns. Assigns.
struct input_gradient {
    mb_tables tables;
    mb_view dy[3], dx, weight;
    int32_t blocks, first_output;

    struct tile : mb_store_tile {
        int32_t k, outputs; // outputs: of W
        int32_t ends[3];    // of the blocks along p; those that are not there end at k
        const float *dy[3], *weight;
        static constexpr bool a_along_p = true, b_along_p = true;

        __device__ float a(int32_t i, int32_t p) const {
            if (p < ends[0])
                return dy[0][(int64_t)i * ends[0] + p];
            if (p < ends[1])
                return dy[1][(int64_t)i * (ends[1] - ends[0]) + p - ends[0]];
            return dy[2][(int64_t)i * (ends[2] - ends[1]) + p - ends[1]];
        }
        __device__ float b(int32_t p, int32_t j) const {
            return weight[(int64_t)j * outputs + p];
        }
    };

    __device__ bool begin(int32_t run, int32_t, tile &t) const {
        int32_t rows = tables.rows[run], inputs = mb_view_width(dx);
        static_cast<mb_store_tile &>(t) = {mb_at(dx, run), inputs,
                                           (int32_t)mb_view_vectors(dx, rows), inputs};
        t.k = 0;
#pragma unroll
        for (int32_t block = 0; block < 3; block++) {
            t.k += block < blocks ? mb_view_width(dy[block]) : 0;
            t.ends[block] = t.k;
            t.dy[block] = block < blocks ? mb_at(dy[block], run) : NULL;
        }
        t.outputs = weight.shape.dims[0];
        t.weight = mb_at(weight, run) + first_output;
        return rows > 0;
    }
};

MB_CUDA_OP(linear_grad_input) {
    const mb_step *step = call->step;
    input_gradient problem = {};
    problem.tables = call->tables;
    problem.blocks = mb_last_count(step, linear_grad_input, dy);
    for (int32_t block = 0; block < problem.blocks; block++)
        problem.dy[block] = mb_in_last(call, linear_grad_input, dy, block);
    problem.dx = call->outputs[0];
    problem.weight = mb_in(call, linear_grad_input, weight);
    problem.first_output = step->params.linear.first_output;
    mb_product(call, mb_view_vectors(problem.dx, call->max_rows), mb_view_width(problem.dx), 1,
               problem);
}

// dW (I, all O): columns of block k = xk^T dyk. Assigns, or steps W at once.
template <class Epilogue> struct weight_gradient {
    mb_tables tables;
    mb_view x[3], dy[3];
    Epilogue epilogue;
    int32_t row; // all outputs of W

    struct tile : Epilogue::tile {
        int32_t k;
        const float *x, *dy;
        static constexpr bool a_along_p = false, b_along_p = false;

        __device__ float a(int32_t i, int32_t p) const {
            return x[(int64_t)p * this->m + i];
        }
        __device__ float b(int32_t p, int32_t j) const {
            return dy[(int64_t)p * this->n + j];
        }
    };

    __device__ bool begin(int32_t run, int32_t part, tile &t) const {
        int32_t rows = tables.rows[run], first = 0;
        for (int32_t block = 0; block < part; block++)
            first += mb_view_width(dy[block]);
        t.k = (int32_t)mb_view_vectors(x[part], rows);
        t.x = mb_at(x[part], run);
        t.dy = mb_at(dy[part], run);
        return rows > 0 && epilogue.begin(tables, run, first, row, mb_view_width(x[part]),
                                          mb_view_width(dy[part]), t);
    }
};

// The update has the same inputs.
template <class Epilogue>
static void weight_gradient_launch(const mb_cuda_call *call, const Epilogue &epilogue) {
    const mb_step *step = call->step;
    weight_gradient<Epilogue> problem = {};
    int32_t widest = 0, blocks = mb_turns(step, linear_grad_weight);
    problem.tables = call->tables;
    problem.epilogue = epilogue;
    for (int32_t block = 0; block < blocks; block++) {
        problem.x[block] = mb_in_turn(call, linear_grad_weight, x, block);
        problem.dy[block] = mb_in_turn(call, linear_grad_weight, dy, block);
        int32_t outputs = mb_view_width(problem.dy[block]);
        problem.row += outputs;
        widest = outputs > widest ? outputs : widest;
    }
    mb_product(call, mb_view_width(problem.x[0]), widest, blocks, problem);
}

MB_CUDA_OP(linear_grad_weight) {
    weight_gradient_launch(call, mb_assign{call->outputs[0]});
}

MB_CUDA_OP(linear_update) {
    weight_gradient_launch(call, mb_step_weights{mb_update_of(call)});
}

// db (all O): block k = sum over B' of dyk, row after row. Assigns.
static __global__ void bias_gradient_kernel(mb_tables tables, mb_view dy, mb_view db,
                                            int32_t first) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int32_t outputs = mb_view_width(dy);
    int64_t output = mb_item(), vectors = mb_view_vectors(dy, rows);
    if (rows == 0 || output >= outputs)
        return;
    const float *gradients = mb_at(dy, run) + output;
    float sum = 0.0f;
    for (int64_t vector = 0; vector < vectors; vector++)
        sum += gradients[vector * outputs];
    mb_at(db, run)[first + output] = sum;
}

MB_CUDA_OP(linear_grad_bias) {
    int32_t first = 0;
    for (int32_t block = 0; block < call->step->input_count; block++) {
        int32_t outputs = mb_view_width(call->inputs[block]);
        MB_LAUNCH(bias_gradient_kernel, mb_grid(call, outputs), dim3(MB_THREADS), 0, call->stream,
                  call->tables, call->inputs[block], call->outputs[0], first);
        first += outputs;
    }
}
