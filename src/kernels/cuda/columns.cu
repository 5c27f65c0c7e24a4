// Ops that join and cut columns. B' stands for all leading dimensions. All assign. Reference:
// src/kernels/cpu/isa/elementwise.c.
#include "cuda/columns.cuh"
#include "cuda/reduce.cuh"

// ---- cutting ----------------------------------------------------------------------------------

// y (B', D') = the columns of x (B', D) from `begin` on, times column `scale` of s (B', N) if
// given.
struct cut_problem {
    mb_tables tables;
    mb_view x, y, scales; // scales.first = NULL: none
    mb_divider width;
    int32_t begin, scale; // scale: column of s

    __device__ float value(int32_t run, int32_t, int64_t vector, int32_t column) const {
        float value = mb_at(x, run)[vector * mb_view_width(x) + begin + column];
        if (scales.first == NULL)
            return value;
        return mb_at(scales, run)[vector * mb_view_width(scales) + scale] * value;
    }
};

// x (B', D) -> y (B', D'): the columns from params.slice.begin on
MB_CUDA_OP(slice) {
    cut_problem problem = {};
    problem.x = call->inputs[0];
    problem.begin = call->op->params.slice.begin;
    mb_columns(call, problem);
}

// dy (B', W), s (B', N) -> dx (B', D) = s[column] * dy[begin ...]
MB_CUDA_OP(scaled_concat_grad_input) {
    cut_problem problem = {};
    problem.x = mb_in(call, scaled_concat_grad_input, dy);
    problem.scales = mb_in(call, scaled_concat_grad_input, scales);
    problem.begin = call->op->params.scaled_concat.begin;
    problem.scale = call->op->params.scaled_concat.column;
    mb_columns(call, problem);
}

// y (B', D) = x (B', D') in the columns from `begin` on, and `rest` in all others.
struct put_problem {
    mb_tables tables;
    mb_view x, y;
    mb_divider width;
    int32_t begin;
    float rest;

    __device__ float value(int32_t run, int32_t, int64_t vector, int32_t column) const {
        int32_t piece = mb_view_width(x), at = column - begin;
        return at >= 0 && at < piece ? mb_at(x, run)[vector * piece + at] : rest;
    }
};

// dy (B', D') -> dx (B', D): dy in the columns from params.slice.begin on, 0 elsewhere
MB_CUDA_OP(slice_grad) {
    put_problem problem = {};
    problem.x = call->inputs[0];
    problem.begin = call->op->params.slice.begin;
    mb_columns(call, problem);
}

// x (B', D) -> y (B', 1 + D): y = concat(1, x)
MB_CUDA_OP(prepend_one) {
    put_problem problem = {};
    problem.x = call->inputs[0];
    problem.begin = 1;
    problem.rest = 1.0f;
    mb_columns(call, problem);
}

// ---- joining ----------------------------------------------------------------------------------

// Tensors (the pieces) that are joined side by side. blockIdx.z is the piece, so that no thread has
// to search for its piece.
struct pieces {
    mb_tables tables;
    mb_view x[MB_MAX_INPUTS], joined, scales; // scales.first = NULL: none
    mb_divider widths[MB_MAX_INPUTS];         // by those of x
    int32_t begins[MB_MAX_INPUTS];            // first column of x in the joined vectors
    int32_t count, column;                    // column: of s, for piece 0
    int32_t widest;
};

// The pieces are the inputs from number `first` on.
static pieces pieces_of(const mb_cuda_call *call, int32_t first, const mb_view &joined) {
    pieces p = {};
    p.tables = call->tables;
    p.joined = joined;
    p.count = call->op->input_count - first;
    for (int32_t k = 0, begin = 0; k < p.count; k++) {
        p.x[k] = call->inputs[first + k];
        int32_t width = mb_view_width(p.x[k]);
        p.widths[k] = mb_divider_of(width);
        p.begins[k] = begin;
        p.widest = width > p.widest ? width : p.widest;
        begin += width;
    }
    return p;
}

// x_1 (B', D_1), x_2 ..., s (B', N) -> y (B', D_1 + D_2 + ...)
//   y = concat(s[column] * x_1, s[column+1] * x_2, ...), without the factors if s is not given
static __global__ void join_kernel(const __grid_constant__ pieces p) {
    int32_t run = (int32_t)blockIdx.y, piece = (int32_t)blockIdx.z, rows = p.tables.rows[run];
    const mb_view &x = p.x[piece];
    int64_t item = mb_item();
    if (rows == 0 || item >= mb_view_elements(x, rows))
        return;
    int64_t vector = mb_quotient(p.widths[piece], item);
    int64_t at = vector * (mb_view_width(p.joined) - p.widths[piece].by) + p.begins[piece] + item;
    float value = mb_at(x, run)[item];
    if (p.scales.first != NULL)
        value *= mb_at(p.scales, run)[vector * mb_view_width(p.scales) + p.column + piece];
    mb_at(p.joined, run)[at] = value;
}

static void join(const mb_cuda_call *call, const pieces &p) {
    dim3 grid = mb_grid(call, mb_view_vectors(p.joined, call->max_rows) * p.widest);
    grid.z = (unsigned)p.count;
    MB_LAUNCH(join_kernel, grid, dim3(MB_THREADS), 0, call->stream, p);
}

MB_CUDA_OP(concat) {
    join(call, pieces_of(call, MB_INPUT(concat, x), call->outputs[0]));
}

MB_CUDA_OP(scaled_concat) {
    pieces p = pieces_of(call, MB_INPUT(scaled_concat, x), call->outputs[0]);
    p.scales = mb_in(call, scaled_concat, scales);
    p.column = call->op->params.scaled_concat.column;
    join(call, p);
}

// dy (B', W), x_1, x_2 ... -> ds (B', N): ds[column + k] = sum of dy * x_k over the columns of x_k,
// 0 elsewhere. A warp makes one number: lane l sums the columns l, l + 32 ..., the lanes are added
// in pairs.
static __global__ void scales_gradient_kernel(const __grid_constant__ pieces p) {
    int32_t run = (int32_t)blockIdx.y, rows = p.tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int64_t item = mb_item() / 32;
    if (rows == 0 || item >= mb_view_elements(p.scales, rows)) // all lanes of a warp, or none
        return;
    int32_t scales = mb_view_width(p.scales), piece = (int32_t)(item % scales) - p.column;
    float sum = 0.0f;
    if (piece >= 0 && piece < p.count) {
        int64_t vector = item / scales;
        int32_t width = p.widths[piece].by;
        const float *x = mb_at(p.x[piece], run) + vector * width;
        const float *dy = mb_at(p.joined, run) + vector * mb_view_width(p.joined) + p.begins[piece];
        for (int32_t j = lane; j < width; j += 32)
            sum = fmaf(dy[j], x[j], sum);
    }
    sum = mb_warp_sum(sum);
    if (lane == 0)
        mb_at(p.scales, run)[item] = sum;
}

MB_CUDA_OP(scaled_concat_grad_scales) {
    pieces p = pieces_of(call, MB_INPUT(scaled_concat_grad_scales, x),
                         mb_in(call, scaled_concat_grad_scales, dy));
    p.scales = call->outputs[0];
    p.column = call->op->params.scaled_concat.column;
    MB_LAUNCH(scales_gradient_kernel,
              mb_grid(call, 32 * mb_view_elements(p.scales, call->max_rows)), dim3(MB_THREADS), 0,
              call->stream, p);
}
