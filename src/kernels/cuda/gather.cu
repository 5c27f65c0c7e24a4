// Inputs of a batch: features and labels from the resident dataset, and noise. Reference:
// src/kernels/cpu/isa/gather.c, noise.c.
#include "cuda/columns.cuh"
#include "cuda/philox.cuh"

// The features of one stream, in units of `Unit`: float, or float4 where widths and addresses allow
// it.
struct gather_problem {
    mb_tables tables;
    mb_view y;
    const int64_t *offsets; // (N + 1) frames, or NULL: one frame per utterance
    const void *values;     // (frames, dimension)
    int32_t dimension;      // of a frame, in units
    mb_divider width;       // divides by the units of a vector of y
    mb_divider steps;       // divides by T; by 1 without time steps
};

// y (B, D), or (B, T, D) with the frames of an utterance at the end, after frames of zeros; of an
// utterance longer than T only the last T frames. Columns beyond those of the stream are zero.
// Assigns.
template <class Unit>
static __global__ void gather_kernel(const __grid_constant__ gather_problem problem) {
    int32_t run = (int32_t)blockIdx.y, rows = problem.tables.rows[run], steps = problem.steps.by;
    int64_t item = mb_item(), vector = mb_quotient(problem.width, item);
    if (vector >= (int64_t)rows * steps)
        return;
    int32_t column = (int32_t)(item - vector * problem.width.by);
    int64_t row = mb_quotient(problem.steps, vector), step = vector - row * steps;
    int32_t utterance = problem.tables.indices[run][row];
    int64_t first = utterance, end = first + 1;
    if (problem.offsets != NULL) {
        first = problem.offsets[utterance];
        end = problem.offsets[utterance + 1];
    }
    int64_t frame = end - steps + step;
    Unit value = {};
    if (frame >= first && column < problem.dimension)
        value = static_cast<const Unit *>(problem.values)[frame * problem.dimension + column];
    reinterpret_cast<Unit *>(mb_at(problem.y, run))[item] = value;
}

MB_CUDA_OP(gather) {
    const mb_stream *stream = &call->dataset.streams[call->op->params.gather.stream];
    gather_problem problem = {};
    int32_t dimension = stream->dimension;
    int32_t width = mb_view_width(call->outputs[0]);
    problem.tables = call->tables;
    problem.y = call->outputs[0];
    problem.offsets = stream->offsets;
    problem.values = stream->values;
    problem.steps = mb_divider_of(problem.y.shape.count == 3 ? problem.y.shape.dims[1] : 1);
    bool fours = dimension % 4 == 0 && width % 4 == 0 && (uintptr_t)problem.values % 16 == 0;
    int32_t unit = fours ? 4 : 1;
    problem.dimension = dimension / unit;
    problem.width = mb_divider_of(width / unit);
    dim3 grid = mb_grid(call, mb_view_elements(problem.y, call->max_rows) / unit);
    if (fours)
        MB_LAUNCH((gather_kernel<float4>), grid, dim3(MB_THREADS), 0, call->stream, problem);
    else
        MB_LAUNCH((gather_kernel<float>), grid, dim3(MB_THREADS), 0, call->stream, problem);
}

// y (B) = the label of each utterance. int32 and float labels are copied alike, as four bytes.
// Assigns.
static __global__ void labels_kernel(mb_tables tables, mb_view y, const uint32_t *labels) {
    int32_t run = (int32_t)blockIdx.y;
    int64_t row = mb_item();
    if (row < tables.rows[run])
        reinterpret_cast<uint32_t *>(mb_at(y, run))[row] = labels[tables.indices[run][row]];
}

MB_CUDA_OP(labels) {
    bool classes = call->op->params.labels.which == MB_LABELS_EMOTION;
    const void *labels = classes ? (const void *)call->dataset.emotions : call->dataset.valences;
    MB_LAUNCH(labels_kernel, mb_grid(call, call->max_rows), dim3(MB_THREADS), 0, call->stream,
              call->tables, call->outputs[0], (const uint32_t *)labels);
}

// y (B, D): number j of an utterance is Philox at index utterance * D + j, so it does not depend on
// the rest of the batch; or all numbers come from the caller. Assigns.
struct noise_problem {
    mb_tables tables;
    mb_view y;
    mb_divider width;
    uint32_t use;
    const float *given; // NULL: random

    __device__ float value(int32_t run, int32_t, int64_t row, int32_t column) const {
        if (given != NULL)
            return given[row * width.by + column];
        uint64_t utterance = (uint64_t)tables.indices[run][row];
        return (float)mb_philox_normal(tables.keys[run], use, tables.steps[run],
                                       utterance * (uint64_t)width.by + (uint64_t)column);
    }
};

MB_CUDA_OP(noise) {
    noise_problem problem = {};
    problem.use = MB_RANDOM_NOISE + call->op->params.noise.site;
    if (call->op->params.noise.stored)
        problem.given = call->tables.masks + call->op->params.noise.mask_offset;
    mb_columns(call, problem);
}
