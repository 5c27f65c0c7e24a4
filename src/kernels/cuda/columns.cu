// Joining and cutting of columns. B' stands for all leading dimensions; a thread makes one element.
// Reference: src/kernels/cpu/isa/elementwise.c.
#include "cuda/call.cuh"
#include "cuda/reduce.cuh"

// y[v][begin + j] = s[v][column] * x[v][x_begin + j] for j < width, s = 1 without scales.
struct column_copy {
    mb_view x, y, scales;   // scales.first = NULL: none
    int32_t x_begin, begin; // first columns in x and in y
    int32_t width, column;
};

static __global__ void copy_columns_kernel(mb_tables tables, column_copy copy) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t item = mb_item(), vector = item / copy.width;
    if (rows == 0 || vector >= mb_view_vectors(copy.y, rows))
        return;
    int32_t j = (int32_t)(item % copy.width);
    float value = mb_at(copy.x, run)[vector * mb_view_width(copy.x) + copy.x_begin + j];
    if (copy.scales.first != NULL)
        value *= mb_at(copy.scales, run)[vector * mb_view_width(copy.scales) + copy.column];
    mb_at(copy.y, run)[vector * mb_view_width(copy.y) + copy.begin + j] = value;
}

static void copy_columns(const mb_cuda_call *call, const column_copy &copy) {
    int64_t items = mb_view_vectors(copy.y, call->max_rows) * copy.width;
    MB_LAUNCH(copy_columns_kernel, mb_grid(call, items), dim3(MB_THREADS), 0, call->stream,
              call->tables, copy);
}

// (B', D1), (B', D2) ... -> (B', D1 + D2 + ...)
MB_CUDA_OP(concat) {
    column_copy copy = {};
    copy.y = call->outputs[0];
    for (int32_t k = 0; k < call->step->input_count; k++) {
        copy.x = call->inputs[k];
        copy.width = mb_view_width(copy.x);
        copy_columns(call, copy);
        copy.begin += copy.width;
    }
}

// s (B', N), x_1 (B', D_1) ... -> concat(s[column] * x_1, s[column+1] * x_2, ...)
MB_CUDA_OP(scaled_concat) {
    column_copy copy = {};
    copy.y = call->outputs[0];
    copy.scales = call->inputs[0];
    copy.column = call->step->params.scaled_concat.column;
    for (int32_t k = 1; k < call->step->input_count; k++) {
        copy.x = call->inputs[k];
        copy.width = mb_view_width(copy.x);
        copy_columns(call, copy);
        copy.begin += copy.width;
        copy.column++;
    }
}

// dy (B', W), s (B', N) -> dx (B', D) = s[column] * dy[begin ...]
MB_CUDA_OP(scaled_concat_grad_part) {
    column_copy copy = {};
    copy.x = call->inputs[0];
    copy.scales = call->inputs[1];
    copy.y = call->outputs[0];
    copy.column = call->step->params.scaled_concat.column;
    copy.x_begin = call->step->params.scaled_concat.begin;
    copy.width = mb_view_width(copy.y);
    copy_columns(call, copy);
}

// (B', D) -> (B', D'), columns from params.slice.begin.
MB_CUDA_OP(slice) {
    column_copy copy = {};
    copy.x = call->inputs[0];
    copy.y = call->outputs[0];
    copy.x_begin = call->step->params.slice.begin;
    copy.width = mb_view_width(copy.y);
    copy_columns(call, copy);
}

// y (B', D'): columns begin ... of it are x (B', D), the others `value`.
static __global__ void surround_kernel(mb_tables tables, mb_view x, mb_view y, int32_t begin,
                                       float value) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int32_t width = mb_view_width(y), part = mb_view_width(x);
    int64_t item = mb_item(), vector = item / width;
    if (rows == 0 || vector >= mb_view_vectors(y, rows))
        return;
    int32_t j = (int32_t)(item % width) - begin;
    bool inside = j >= 0 && j < part;
    mb_at(y, run)[item] = inside ? mb_at(x, run)[vector * part + j] : value;
}

static void surround(const mb_cuda_call *call, int32_t begin, float value) {
    MB_LAUNCH(surround_kernel, mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)),
              dim3(MB_THREADS), 0, call->stream, call->tables, call->inputs[0], call->outputs[0],
              begin, value);
}

// (B', D) -> (B', 1 + D)
MB_CUDA_OP(prepend_one) {
    surround(call, 1, 1.0f);
}

// dy (B', D') -> (B', D), zero but for the columns from params.slice.begin.
MB_CUDA_OP(slice_grad) {
    surround(call, call->step->params.slice.begin, 0.0f);
}

struct scaled_parts {
    int32_t count;
    mb_view parts[MB_MAX_INPUTS];
};

// dy (B', W), x_1, x_2 ... -> ds (B', N): ds[column + k] = sum of dy * x over part k, 0 elsewhere.
// A warp sums for one vector.
static __global__ void scale_gradients_kernel(mb_tables tables, mb_view dy, scaled_parts x,
                                              mb_view ds, int32_t column) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int64_t vector = mb_item() / 32;
    if (rows == 0 || vector >= mb_view_vectors(ds, rows))
        return; // the whole warp
    const float *gradients = mb_at(dy, run) + vector * mb_view_width(dy);
    float *scales = mb_at(ds, run) + vector * mb_view_width(ds);
    for (int32_t s = lane; s < mb_view_width(ds); s += 32)
        if (s < column || s >= column + x.count)
            scales[s] = 0.0f;
    for (int32_t k = 0; k < x.count; k++) {
        int32_t width = mb_view_width(x.parts[k]);
        const float *part = mb_at(x.parts[k], run) + vector * width;
        float sum = 0.0f;
        for (int32_t j = lane; j < width; j += 32)
            sum = fmaf(gradients[j], part[j], sum);
        sum = mb_warp_sum(sum);
        if (lane == 0)
            scales[column + k] = sum;
        gradients += width;
    }
}

MB_CUDA_OP(scaled_concat_grad_scales) {
    scaled_parts parts = {};
    parts.count = call->step->input_count - 1;
    for (int32_t k = 0; k < parts.count; k++)
        parts.parts[k] = call->inputs[k + 1];
    int64_t vectors = mb_view_vectors(call->outputs[0], call->max_rows);
    MB_LAUNCH(scale_gradients_kernel, mb_grid(call, 32 * vectors), dim3(MB_THREADS), 0,
              call->stream, call->tables, call->inputs[0], parts, call->outputs[0],
              call->step->params.scaled_concat.column);
}
