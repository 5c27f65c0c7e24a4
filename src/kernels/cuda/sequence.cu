// Sequences without weights: positions, delays and ends. A thread makes one element.
#include "cuda/recurrence.cuh"

// Place and side of a vector of (B, T, D), counted b * T + t.
struct vector_place {
    int32_t n, side;
};

static __device__ vector_place place_of(const mb_way &way, mb_recurrence recurrence, int32_t steps,
                                        int64_t vector) {
    int32_t row = (int32_t)(vector / steps), step = (int32_t)(vector % steps);
    bool along_rows = recurrence.axis == MB_AXIS_ROWS;
    int32_t n = along_rows ? row : step;
    return {way.reverse ? way.length - 1 - n : n, along_rows ? step : row};
}

// x (B, T, D) -> sines and cosines of the positions t + 1; zero where x[b, t, 0] is zero.
// Source: Vaswani et al., "Attention Is All You Need", 2017, as in the reference's MulT.
static __global__ void positions_kernel(mb_tables tables, mb_view x, mb_view y, float rate) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int32_t width = mb_view_width(y), half = width / 2, steps = y.shape.dims[1];
    int64_t item = mb_item(), vector = item / width;
    if (rows == 0 || vector >= (int64_t)rows * steps)
        return;
    int32_t j = (int32_t)(item % width), i = j < half ? j : j - half;
    float angle = (float)(vector % steps + 1) * expf((float)i * -rate), value = 0.0f;
    if (j < 2 * half && mb_at(x, run)[vector * width] != 0.0f)
        value = j < half ? sinf(angle) : cosf(angle);
    mb_at(y, run)[item] = value;
}

MB_CUDA_OP(positions) {
    int32_t half = mb_view_width(call->outputs[0]) / 2;
    float rate = (float)(log(10000.0) / (half - 1));
    MB_LAUNCH(positions_kernel, mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)),
              dim3(MB_THREADS), 0, call->stream, call->tables, call->inputs[0], call->outputs[0],
              rate);
}

// x (B, T, D), start (S, D) optional -> y with y[t] = x[t-1], y[0] = start or 0
static __global__ void delay_kernel(mb_tables tables, mb_view x, mb_view start, mb_view y,
                                    mb_recurrence recurrence) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], width = mb_view_width(y);
    int64_t item = mb_item(), vector = item / width;
    if (rows == 0 || vector >= mb_view_vectors(y, rows))
        return;
    int32_t j = (int32_t)(item % width);
    mb_way way = mb_way_of(y, rows, recurrence);
    vector_place place = place_of(way, recurrence, y.shape.dims[1], vector);
    float value = 0.0f;
    if (place.n > 0)
        value = mb_at(x, run)[(mb_way_at(way, place.n - 1) + place.side * way.aside) * width + j];
    else if (start.first != NULL)
        value = mb_at(start, run)[(int64_t)place.side * width + j];
    mb_at(y, run)[item] = value;
}

MB_CUDA_OP(delay) {
    const mb_view none = {};
    MB_LAUNCH(delay_kernel, mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)),
              dim3(MB_THREADS), 0, call->stream, call->tables, call->inputs[0],
              call->step->input_count == 2 ? call->inputs[1] : none, call->outputs[0],
              call->step->params.recurrence);
}

// x (B, T, D) -> x[L-1] (S, D)
static __global__ void last_step_kernel(mb_tables tables, mb_view x, mb_view y,
                                        mb_recurrence recurrence) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], width = mb_view_width(y);
    int64_t item = mb_item(), side = item / width;
    if (rows == 0)
        return;
    mb_way way = mb_way_of(x, rows, recurrence);
    if (side >= way.sides)
        return;
    int64_t vector = mb_way_at(way, way.length - 1) + side * way.aside;
    mb_at(y, run)[item] = mb_at(x, run)[vector * width + item % width];
}

MB_CUDA_OP(last_step) {
    MB_LAUNCH(last_step_kernel, mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)),
              dim3(MB_THREADS), 0, call->stream, call->tables, call->inputs[0], call->outputs[0],
              call->step->params.recurrence);
}

// x (S, D) -> y (B, T, D), zero but for y[L-1] = x
static __global__ void at_last_step_kernel(mb_tables tables, mb_view x, mb_view y,
                                           mb_recurrence recurrence) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], width = mb_view_width(y);
    int64_t item = mb_item(), vector = item / width;
    if (rows == 0 || vector >= mb_view_vectors(y, rows))
        return;
    mb_way way = mb_way_of(y, rows, recurrence);
    vector_place place = place_of(way, recurrence, y.shape.dims[1], vector);
    bool last = place.n == way.length - 1;
    int64_t at = (int64_t)place.side * width + item % width;
    mb_at(y, run)[item] = last ? mb_at(x, run)[at] : 0.0f;
}

MB_CUDA_OP(at_last_step) {
    MB_LAUNCH(at_last_step_kernel,
              mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)), dim3(MB_THREADS),
              0, call->stream, call->tables, call->inputs[0], call->outputs[0],
              call->step->params.recurrence);
}
