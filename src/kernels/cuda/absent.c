// Replaces the CUDA executor in a build without CUDA.
#include <stdio.h>

#include "merbench/device.h"
#include "merbench/survey.h"

const mb_backend *mb_cuda_backend(void) {
    return NULL;
}

mb_status mb_cuda_open(const mb_cuda_options *options, mb_device **device, mb_error *error) {
    (void)options;
    (void)device;
    return mb_fail(error, MB_UNSUPPORTED, "this build of merbench has no CUDA");
}

void mb_cuda_look(mb_cuda_survey *survey, int32_t gpu) {
    (void)gpu;
    *survey = (mb_cuda_survey){.chosen = -1};
    snprintf(survey->problem, sizeof survey->problem, "this build of merbench has no CUDA");
}
