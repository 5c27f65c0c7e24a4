// Any bytes as a feature file.
#include <stdint.h>
#include <stdlib.h>

#include "data/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    mb_frames frames;
    mb_error error = {.message = ""};
    mb_status status = mb_npy_frames(bytes, size, "input", &frames, &error);
    if (status == MB_OK) { // every value is there
        volatile float sum = 0;
        for (int64_t i = 0; i < frames.count * frames.dimension; i++)
            sum = sum + frames.values[i];
    } else if (status != MB_BAD_INPUT || error.message[0] == '\0') {
        abort();
    }
    free(frames.values);
    return 0;
}
