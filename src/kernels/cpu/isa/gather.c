// Reads a batch from the resident dataset.
#include "cpu/isa/kernel.h"

// y (B, D), or (B, T, D) with the frames of an utterance at the end, after frames of zeros; of an
// utterance longer than T only the last T frames. Columns beyond those of the stream are zero.
// Assigns.
MB_KERNEL(gather) {
    const mb_stream *stream = &call->dataset->streams[call->op->params.gather.stream];
    const mb_shape *shape = &call->op->outputs[0].shape;
    int32_t width = mb_shape_last(shape), steps = shape->count == 3 ? shape->dims[1] : 1;
    int32_t dimension = stream->dimension;
    const int64_t *offsets = stream->offsets;
    const float *values = stream->values;
    float *to = call->outputs[0];
    for (int32_t b = 0; b < call->rows; b++, to += (int64_t)steps * width) {
        int32_t utterance = call->indices[b];
        int64_t first = offsets != NULL ? offsets[utterance] : utterance;
        int64_t frames = offsets != NULL ? offsets[utterance + 1] - first : 1;
        if (frames > steps) {
            first += frames - steps;
            frames = steps;
        }
        memset(to, 0, (size_t)((steps - frames) * width) * sizeof *to);
        float *frame = to + (steps - frames) * width;
        for (int64_t f = 0; f < frames; f++, frame += width) {
            memcpy(frame, values + (first + f) * dimension, (size_t)dimension * sizeof *to);
            memset(frame + dimension, 0, (size_t)(width - dimension) * sizeof *to);
        }
    }
}

// y (B) = the label of each utterance. Assigns.
MB_KERNEL(labels) {
    bool classes = call->op->params.labels.which == MB_LABELS_EMOTION;
    const void *labels = classes ? (const void *)call->dataset->emotions : call->dataset->valences;
    for (int32_t b = 0; b < call->rows; b++) // int32 and float alike: four bytes
        memcpy(call->outputs[0] + b, (const char *)labels + 4 * (int64_t)call->indices[b], 4);
}
