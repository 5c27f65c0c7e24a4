// Reads a batch from the resident dataset, and numbers that are not in it.
#include "cuda/philox.cuh"

struct gather_source {
    const int64_t *offsets; // or NULL: one frame an utterance
    const float *values;
    int32_t dimension;
};

// (B, D), or (B, T, D) with the frames of an utterance at the end and zero frames in front; of an
// utterance longer than T the last frames count. Columns behind those of the features are zero.
static __global__ void gather_features_kernel(mb_tables tables, gather_source source, mb_view y) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int32_t width = mb_view_width(y), steps = y.shape.count == 3 ? y.shape.dims[1] : 1;
    int64_t item = mb_item();
    if (rows == 0 || item >= (int64_t)rows * steps * width)
        return;
    int64_t vector = item / width;
    int32_t column = (int32_t)(item % width), row = (int32_t)(vector / steps);
    int32_t step = (int32_t)(vector % steps), utterance = tables.indices[run][row];
    int64_t first = source.offsets != NULL ? source.offsets[utterance] : utterance;
    int64_t frames = source.offsets != NULL ? source.offsets[utterance + 1] - first : 1;
    int64_t frame = first + frames - steps + step; // of the dataset
    bool there = frame >= first && column < source.dimension;
    mb_at(y, run)[item] = there ? source.values[frame * source.dimension + column] : 0.0f;
}

// labels (N), four bytes each -> (B)
static __global__ void gather_labels_kernel(mb_tables tables, const uint32_t *labels, mb_view y) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t row = mb_item();
    if (row < rows)
        ((uint32_t *)mb_at(y, run))[row] = labels[tables.indices[run][row]];
}

MB_CUDA_OP(gather) {
    mb_input input = call->step->params.gather.input;
    if (input <= MB_INPUT_VIDEO) {
        const auto *modality = &call->dataset.modalities[(int32_t)input];
        gather_source source = {modality->offsets, modality->values, modality->dimension};
        MB_LAUNCH(gather_features_kernel,
                  mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)),
                  dim3(MB_THREADS), 0, call->stream, call->tables, source, call->outputs[0]);
        return;
    }
    const void *labels = input == MB_INPUT_EMOTION ? (const void *)call->dataset.emotions
                                                   : (const void *)call->dataset.valences;
    MB_LAUNCH(gather_labels_kernel, mb_grid(call, call->max_rows), dim3(MB_THREADS), 0,
              call->stream, call->tables, (const uint32_t *)labels, call->outputs[0]);
}

// (B, D): number j of an utterance is that of Philox at index utterance * D + j, whatever else is
// in the batch; or given from outside.
static __global__ void noise_kernel(mb_tables tables, mb_view y, uint32_t stream,
                                    int64_t mask_offset) { // -1: not given
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], width = mb_view_width(y);
    int64_t item = mb_item();
    if (rows == 0 || item >= (int64_t)rows * width)
        return;
    float *to = mb_at(y, run);
    if (mask_offset >= 0) {
        to[item] = tables.masks[mask_offset + item];
        return;
    }
    uint64_t utterance = (uint64_t)tables.indices[run][item / width];
    uint64_t index = utterance * (uint64_t)width + (uint64_t)(item % width);
    to[item] = (float)mb_philox_normal(tables.keys[run], stream, tables.steps[run], index);
}

MB_CUDA_OP(noise) {
    const auto *noise = &call->step->params.noise;
    int64_t items = mb_view_elements(call->outputs[0], call->max_rows);
    MB_LAUNCH(noise_kernel, mb_grid(call, items), dim3(MB_THREADS), 0, call->stream, call->tables,
              call->outputs[0], MB_STREAM_NOISE + noise->site,
              noise->stored ? noise->mask_offset : (int64_t)-1);
}
