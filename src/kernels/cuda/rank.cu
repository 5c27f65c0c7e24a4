// Linear maps of several ranks. B rows, K ranks, I inputs, O outputs; F (K, I, O). The products of
// all ranks are computed as one, whose columns are the outputs of rank 0, then those of rank 1, and
// so on: a single rank is narrow, but together they fill a tile. Reference:
// src/kernels/cpu/isa/rank.c.
#include "cuda/divide.cuh"
#include "cuda/tensor_product.cuh"

// y (B, K, O): y[:, k] = x (B, I) F[k]. Assigns.
struct rank_product {
    mb_tables tables;
    mb_view x, factor, y;
    mb_divider outputs_of_rank; // by O

    struct tile : mb_store_tile {
        int32_t k;
        const float *x, *factor;
        mb_divider outputs_of_rank;
        static constexpr bool a_along_p = true, b_along_p = false;

        __device__ float a(int32_t i, int32_t p) const {
            return x[(int64_t)i * k + p];
        }
        __device__ float b(int32_t p, int32_t j) const {
            int32_t rank = outputs_of_rank.quotient(j), output = j - rank * outputs_of_rank.by;
            return factor[((int64_t)rank * k + p) * outputs_of_rank.by + output];
        }
        __device__ void four_a(int32_t i, int32_t p, float (&four)[4]) const {
            mb_load_four(x + (int64_t)i * k, p, k, four);
        }
    };

    __device__ bool begin(int32_t run, int32_t, tile &t) const {
        int32_t rows = tables.rows[run], n = factor.shape.dims[0] * factor.shape.dims[2];
        static_cast<mb_store_tile &>(t) = {mb_at(y, run), n, rows, n};
        t.k = factor.shape.dims[1];
        t.x = mb_at(x, run);
        t.factor = mb_at(factor, run);
        t.outputs_of_rank = outputs_of_rank;
        return rows > 0;
    }
};

MB_CUDA_OP(rank_linear) {
    rank_product problem = {};
    problem.tables = call->tables;
    problem.x = mb_in(call, rank_linear, x);
    problem.factor = mb_in(call, rank_linear, factor);
    problem.y = call->outputs[0];
    problem.outputs_of_rank = mb_divider_of(mb_view_width(problem.factor));
    mb_forward_product(call, call->max_rows,
                       mb_view_vectors(problem.y, 1) * mb_view_width(problem.y), 1, problem);
}

// dx (B, I) = sum over k of dy[:, k] (B, O) F[k]^T: p runs over the outputs of all ranks. Assigns.
struct rank_input_gradient {
    mb_tables tables;
    mb_view dy, factor, dx;
    mb_divider outputs_of_rank; // by O

    struct tile : mb_store_tile {
        int32_t k;
        const float *dy, *factor;
        mb_divider outputs_of_rank;
        static constexpr bool a_along_p = true, b_along_p = true;

        __device__ float a(int32_t i, int32_t p) const {
            return dy[(int64_t)i * k + p];
        }
        __device__ float b(int32_t p, int32_t j) const {
            int32_t rank = outputs_of_rank.quotient(p), output = p - rank * outputs_of_rank.by;
            return factor[((int64_t)rank * n + j) * outputs_of_rank.by + output];
        }
    };

    __device__ bool begin(int32_t run, int32_t, tile &t) const {
        int32_t rows = tables.rows[run], n = factor.shape.dims[1];
        static_cast<mb_store_tile &>(t) = {mb_at(dx, run), n, rows, n};
        t.k = factor.shape.dims[0] * factor.shape.dims[2];
        t.dy = mb_at(dy, run);
        t.factor = mb_at(factor, run);
        t.outputs_of_rank = outputs_of_rank;
        return rows > 0;
    }
};

MB_CUDA_OP(rank_linear_grad_input) {
    rank_input_gradient problem = {};
    problem.tables = call->tables;
    problem.dy = mb_in(call, rank_linear_grad_input, dy);
    problem.factor = mb_in(call, rank_linear_grad_input, factor);
    problem.dx = call->outputs[0];
    problem.outputs_of_rank = mb_divider_of(mb_view_width(problem.factor));
    mb_product(call, call->max_rows, mb_view_width(problem.dx), 1, problem);
}

// dF[k] (I, O) = x^T dy[:, k], blockIdx.z = k. Assigns, or updates F at once, depending on the
// epilogue.
template <class Epilogue> struct rank_weight_gradient {
    mb_tables tables;
    mb_view x, dy;
    Epilogue epilogue;

    struct tile : Epilogue::tile {
        int32_t k, outputs; // outputs: of all ranks
        const float *x, *dy;
        static constexpr bool a_along_p = false, b_along_p = false;

        __device__ float a(int32_t i, int32_t p) const {
            return x[(int64_t)p * this->m + i];
        }
        __device__ float b(int32_t p, int32_t j) const {
            return dy[(int64_t)p * outputs + j];
        }
    };

    __device__ bool begin(int32_t run, int32_t rank, tile &t) const {
        int32_t m = mb_view_width(x), n = mb_view_width(dy);
        t.k = tables.rows[run];
        t.outputs = dy.shape.dims[1] * n;
        t.x = mb_at(x, run);
        t.dy = mb_at(dy, run) + (int64_t)rank * n;
        return t.k > 0 && epilogue.begin(tables, run, (int64_t)rank * m * n, n, m, n, t);
    }
};

// RANK_LINEAR_UPDATE has the same inputs.
template <class Epilogue>
static void rank_weight_gradient_launch(const mb_cuda_call *call, const Epilogue &epilogue) {
    rank_weight_gradient<Epilogue> problem = {};
    problem.tables = call->tables;
    problem.x = mb_in(call, rank_linear_grad_weight, x);
    problem.dy = mb_in(call, rank_linear_grad_weight, dy);
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
