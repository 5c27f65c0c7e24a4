// Kernel launches: their limits, and the loss of the device after some of them.
#include "cudasim/launch.h"

#include "block.h"
#include "runtime.h"
#include "statistics.h"

namespace cudasim {

static bool fits(dim3 size, unsigned x, unsigned y, unsigned z) {
    return size.x >= 1 && size.y >= 1 && size.z >= 1 && size.x <= x && size.y <= y && size.z <= z;
}

static cudaError_t check_limits(const void *function, const launch_shape &shape) {
    const environment &settings = runtime.settings;
    if (settings.major * 10 + settings.minor < 75)
        return cudaErrorNoKernelImageForDevice;
    if (!fits(shape.grid, 0x7FFFFFFF, 65535, 65535) || !fits(shape.block, 1024, 1024, 64) ||
        shape.block.x * shape.block.y * shape.block.z > MAX_THREADS)
        return cudaErrorInvalidConfiguration;
    auto limit = runtime.shared_limits.find(function);
    size_t most = limit == runtime.shared_limits.end() || limit->second < 48 << 10
                      ? 48 << 10
                      : (size_t)limit->second;
    return shape.shared_bytes > most ? cudaErrorInvalidValue : cudaSuccess;
}

static cudaError_t run_now(const kernel_call &kernel) {
    if (runtime.launches >= runtime.settings.lost_after)
        runtime.lost = true;
    if (runtime.lost)
        return cudaErrorIllegalAddress;
    uint64_t seed = runtime.settings.seed * 0x9E3779B97F4A7C15u + ++runtime.launches;
    device_time time;
    counts.kernels++;
    expose_memory();
    run_kernel(kernel, {runtime.settings.order, seed});
    hide_memory();
    return cudaSuccess;
}

void launch_kernel(const char *name, const void *function, const launch_shape &shape,
                   std::function<void()> call) {
    api_call api;
    if (api.error)
        return;
    cudaError_t error = check_limits(function, shape);
    if (!error) {
        counts.kernel_launches += !is_capturing(shape.stream);
        kernel_call kernel = {name, shape.grid, shape.block, shape.shared_bytes, std::move(call)};
        error = submit(shape.stream, [kernel] { return run_now(kernel); });
    }
    api.answer(error);
}

} // namespace cudasim
