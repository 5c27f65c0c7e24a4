// The way of a recurrence through (B, T, D): along the T steps of each row, or along the B rows of
// each step.
#ifndef MB_KERNELS_CUDA_RECURRENCE_CUH
#define MB_KERNELS_CUDA_RECURRENCE_CUH

#include "cuda/call.cuh"

struct mb_way {
    int32_t length; // L: T along time, the valid rows along the rows
    int32_t sides;  // S: what lies side by side, the other of the two
    int32_t steps;  // T
    bool along_rows, reverse;
};

__device__ inline mb_way mb_way_of(mb_recurrence recurrence, const mb_view &sequence,
                                   int32_t rows) {
    int32_t steps = sequence.shape.dims[1];
    bool along_rows = recurrence.axis == MB_AXIS_ROWS;
    return {along_rows ? rows : steps, along_rows ? steps : rows, steps, along_rows,
            recurrence.reverse};
}

// Which vector of the sequence, counted b * T + t, is place n of a side.
__device__ inline int64_t mb_way_vector(const mb_way &way, int32_t n, int32_t side) {
    int32_t place = way.reverse ? way.length - 1 - n : n;
    return way.along_rows ? (int64_t)place * way.steps + side : (int64_t)side * way.steps + place;
}

// The other way round: place and side of a vector.
__device__ inline int32_t mb_way_place(const mb_way &way, int64_t vector) {
    int32_t place = (int32_t)(way.along_rows ? vector / way.steps : vector % way.steps);
    return way.reverse ? way.length - 1 - place : place;
}

__device__ inline int32_t mb_way_side(const mb_way &way, int64_t vector) {
    return (int32_t)(way.along_rows ? vector % way.steps : vector / way.steps);
}

#endif
