// Devices, errors, attributes of functions.
#include "runtime.h"

#include <stdio.h>
#include <string.h>

#include <chrono>

#include "cudasim/control.h"
#include "cudasim/launch.h"

using namespace cudasim;

namespace cudasim {

runtime_state runtime;

static thread_local cudaError_t last_error;
static thread_local int device;

static cudaError_t driver_error(const environment &settings) {
    if (settings.driver / 1000 < RUNTIME_VERSION / 1000) // minor versions are compatible
        return cudaErrorInsufficientDriver;
    return settings.devices ? cudaSuccess : cudaErrorNoDevice;
}

static void load() {
    if (!runtime.loaded)
        runtime.settings = read_environment();
    runtime.loaded = true;
}

void reload_environment() {
    std::lock_guard<std::recursive_mutex> guard(runtime.lock);
    runtime.loaded = runtime.lost = false;
    runtime.launches = 0;
    for (bool &context : runtime.contexts)
        context = false;
    last_error = cudaSuccess;
    device = 0;
    load();
}

static cudaError_t make_context(int number) {
    if (runtime.contexts[number])
        return cudaSuccess;
    if (runtime.settings.busy[number])
        return cudaErrorDevicesUnavailable;
    start_driver_thread();
    std::this_thread::sleep_for(std::chrono::milliseconds(runtime.settings.slow));
    runtime.contexts[number] = true;
    return cudaSuccess;
}

api_call::api_call(call_needs needs) : guard(runtime.lock) {
    load();
    error = driver_error(runtime.settings);
    if (!error && runtime.lost)
        error = cudaErrorIllegalAddress;
    if (!error && needs == NEEDS_CONTEXT)
        error = make_context(device);
    if (error)
        last_error = error;
}

cudaError_t api_call::answer(cudaError_t result) const {
    if (result)
        last_error = result;
    return result;
}

int current_device() {
    return device;
}

} // namespace cudasim

bool cudasim_has_context(int number) {
    std::lock_guard<std::recursive_mutex> guard(runtime.lock);
    return number >= 0 && number < MAX_DEVICES && runtime.contexts[number];
}

void cudasim_start_anew(void) {
    reload_environment();
}

#define CUDASIM_ERROR(name, number, text)                                                          \
    case name:                                                                                     \
        return CUDASIM_SHOWN(name, text);

const char *cudaGetErrorName(cudaError_t error) {
#define CUDASIM_SHOWN(name, text) #name
    switch (error) {
#include "cudasim/errors.def"
    }
    return "unrecognized error code";
#undef CUDASIM_SHOWN
}

const char *cudaGetErrorString(cudaError_t error) {
#define CUDASIM_SHOWN(name, text) text
    switch (error) {
#include "cudasim/errors.def"
    }
    return "unrecognized error code";
#undef CUDASIM_SHOWN
}

cudaError_t cudaGetLastError() {
    api_call call(NEEDS_NO_CONTEXT);
    cudaError_t error = last_error;
    if (!call.error) // a lost device stays lost
        last_error = cudaSuccess;
    return error;
}

cudaError_t cudaPeekAtLastError() {
    api_call call(NEEDS_NO_CONTEXT);
    return last_error;
}

cudaError_t cudaGetDeviceCount(int *count) {
    api_call call(NEEDS_NO_CONTEXT);
    *count = 0;
    cudaError_t error = driver_error(runtime.settings);
    if (!error)
        *count = runtime.settings.devices;
    return call.answer(error);
}

cudaError_t cudaSetDevice(int number) {
    api_call call(NEEDS_NO_CONTEXT);
    if (call.error)
        return call.error;
    if (number < 0 || number >= runtime.settings.devices)
        return call.answer(cudaErrorInvalidDevice);
    cudaError_t error = make_context(number); // since CUDA 12
    if (!error)
        device = number;
    return call.answer(error);
}

