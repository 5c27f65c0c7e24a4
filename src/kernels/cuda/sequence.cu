// Ops on sequences (B, T, D) that have no weights: delays, last steps, position encodings. All
// assign. Reference: src/kernels/cpu/isa/recurrent.c, convolve.c.
#include <math.h>

#include "cuda/columns.cuh"
#include "cuda/recurrence.cuh"

// Finds the position of a vector on a walk; `steps` divides by T.
struct walk {
    mb_divider steps;
    mb_recurrence recurrence;

    // Returns the walk through (B, T, D), and sets position and side of vector b * T + t.
    __device__ mb_walk find(const mb_view &sequence, int32_t rows, int64_t vector, int32_t &place,
                            int64_t &side) const {
        mb_walk found = mb_walk_of(sequence, rows, recurrence);
        int64_t row = mb_quotient(steps, vector);
        int32_t step = (int32_t)(vector - row * steps.by);
        bool along_rows = recurrence.axis == MB_AXIS_ROWS;
        side = along_rows ? step : row;
        place = along_rows ? (int32_t)row : step;
        place = found.reverse ? found.length - 1 - place : place;
        return found;
    }
};

static walk way_of(const mb_cuda_call *call, const mb_view &sequence) {
    return {mb_divider_of(sequence.shape.dims[1]), call->op->params.recurrence};
}

// y[n] = x[n-1] (B, T, D), y[0] = start (S, D) or 0
struct delay_problem {
    mb_tables tables;
    mb_view x, start, y; // start.first = NULL: none
    mb_divider width;
    walk along;

    __device__ float value(int32_t run, int32_t rows, int64_t vector, int32_t column) const {
        int32_t place;
        int64_t side;
        mb_walk found = along.find(y, rows, vector, place, side);
        int64_t before = found.reverse ? vector + found.along : vector - found.along;
        if (place > 0)
            return mb_at(x, run)[before * width.by + column];
        return start.first != NULL ? mb_at(start, run)[side * width.by + column] : 0.0f;
    }
};

MB_CUDA_OP(delay) {
    delay_problem problem = {};
    problem.x = mb_in(call, delay, x);
    if (mb_has(call->op, delay, start))
        problem.start = mb_in(call, delay, start);
    problem.along = way_of(call, call->outputs[0]);
    mb_columns(call, problem);
}

// y (S, D) = x[L-1], x (B, T, D)
struct last_problem {
    mb_tables tables;
    mb_view x, y;
    mb_divider width;
    mb_recurrence recurrence;

    __device__ float value(int32_t run, int32_t rows, int64_t side, int32_t column) const {
        mb_walk walk = mb_walk_of(x, rows, recurrence);
        int64_t vector = mb_walk_at(walk, walk.length - 1) + side * walk.aside;
        return mb_at(x, run)[vector * width.by + column];
    }
};

MB_CUDA_OP(last_step) {
    last_problem problem = {};
    problem.x = call->inputs[0];
    problem.recurrence = call->op->params.recurrence;
    mb_columns(call, problem);
}

// y (B, T, D), zero but for y[L-1] = x (S, D)
struct at_last_problem {
    mb_tables tables;
    mb_view x, y;
    mb_divider width;
    walk along;

    __device__ float value(int32_t run, int32_t rows, int64_t vector, int32_t column) const {
        int32_t place;
        int64_t side;
        mb_walk found = along.find(y, rows, vector, place, side);
        bool last = place == found.length - 1;
        return last ? mb_at(x, run)[side * width.by + column] : 0.0f;
    }
};

MB_CUDA_OP(at_last_step) {
    at_last_problem problem = {};
    problem.x = call->inputs[0];
    problem.along = way_of(call, call->outputs[0]);
    mb_columns(call, problem);
}

// Sinusoidal position encoding, x (B, T, D) -> y (B, T, D). The position of step t is t + 1, or 0
// where x[b,t,0] is exactly 0 (a padded frame). With half = D / 2 and w_i = exp(-i * ln(10000) /
// (half - 1)):
//   y[i] = sin(position * w_i), y[half + i] = cos(position * w_i)
// At position 0 all of y is 0, and so is the last column of an odd D.
//
// A thread computes sine and cosine of one i of a step once, for all rows; thread `half` of an odd
// D has the last column. exp is computed in double, because an error in the last digit of w_i is
// multiplied by t.
static __global__ void positions_kernel(const __grid_constant__ mb_tables tables,
                                        const __grid_constant__ mb_view x,
                                        const __grid_constant__ mb_view y, mb_divider columns,
                                        float rate) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], steps = y.shape.dims[1];
    int32_t width = y.shape.dims[2], half = width / 2;
    int64_t item = mb_item(), step = mb_quotient(columns, item);
    int32_t i = (int32_t)(item - step * columns.by);
    if (rows == 0 || step >= steps)
        return;
    float angle = (float)(step + 1) * (float)exp((double)((float)i * -rate));
    float sine = i < half ? sinf(angle) : 0.0f, cosine = i < half ? cosf(angle) : 0.0f;
    for (int32_t b = 0; b < rows; b++) {
        int64_t at = ((int64_t)b * steps + step) * width;
        bool padded = mb_at(x, run)[at] == 0.0f;
        float *to = mb_at(y, run) + at;
        if (i < half)
            to[i] = padded ? 0.0f : sine;
        to[half + i] = padded ? 0.0f : cosine; // half + half is the last column of an odd D
    }
}

MB_CUDA_OP(positions) {
    const mb_view &y = call->outputs[0];
    int32_t width = mb_view_width(y), columns = (width + 1) / 2;
    float rate = (float)(log(10000.0) / (width / 2 - 1));
    MB_LAUNCH(positions_kernel, mb_grid(call, (int64_t)y.shape.dims[1] * columns), dim3(MB_THREADS),
              0, call->stream, call->tables, call->inputs[0], y, mb_divider_of(columns), rate);
}
