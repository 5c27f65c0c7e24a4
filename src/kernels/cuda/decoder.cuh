// Decoder with attention: shared by forward and backward kernels. L positions with S sides
// (recurrence.cuh), D width of y, H hidden; blocks of gates in the order i, f, g, o. For position n
// = 0 .. L-2 and every side:
//   q = state[n-1] A[:H], or start A[:H] for n = 0        k[m] = x[m] A[H:]
//   alpha = softmax over m of v . tanh(q + k[m])           context = sum over m of alpha[m] x[m]
//   both cells: z = concat(y[n], context) W + b;  hidden = o * tanh(i * g)
//   state[n] = hidden_f + hidden_b;  out[n] = concat(state[n], context)
// The cell state before each step is zero, so the forget gate has no effect: its block of z is
// unused and its gradient is zero. Reference: src/kernels/cpu/isa/decoder.c.
//
// A block takes MB_SIDES sides through all positions. At each position its threads divide up pairs
// of side and unit, pairs of side and attended position, or products.
#ifndef MB_KERNELS_CUDA_DECODER_CUH
#define MB_KERNELS_CUDA_DECODER_CUH

#include "cuda/recurrence.cuh"
#include "cuda/reduce.cuh"

// The number of threads in a block of these kernels.
inline int32_t mb_decoder_threads(int32_t hidden) {
    return mb_clamp(2 * mb_round_up(hidden, 32), 128, MB_MOST_THREADS);
}

// Calls at(side, position, sum over j < hidden of term(side, position, j)) for every side < count
// and position < length. Eight lanes share a sum; the four sums of a warp belong to neighbouring
// positions. All threads of the block must call it.
template <class Term, class At>
__device__ inline void mb_decoder_sums(int32_t count, int32_t length, int32_t hidden, Term term,
                                       At at) {
    int lane = (int)threadIdx.x % 32, eighth = lane % 8;
    int32_t fours = (length + 3) / 4, warps = (int32_t)blockDim.x / 32;
    for (int32_t task = (int32_t)threadIdx.x / 32; task < count * fours; task += warps) {
        int32_t side = task / fours, place = task % fours * 4 + lane / 8;
        bool inside = place < length;
        float sum = 0.0f;
        for (int32_t j = eighth; inside && j < hidden; j += 8)
            sum += term(side, place, j);
        for (int distance = 4; distance > 0; distance /= 2)
            sum += __shfl_xor_sync(0xFFFFFFFFu, sum, distance);
        if (inside && eighth == 0)
            at(side, place, sum);
    }
}

#endif
