// Linear maps of whole tensors, and their gradients, for all ops that include them. B' stands for
// all leading dimensions (rows, or rows x steps), I inputs, O outputs; weights are stored
// input-major (I, O).
#ifndef MB_KERNELS_CUDA_LINEAR_CUH
#define MB_KERNELS_CUDA_LINEAR_CUH

#include "cuda/call.cuh"

enum { MB_MOST_MAPS = 3, MB_MOST_BACK = 2 };

// y (B', O) = x (B', I) W + b. W consists of I rows of the weight from first_row on, and of O
// columns from first_column on; b of the same columns of the bias.
struct mb_linear_map {
    mb_view x, weight, bias, y; // bias.first = NULL: none
    int32_t first_row, first_column;
};

// Computes `count` maps at once, each followed by max(0, .) if `relu`. Assigns.
void mb_linear_maps(const mb_cuda_call *call, int32_t count, const mb_linear_map *maps, bool relu);

// dx (B', I) = sum over terms of dy (B', O) W^T, where W consists of I rows of the term's weight
// from first_row on; O is the same for all terms. Adds to dx if `add`, else assigns.
struct mb_linear_back {
    struct {
        mb_view dy, weight;
        int32_t first_row;
    } terms[MB_MOST_BACK];
    int32_t term_count;
    mb_view dx;
    bool add;
};

void mb_linear_input_gradient(const mb_cuda_call *call, const mb_linear_back &back);

#endif
