// Measures how long the ops of a step take, with events on the stream: one before the first op and
// one after each op.
#include <stdlib.h>

#include "cuda/device.cuh"

mb_status mb_op_clock_reserve(mb_op_clock *clock, int32_t ops, mb_error *error) {
    if (ops < clock->mark_count)
        return MB_OK;
    cudaEvent_t *marks = (cudaEvent_t *)realloc(clock->marks, ((size_t)ops + 1) * sizeof *marks);
    if (marks == NULL)
        return mb_out_of_memory(error, "marks of ops");
    clock->marks = marks;
    mb_status status = MB_OK;
    while (status == MB_OK && clock->mark_count <= ops) {
        status = mb_cuda_check(cudaEventCreate(&marks[clock->mark_count]), error, "making events");
        clock->mark_count += status == MB_OK;
    }
    return status;
}

mb_status mb_op_clock_mark(const mb_op_clock *clock, int32_t at, cudaStream_t stream,
                           mb_error *error) {
    return mb_cuda_check(cudaEventRecord(clock->marks[at], stream), error, "timing an op");
}

mb_status mb_op_clock_add(const mb_op_clock *clock, int32_t ops, double *seconds, mb_error *error) {
    mb_status status =
        mb_cuda_check(cudaEventSynchronize(clock->marks[ops]), error, "waiting for a step");
    for (int32_t i = 0; status == MB_OK && i < ops; i++) {
        float milliseconds = 0.0f;
        status =
            mb_cuda_check(cudaEventElapsedTime(&milliseconds, clock->marks[i], clock->marks[i + 1]),
                          error, "timing an op");
        seconds[i] += 1e-3 * (double)milliseconds;
    }
    return status;
}

void mb_op_clock_free(mb_op_clock *clock) {
    for (int32_t i = 0; i < clock->mark_count; i++)
        (void)cudaEventDestroy(clock->marks[i]);
    free(clock->marks);
    *clock = {};
}
