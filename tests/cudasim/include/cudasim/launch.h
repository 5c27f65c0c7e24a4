// Launches a kernel; replaces kernel<<<grid, block, shared_bytes, stream>>>(arguments).
#ifndef CUDASIM_LAUNCH_H
#define CUDASIM_LAUNCH_H

#include <functional>
#include <tuple>
#include <type_traits>

#include "cudasim/api.h"
#include "cudasim/types.h"

namespace cudasim {

struct launch_shape {
    dim3 grid, block;
    size_t shared_bytes;
    cudaStream_t stream;
};

inline launch_shape shape(dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream) {
    return {grid, block, shared_bytes, stream};
}

// `call` runs the kernel for one thread. As in CUDA, cudaGetLastError returns errors.
void launch_kernel(const char *name, const void *function, const launch_shape &shape,
                   std::function<void()> call);

// Arguments are evaluated once and kept by value, also for a graph that is launched later.
template <class... Parameters, class... Arguments>
void launch(const char *name, void (*kernel)(Parameters...), const launch_shape &shape,
            Arguments &&...arguments) {
    static_assert((std::is_trivially_copyable_v<Parameters> && ...),
                  "parameters of kernels are copied byte by byte");
    static_assert((sizeof(Parameters) + ... + 0) <= 32764, "CUDA passes at most 32764 bytes");
    launch_kernel(name, reinterpret_cast<const void *>(kernel), shape,
                  [kernel, values = std::tuple<Parameters...>(std::forward<Arguments>(
                               arguments)...)] { std::apply(kernel, values); });
}

// Reads the CUDASIM_* variables again and forgets errors and a lost device, for tests.
void reload_environment();

} // namespace cudasim

#endif