cudaError_t cudaGetDevice(int *number) {
    api_call call(NEEDS_NO_CONTEXT);
    if (!call.error)
        *number = device;
    return call.error;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int number) {
    api_call call(NEEDS_NO_CONTEXT);
    if (call.error)
        return call.error;
    if (number < 0 || number >= runtime.settings.devices)
        return call.answer(cudaErrorInvalidDevice);
    memset(properties, 0, sizeof *properties);
    snprintf(properties->name, sizeof properties->name, "cudasim");
    properties->uuid.bytes[15] = (char)(number + 1);
    properties->totalGlobalMem = runtime.settings.memory;
    properties->totalConstMem = 64 << 10;
    properties->sharedMemPerBlock = 48 << 10;
    properties->sharedMemPerBlockOptin = 227 << 10;
    properties->sharedMemPerMultiprocessor = 228 << 10;
    properties->reservedSharedMemPerBlock = 1 << 10;
    properties->regsPerBlock = properties->regsPerMultiprocessor = 64 << 10;
    properties->warpSize = 32;
    properties->maxThreadsPerBlock = 1024;
    properties->maxThreadsPerMultiProcessor = 2048;
    properties->maxBlocksPerMultiProcessor = 32;
    properties->maxThreadsDim[0] = properties->maxThreadsDim[1] = 1024;
    properties->maxThreadsDim[2] = 64;
    properties->maxGridSize[0] = 0x7FFFFFFF;
    properties->maxGridSize[1] = properties->maxGridSize[2] = 65535;
    properties->major = runtime.settings.major;
    properties->minor = runtime.settings.minor;
    properties->multiProcessorCount = 132;
    properties->l2CacheSize = 50 << 20;
    properties->memoryBusWidth = 5120;
    properties->concurrentKernels = properties->unifiedAddressing = 1;
    properties->pciBusID = number + 1;
    return cudaSuccess;
}

// The caller holds the lock of the runtime.
static int attribute_of(const cudaDeviceProp &properties, cudaDeviceAttr attribute) {
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
        return properties.maxThreadsPerBlock;
    case cudaDevAttrMaxSharedMemoryPerBlock:
        return (int)properties.sharedMemPerBlock;
    case cudaDevAttrWarpSize:
        return properties.warpSize;
    case cudaDevAttrMultiProcessorCount:
        return properties.multiProcessorCount;
    case cudaDevAttrL2CacheSize:
        return properties.l2CacheSize;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
        return properties.maxThreadsPerMultiProcessor;
    case cudaDevAttrComputeCapabilityMajor:
        return properties.major;
    case cudaDevAttrComputeCapabilityMinor:
        return properties.minor;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        return (int)properties.sharedMemPerMultiprocessor;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        return (int)properties.sharedMemPerBlockOptin;
    case cudaDevAttrMemoryPoolsSupported:
        return runtime.settings.pools;
    }
    return -1;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int number) {
    cudaDeviceProp properties;
    cudaError_t error = cudaGetDeviceProperties(&properties, number);
    if (error)
        return error;
    int found = attribute_of(properties, attribute);
    if (found < 0)
        return api_call(NEEDS_NO_CONTEXT).answer(cudaErrorInvalidValue);
    *value = found;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
    api_call call(NEEDS_NO_CONTEXT);
    *version = runtime.settings.driver;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = RUNTIME_VERSION;
    return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void *function, cudaFuncAttribute attribute, int value) {
    api_call call;
    if (call.error)
        return call.error;
    if (!function)
        return call.answer(cudaErrorInvalidDeviceFunction);
    if (value < 0 ||
        (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize && value > 227 << 10))
        return call.answer(cudaErrorInvalidValue);
    if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize)
        runtime.shared_limits[function] = value;
    return cudaSuccess;
}

// Considers threads and dynamic shared memory only, because registers and static shared memory are
// not known.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *function,
                                                          int threads, size_t shared_bytes) {
    api_call call;
    if (call.error)
        return call.error;
    if (!function || threads < 1 || threads > 1024)
        return call.answer(cudaErrorInvalidValue);
    int by_threads = 2048 / ((threads + 31) / 32 * 32);
    size_t by_memory = (228 << 10) / (shared_bytes + (1 << 10));
    *blocks = by_threads < 32 ? by_threads : 32;
    if (by_memory < (size_t)*blocks)
        *blocks = (int)by_memory;
    return cudaSuccess;
}
