// Reads a batch from the resident dataset.
#include "cpu/isa/kernel.h"

// (B, D), or (B, T, D) with the frames of an utterance at the end and zero frames in front. Columns
// behind those of the features are zero.
static void gather_features(const mb_cpu_call *call, int32_t modality) {
    const mb_shape *shape = &call->step->outputs[0].shape;
    int32_t width = mb_shape_last(shape), steps = shape->count == 3 ? shape->dims[1] : 1;
    int32_t dimension = call->dataset->modalities[modality].dimension;
    const int64_t *offsets = call->dataset->modalities[modality].offsets;
    const float *values = call->dataset->modalities[modality].values;
    float *to = call->outputs[0];
    for (int32_t b = 0; b < call->rows; b++, to += (int64_t)steps * width) {
        int32_t utterance = call->indices[b];
        int64_t first = offsets != NULL ? offsets[utterance] : utterance;
        int64_t frames = offsets != NULL ? offsets[utterance + 1] - first : 1;
        if (frames > steps) { // longer than the plan: the last frames count
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

MB_KERNEL(gather) {
    mb_input input = call->step->params.gather.input;
    if (input <= MB_INPUT_VIDEO) {
        gather_features(call, (int32_t)input);
        return;
    }
    const void *labels = input == MB_INPUT_EMOTION ? (const void *)call->dataset->emotions
                                                   : (const void *)call->dataset->valences;
    for (int32_t b = 0; b < call->rows; b++) // int32 and float alike: four bytes
        memcpy(call->outputs[0] + b, (const char *)labels + 4 * (int64_t)call->indices[b], 4);
}
