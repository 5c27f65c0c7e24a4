// Which GPUs there are.
#ifndef MERBENCH_SURVEY_H
#define MERBENCH_SURVEY_H

#include <stdint.h>

// What the CUDA executor finds on this machine, for `merbench doctor --device`; zeros and empty
// texts in a build without CUDA.
enum { MB_CUDA_MAX_DEVICES = 16 };
typedef struct mb_cuda_survey {
    char problem[512];                       // why no GPU can be used; empty when one can
    int32_t driver_version, runtime_version; // 13000 = 13.0; 0 = none
    char architectures[128];                 // that this build has kernels for: "80-real 90"
    int32_t device_count;
    struct {
        char name[256];
        int32_t major, minor; // compute capability
        int32_t multiprocessors;
        int64_t total_bytes;
        int64_t free_bytes; // of the chosen one; -1: not known
        char problem[256];  // why this one cannot be used; empty when nothing is known against it
    } devices[MB_CUDA_MAX_DEVICES];
    int32_t chosen; // the device that mb_cuda_open opens, or -1
} mb_cuda_survey;

// Chooses `gpu`, or with MB_ANY_GPU the first that can be used. A context, which takes seconds and
// hundreds of megabytes, is made on that one alone; one that refuses it cannot be used.
void mb_cuda_look(mb_cuda_survey *survey, int32_t gpu);

#endif
