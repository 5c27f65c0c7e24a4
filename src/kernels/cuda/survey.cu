// What of CUDA this machine has.
#include <stdio.h>
#include <string.h>

#include "cuda/call.cuh"

enum { OLDEST_MAJOR = 8 }; // compute capability that the kernels are built for

#ifndef MB_CUDA_ARCHITECTURES
#define MB_CUDA_ARCHITECTURES "the host"
#endif

static void look_at(mb_cuda_survey *survey, int ordinal) {
    auto *device = &survey->devices[ordinal];
    cudaDeviceProp properties;
    size_t available = 0, total = 0;
    cudaError_t code = cudaGetDeviceProperties(&properties, ordinal);
    if (code == cudaSuccess) {
        snprintf(device->name, sizeof device->name, "%s", properties.name);
        device->major = properties.major;
        device->minor = properties.minor;
        device->multiprocessors = properties.multiProcessorCount;
        device->total_bytes = (int64_t)properties.totalGlobalMem;
        code = cudaSetDevice(ordinal);
    }
    if (code == cudaSuccess && properties.major < OLDEST_MAJOR) {
        snprintf(device->problem, sizeof device->problem,
                 "compute capability %d.%d; merbench needs %d.0 or newer", properties.major,
                 properties.minor, OLDEST_MAJOR);
        return;
    }
    if (code == cudaSuccess)
        code = cudaMemGetInfo(&available, &total);
    device->free_bytes = (int64_t)available;
    if (code != cudaSuccess)
        snprintf(device->problem, sizeof device->problem, "%s", cudaGetErrorString(code));
}

// Why none of the devices can be used.
static void collect_problems(mb_cuda_survey *survey) {
    char problem[sizeof survey->problem] = "";
    for (int32_t i = 0; i < survey->device_count; i++) {
        size_t length = strlen(problem);
        snprintf(problem + length, sizeof problem - length, "%sGPU %d (%.60s): %.120s",
                 i > 0 ? "; " : "", i, survey->devices[i].name, survey->devices[i].problem);
    }
    memcpy(survey->problem, problem, sizeof problem);
}

void mb_cuda_look(mb_cuda_survey *survey) {
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
    for (int32_t i = 0; i < survey->device_count; i++) {
        look_at(survey, i);
        if (survey->chosen < 0 && survey->devices[i].problem[0] == '\0')
            survey->chosen = i;
    }
    if (survey->chosen < 0)
        collect_problems(survey);
}
