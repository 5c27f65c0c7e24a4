// Normal numbers that are part of a model. B rows, D columns.
#include "cpu/isa/kernel.h"

// (B, D): number j of an utterance is that of Philox at index utterance * D + j, whatever else is
// in the batch; or given from outside.
MB_KERNEL(noise) {
    int32_t width = mb_width(&call->step->outputs[0]);
    uint32_t stream = MB_RANDOM_NOISE + call->step->params.noise.site;
    float *y = call->outputs[0];
    if (call->step->params.noise.stored) {
        memcpy(y, call->masks + call->step->params.noise.mask_offset,
               (size_t)call->rows * (size_t)width * sizeof *y);
        return;
    }
    for (int32_t b = 0; b < call->rows; b++)
        for (int32_t j = 0; j < width; j++) {
            uint64_t index = (uint64_t)call->indices[b] * (uint64_t)width + (uint64_t)j;
            y[(int64_t)b * width + j] =
                (float)mb_random_normal(call->key, stream, call->training_step, index);
        }
}
