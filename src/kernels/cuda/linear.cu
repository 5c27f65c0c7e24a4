// Linear maps and their gradients. B' stands for all leading dimensions (rows, or rows x steps), I
// inputs, O outputs; W is stored input-major (I, O). Reference: src/kernels/cpu/isa/linear.c.
#include "cuda/linear.cuh"

#include "cuda/tensor_product.cuh"

struct linear_problem {
    mb_tables tables;
    mb_linear_map maps[MB_MOST_MAPS];
    bool relu;

    struct tile {
        int32_t m, n, k, row; // row: number of columns of the weight
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

    __device__ bool begin(int32_t run, int32_t piece, tile &t) const {
        int32_t rows = tables.rows[run];
        const mb_linear_map &map = maps[piece];
        t.m = (int32_t)mb_view_vectors(map.x, rows);
        t.n = mb_view_width(map.y);
        t.k = mb_view_width(map.x);
        t.row = map.weight.shape.dims[0];
        t.relu = relu;
        t.x = mb_at(map.x, run);
        t.weight = mb_at(map.weight, run) + (int64_t)map.first_row * t.row + map.first_column;
        t.bias = map.bias.first != NULL ? mb_at(map.bias, run) + map.first_column : NULL;
        t.y = mb_at(map.y, run);
        return rows > 0;
    }
};

void mb_linear_maps(const mb_cuda_call *call, int32_t count, const mb_linear_map *maps, bool relu) {
    linear_problem problem = {};
    int64_t vectors = 0;
    int32_t widest = 0;
    problem.tables = call->tables;
    problem.relu = relu;
    for (int32_t piece = 0; piece < count; piece++) {
        int64_t m = mb_view_vectors(maps[piece].y, call->max_rows);
        int32_t n = mb_view_width(maps[piece].y);
        problem.maps[piece] = maps[piece];
        vectors = m > vectors ? m : vectors;
        widest = n > widest ? n : widest;
    }
    mb_forward_product(call, vectors, widest, count, problem);
}

// y (B', O) = x (B', I) W + b, then max(0, .) if params.linear.relu. Assigns.
MB_CUDA_OP(linear) {
    mb_linear_map map = {};
    map.x = mb_in(call, linear, x);
    map.weight = mb_in(call, linear, weight);
    if (mb_has(call->op, linear, bias))
        map.bias = mb_in(call, linear, bias);
    map.y = call->outputs[0];
    mb_linear_maps(call, 1, &map, call->op->params.linear.relu);
}

// yk (B', O) = xk (B', I) Wk + bk for k = 1, 2, 3; Wk and bk are thirds of W (I, 3O), b (3O).
// Assigns.
MB_CUDA_OP(linear_thirds) {
    mb_linear_map maps[3] = {};
    for (int32_t k = 0; k < 3; k++) {
        maps[k].x = (&mb_in(call, linear_thirds, x1))[k];
        maps[k].weight = mb_in(call, linear_thirds, weight);
        if (mb_has(call->op, linear_thirds, bias))
            maps[k].bias = mb_in(call, linear_thirds, bias);
        maps[k].y = (&mb_out(call, linear_thirds, y1))[k];
        maps[k].first_column = k * mb_view_width(maps[k].y);
    }
    mb_linear_maps(call, 3, maps, false);
}

// dx (B', I) = sum over k of dyk (B', Ok) Wk^T, where the Wk (I, Ok) are adjacent column blocks of
// W: one product over all of their columns. Assigns.
struct input_gradient {
    mb_tables tables;
    mb_view dy[3], dx, weight;
    int32_t blocks, first_output;

    struct tile : mb_store_tile {
        int32_t k, outputs; // outputs: of W
        int32_t ends[3];    // where the blocks end along p; missing blocks end at k
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
    const mb_plan_op *op = call->op;
    input_gradient problem = {};
    problem.tables = call->tables;
    problem.blocks = mb_last_count(op, linear_grad_input, dy);
    for (int32_t block = 0; block < problem.blocks; block++)
        problem.dy[block] = mb_in_last(call, linear_grad_input, dy, block);
    problem.dx = call->outputs[0];
    problem.weight = mb_in(call, linear_grad_input, weight);
    problem.first_output = op->params.linear.first_output;
    mb_product(call, mb_view_vectors(problem.dx, call->max_rows), mb_view_width(problem.dx), 1,
               problem);
}

// One product over the outputs of all terms. It differs from the one above, whose blocks may have
// different widths but are adjacent in one weight, so that b() need not look for the block of p.
struct back_problem {
    mb_tables tables;
    mb_linear_back back;

