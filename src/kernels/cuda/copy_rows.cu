// to[a] = from[a], `floats` numbers each, for every run a with chosen[a] != 0; other runs keep what
// they have.
#include "cuda/device.cuh"

static __global__ void copy_rows_kernel(mb_row_copy q) {
    int32_t run = (int32_t)blockIdx.y;
    if (q.chosen[run] == 0)
        return;
    const float *from = q.from + run * q.from_stride;
    float *to = q.to + run * q.to_stride;
    for (int64_t i = mb_item(); i < q.floats; i += (int64_t)gridDim.x * blockDim.x)
        to[i] = from[i];
}

void mb_cuda_copy_rows(mb_cuda_device *cuda, const mb_row_copy *copy) {
    const int64_t most_blocks = 256; // of a run: fills the GPU even for a single run
    if (copy->floats == 0)
        return;
    int64_t blocks = (copy->floats + MB_THREADS - 1) / MB_THREADS;
    dim3 grid((unsigned)(blocks < most_blocks ? blocks : most_blocks), (unsigned)copy->run_count);
    MB_LAUNCH(copy_rows_kernel, grid, dim3(MB_THREADS), 0, cuda->stream, *copy);
}
