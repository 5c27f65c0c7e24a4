// Linear maps in several ranks. B rows, K ranks, I inputs, O outputs; F (K, I, O). The products of
// all ranks are one, whose columns are the outputs of rank 0, then those of rank 1 ...: ranks are
// narrow, together they fill a tile. Reference: src/kernels/cpu/isa/rank.c.
#include "cuda/divide.cuh"
#include "cuda/product.cuh"

// y (B, K, O): y[:, k] = x (B, I) F[k]. Assigns.
struct rank_product {
    mb_tables tables;
    mb_view x, factor, y;
    mb_divider outputs_of_rank; // by O
    int32_t m, n, k;
    const float *inputs, *weights;
    float *outputs;
    static constexpr bool a_along_p = true, b_along_p = false;

    __device__ bool begin(int32_t run, int32_t) {
        m = tables.rows[run];
        n = factor.shape.dims[0] * factor.shape.dims[2];
        k = factor.shape.dims[1];
        inputs = mb_at(x, run);
        weights = mb_at(factor, run);
        outputs = mb_at(y, run);
        return m > 0;
    }
    __device__ float a(int32_t i, int32_t p) const {
        return inputs[(int64_t)i * k + p];
    }
    __device__ float b(int32_t p, int32_t j) const {
        int32_t rank = outputs_of_rank.quotient(j), output = j - rank * outputs_of_rank.by;
        return weights[((int64_t)rank * k + p) * outputs_of_rank.by + output];
    }
    __device__ void prefetch(int32_t, int32_t) {}
    __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
        for (int32_t i = i0; i < i0 + 4 && i < m; i++)
            for (int32_t j = j0; j < j0 + 4 && j < n; j++)
                outputs[(int64_t)i * n + j] = sums[i - i0][j - j0];
    }
};

MB_CUDA_OP(rank_linear) {
    rank_product problem = {};
    problem.tables = call->tables;
    problem.x = call->inputs[0];
    problem.factor = call->inputs[1];
    problem.y = call->outputs[0];
    problem.outputs_of_rank = mb_divider_of(mb_view_width(problem.factor));
    mb_product(call, call->max_rows, mb_view_vectors(problem.y, 1) * mb_view_width(problem.y), 1,
               problem);
}

// dx (B, I) = sum over k of dy[:, k] (B, O) F[k]^T: p goes through the outputs of all ranks.
// Assigns.
struct rank_input_gradient {
    mb_tables tables;
    mb_view dy, factor, dx;
    mb_divider outputs_of_rank; // by O
    int32_t m, n, k;
    const float *gradients, *weights;
    float *outputs;
    static constexpr bool a_along_p = true, b_along_p = true;

    __device__ bool begin(int32_t run, int32_t) {
        m = tables.rows[run];
        n = factor.shape.dims[1];
        k = factor.shape.dims[0] * factor.shape.dims[2];
        gradients = mb_at(dy, run);
        weights = mb_at(factor, run);
        outputs = mb_at(dx, run);
        return m > 0;
    }
    __device__ float a(int32_t i, int32_t p) const {
        return gradients[(int64_t)i * k + p];
    }
    __device__ float b(int32_t p, int32_t j) const {
        int32_t rank = outputs_of_rank.quotient(p), output = p - rank * outputs_of_rank.by;
        return weights[((int64_t)rank * n + j) * outputs_of_rank.by + output];
    }
    __device__ void prefetch(int32_t, int32_t) {}
    __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
        for (int32_t i = i0; i < i0 + 4 && i < m; i++)
            for (int32_t j = j0; j < j0 + 4 && j < n; j++)
                outputs[(int64_t)i * n + j] = sums[i - i0][j - j0];
    }
};

MB_CUDA_OP(rank_linear_grad_input) {
    rank_input_gradient problem = {};
    problem.tables = call->tables;
    problem.dy = call->inputs[0];
    problem.factor = call->inputs[1];
    problem.dx = call->outputs[0];
    problem.outputs_of_rank = mb_divider_of(mb_view_width(problem.factor));
    mb_product(call, call->max_rows, mb_view_width(problem.dx), 1, problem);
}

// dF[k] (I, O) = x^T dy[:, k], blockIdx.z = k. Assigns, or steps F at once.
template <class Epilogue> struct rank_weight_gradient {
    mb_tables tables;
    mb_view x, dy;
    Epilogue epilogue;
    int32_t m, n, k, row; // row: outputs of all ranks
    const float *inputs, *gradients;
    static constexpr bool a_along_p = false, b_along_p = false;

    __device__ bool begin(int32_t run, int32_t rank) {
        m = mb_view_width(x);
        n = mb_view_width(dy);
        k = tables.rows[run];
        row = dy.shape.dims[1] * n;
        inputs = mb_at(x, run);
        gradients = mb_at(dy, run) + (int64_t)rank * n;
        return k > 0 && epilogue.begin(tables, run, (int64_t)rank * m * n, n, m, n);
    }
    __device__ float a(int32_t i, int32_t p) const {
        return inputs[(int64_t)p * m + i];
    }
    __device__ float b(int32_t p, int32_t j) const {
        return gradients[(int64_t)p * row + j];
    }
    __device__ void prefetch(int32_t i, int32_t j) {
        epilogue.prefetch(i, j);
    }
    __device__ void store(int32_t i, int32_t j, const float (&sums)[4][4]) {
        epilogue.store(i, j, sums);
    }
};

template <class Epilogue>
static void rank_weight_gradient_launch(const mb_cuda_call *call, const Epilogue &epilogue) {
    rank_weight_gradient<Epilogue> problem = {};
    problem.tables = call->tables;
    problem.x = call->inputs[0];
    problem.dy = call->inputs[1];
    problem.epilogue = epilogue;
    mb_product(call, mb_view_width(problem.x), mb_view_width(problem.dy), problem.dy.shape.dims[1],
               problem);
}

MB_CUDA_OP(rank_linear_grad_weight) {
    mb_assign epilogue = {};
    epilogue.gradient = call->outputs[0];
    rank_weight_gradient_launch(call, epilogue);
}

MB_CUDA_OP(rank_linear_update) {
    mb_step_weights epilogue = {};
    epilogue.update = mb_update_of(call);
    rank_weight_gradient_launch(call, epilogue);
}