    struct tile {
        int32_t m, n, k, outputs; // k: outputs of all terms
        bool add;
        const float *dy[2], *weight[2];
        float *dx;
        static constexpr bool a_along_p = true, b_along_p = true;

        __device__ float a(int32_t i, int32_t p) const {
            int64_t row = (int64_t)i * outputs;
            return p < outputs ? dy[0][row + p] : dy[1][row + p - outputs];
        }
        __device__ float b(int32_t p, int32_t j) const {
            int64_t row = (int64_t)j * outputs;
            return p < outputs ? weight[0][row + p] : weight[1][row + p - outputs];
        }
        __device__ void prefetch(int32_t, int32_t) {}
        __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
#pragma unroll
            for (int32_t i = 0; i < 4; i++)
#pragma unroll
                for (int32_t j = 0; j < 4; j++) {
                    if (i0 + i >= m || j0 + j >= n)
                        continue;
                    int64_t at = (int64_t)(i0 + i) * n + j0 + j;
                    dx[at] = add ? dx[at] + sums[i][j] : sums[i][j];
                }
        }
    };

    __device__ bool begin(int32_t run, int32_t, tile &t) const {
        int32_t rows = tables.rows[run];
        t.m = (int32_t)mb_view_vectors(back.dx, rows);
        t.n = mb_view_width(back.dx);
        t.outputs = mb_view_width(back.terms[0].dy);
        t.k = back.term_count * t.outputs;
        t.add = back.add;
#pragma unroll
        for (int32_t k = 0; k < MB_MOST_BACK; k++) {
            const auto &term = back.terms[k < back.term_count ? k : 0];
            t.dy[k] = mb_at(term.dy, run);
            t.weight[k] = mb_at(term.weight, run) + (int64_t)term.first_row * t.outputs;
        }
        t.dx = mb_at(back.dx, run);
        return rows > 0;
    }
};

void mb_linear_input_gradient(const mb_cuda_call *call, const mb_linear_back &back) {
    back_problem problem = {};
    problem.tables = call->tables;
    problem.back = back;
    mb_product(call, mb_view_vectors(back.dx, call->max_rows), mb_view_width(back.dx), 1, problem);
}

// dW (I, all O): columns of block k = xk^T dyk. Assigns, or updates W at once, depending on the
// epilogue.
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

    __device__ bool begin(int32_t run, int32_t piece, tile &t) const {
        int32_t rows = tables.rows[run], first = 0;
        for (int32_t block = 0; block < piece; block++)
            first += mb_view_width(dy[block]);
        t.k = (int32_t)mb_view_vectors(x[piece], rows);
        t.x = mb_at(x[piece], run);
        t.dy = mb_at(dy[piece], run);
        return rows > 0 && epilogue.begin(tables, run, first, row, mb_view_width(x[piece]),
                                          mb_view_width(dy[piece]), t);
    }
};

// LINEAR_UPDATE has the same inputs.
template <class Epilogue>
static void weight_gradient_launch(const mb_cuda_call *call, const Epilogue &epilogue) {
    const mb_plan_op *op = call->op;
    weight_gradient<Epilogue> problem = {};
    int32_t widest = 0, blocks = mb_group_count(op, linear_grad_weight);
    problem.tables = call->tables;
    problem.epilogue = epilogue;
    for (int32_t block = 0; block < blocks; block++) {
        problem.x[block] = mb_in_group(call, linear_grad_weight, x, block);
        problem.dy[block] = mb_in_group(call, linear_grad_weight, dy, block);
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
    for (int32_t block = 0; block < call->op->input_count; block++) {
        int32_t outputs = mb_view_width(call->inputs[block]);
        MB_LAUNCH(bias_gradient_kernel, mb_grid(call, outputs), dim3(MB_THREADS), 0, call->stream,
                  call->tables, call->inputs[block], call->outputs[0], first);
        first += outputs;
    }
}
