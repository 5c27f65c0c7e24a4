// Finds the GPUs of this machine, and chooses one.
#include <stdio.h>
#include <string.h>

#include "cuda/call.cuh"

extern "C" {
#include "merbench/survey.h"
}

enum { OLDEST_MAJOR = 8 }; // major compute capability that the kernels need

#ifndef MB_CUDA_ARCHITECTURES
#define MB_CUDA_ARCHITECTURES "the host"
#endif

// Fills in what can be known without a context.
static void look_at(mb_cuda_survey *survey, int32_t ordinal) {
    auto *device = &survey->devices[ordinal];
    cudaDeviceProp properties;
    cudaError_t code = cudaGetDeviceProperties(&properties, ordinal);
    device->free_bytes = -1;
    if (code != cudaSuccess) {
        (void)cudaGetLastError();
        snprintf(device->problem, sizeof device->problem, "%s", cudaGetErrorString(code));
        return;
    }
    snprintf(device->name, sizeof device->name, "%s", properties.name);
    device->major = properties.major;
    device->minor = properties.minor;
    device->multiprocessors = properties.multiProcessorCount;
    device->total_bytes = (int64_t)properties.totalGlobalMem;
    if (properties.major < OLDEST_MAJOR)
        snprintf(device->problem, sizeof device->problem,
                 "compute capability %d.%d; merbench needs %d.0 or newer", properties.major,
                 properties.minor, OLDEST_MAJOR);
}

// Whether a GPU can be used: makes its context, unless a problem is already known.
static bool can_be_used(mb_cuda_survey *survey, int32_t ordinal) {
    auto *device = &survey->devices[ordinal];
    size_t available = 0, total = 0;
    if (device->problem[0] != '\0')
        return false;
    cudaError_t code = cudaSetDevice(ordinal);
    if (code == cudaSuccess)
        code = cudaMemGetInfo(&available, &total);
    if (code == cudaSuccess) {
        device->free_bytes = (int64_t)available;
        return true;
    }
    (void)cudaGetLastError();
    snprintf(device->problem, sizeof device->problem, "%s", cudaGetErrorString(code));
    return false;
}

// The text of mb_cuda_survey.problem, which is set if no GPU is chosen.
typedef char problem_text[sizeof((mb_cuda_survey *)NULL)->problem];

static void add_problem(problem_text text, const mb_cuda_survey *survey, int32_t ordinal) {
    size_t length = strlen(text);
    snprintf(text + length, sizeof(problem_text) - length, "%sGPU %d (%.60s): %.120s",
             length > 0 ? "; " : "", ordinal, survey->devices[ordinal].name,
             survey->devices[ordinal].problem);
}

static void choose_first(mb_cuda_survey *survey) {
    problem_text text = "";
    for (int32_t i = 0; i < survey->device_count; i++) {
        if (can_be_used(survey, i)) {
            survey->chosen = i;
            return;
        }
        add_problem(text, survey, i);
    }
    memcpy(survey->problem, text, sizeof text);
}

static void choose(mb_cuda_survey *survey, int32_t gpu) {
    problem_text text;
    bool there = gpu < survey->device_count;
    if (there && can_be_used(survey, gpu)) {
        survey->chosen = gpu;
        return;
    }
    snprintf(text, sizeof text,
             survey->device_count == 1 ? "CUDA shows one GPU, number 0"
                                       : "CUDA shows %d GPUs, 0 to %d",
             survey->device_count, survey->device_count - 1);
    if (there)
        add_problem(text, survey, gpu);
    memcpy(survey->problem, text, sizeof text);
}

void mb_cuda_look(mb_cuda_survey *survey, int32_t gpu) {
    int count = 0, version = 0;
    memset(survey, 0, sizeof *survey);
    survey->chosen = -1;
    snprintf(survey->architectures, sizeof survey->architectures, "%s", MB_CUDA_ARCHITECTURES);
    if (cudaRuntimeGetVersion(&version) == cudaSuccess)
        survey->runtime_version = version;
    if (cudaDriverGetVersion(&version) == cudaSuccess)
        survey->driver_version = version;
    cudaError_t code = cudaGetDeviceCount(&count);
    (void)cudaGetLastError();
    if (survey->driver_version == 0 || code == cudaErrorInsufficientDriver)
        snprintf(survey->problem, sizeof survey->problem,
                 survey->driver_version == 0
                     ? "no NVIDIA driver is installed"
                     : "the NVIDIA driver knows CUDA up to %d.%d, this build needs %d.%d",
                 survey->driver_version / 1000, survey->driver_version % 1000 / 10,
                 survey->runtime_version / 1000, survey->runtime_version % 1000 / 10);
    else if (code != cudaSuccess || count == 0)
        snprintf(survey->problem, sizeof survey->problem, "%s",
                 code != cudaSuccess ? cudaGetErrorString(code) : "the driver has no GPU");
    if (survey->problem[0] != '\0')
        return;
    survey->device_count = count < MB_CUDA_MAX_DEVICES ? count : MB_CUDA_MAX_DEVICES;
    for (int32_t i = 0; i < survey->device_count; i++)
        look_at(survey, i);
    if (gpu == MB_ANY_GPU)
        choose_first(survey);
    else
        choose(survey, gpu);
}
