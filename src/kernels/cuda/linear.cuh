// Linear maps of whole tensors, and their gradients, for ops that have such inside. B' stands for
// all leading dimensions (rows, or rows x steps), I inputs, O outputs; weights are stored
// input-major (I, O).
#ifndef MB_KERNELS_CUDA_LINEAR_CUH
#define MB_KERNELS_CUDA_LINEAR_CUH

#include "cuda/call.cuh"

enum { MB_MOST_MAPS = 3, MB_MOST_BACK = 2 };

// y (B', O) = x (B', I) W + b. W is I rows of the weight from first_row on, and O columns, of it
// and of the bias, from first_column on.
struct mb_linear_map {
    mb_view x, weight, bias, y; // bias.first = NULL: none
    int32_t first_row, first_column;
};

// Some maps at once, each followed by max(0, .) with `relu`. Assigns.
void mb_linear_maps(const mb_cuda_call *call, int32_t count, const mb_linear_map *maps, bool relu);

// dx (B', I) = sum over parts of dy (B', O) W^T, where W is I rows of the part's weight from
// first_row on; O is the same for all of them. Adds to dx when asked to, else assigns.
struct mb_linear_back {
    struct {
        mb_view dy, weight;
        int32_t first_row;
    } parts[MB_MOST_BACK];
    int32_t part_count;
    mb_view dx;
    bool add;
};

void mb_linear_input_gradient(const mb_cuda_call *call, const mb_linear_back &back);

#endif
