// Standard normal noise that belongs to a model. B rows, D columns.
#include "cpu/isa/kernel.h"

// y (B, D): number j of an utterance is Philox at index utterance * D + j, so it does not depend on
// the rest of the batch; or all numbers come from the caller. Assigns.
MB_KERNEL(noise) {
    int32_t width = mb_width(&call->op->outputs[0]);
    uint32_t use = MB_RANDOM_NOISE + call->op->params.noise.site;
    float *y = call->outputs[0];
    if (call->op->params.noise.stored) {
        memcpy(y, call->masks + call->op->params.noise.mask_offset,
               (size_t)call->rows * (size_t)width * sizeof *y);
        return;
    }
    for (int32_t b = 0; b < call->rows; b++)
        for (int32_t j = 0; j < width; j++) {
            uint64_t index = (uint64_t)call->indices[b] * (uint64_t)width + (uint64_t)j;
            y[(int64_t)b * width + j] =
                (float)mb_random_normal(call->key, use, call->training_step, index);
        }
}
