// A survey of the GPUs of this machine, which `merbench doctor --device` prints.
#ifndef MERBENCH_SURVEY_H
#define MERBENCH_SURVEY_H

#include <stdint.h>

// What the CUDA executor finds; zeros and empty texts in a build without CUDA.
enum { MB_CUDA_MAX_DEVICES = 16 };
typedef struct mb_cuda_survey {
    char problem[512];                       // why no GPU is usable; empty when one is
    int32_t driver_version, runtime_version; // 13000 = 13.0; 0 = none
    char architectures[128];                 // for which this build has kernels: "80-real 90"
    int32_t device_count;
    struct {
        char name[256];
        int32_t major, minor; // compute capability
        int32_t multiprocessors;
        int64_t total_bytes;
        int64_t free_bytes; // of the chosen GPU; -1: unknown
        char problem[256];  // why this GPU is not usable; empty when no reason is known
    } devices[MB_CUDA_MAX_DEVICES];
    int32_t chosen; // index of the GPU that mb_cuda_open would open, or -1
} mb_cuda_survey;

// Surveys all GPUs and chooses `gpu` or, with MB_ANY_GPU, the first usable one. Only the chosen
// GPU gets a context, which takes seconds and hundreds of megabytes; a GPU that refuses one is
// not usable.
void mb_cuda_look(mb_cuda_survey *survey, int32_t gpu);

#endif
