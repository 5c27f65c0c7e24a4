// Decoder with attention: what its two directions share. L places with S sides (recurrence.cuh), D
// width of y, H hidden; gate blocks in the order i, f, g, o. For place n = 0 .. L-2 and every side:
//   q = state[n-1] A[:H], or start A[:H] for n = 0        k[m] = x[m] A[H:]
//   alpha = softmax over m of v . tanh(q + k[m])           context = sum over m of alpha[m] x[m]
//   both cells: z = concat(y[n], context) W + b;  hidden = o * tanh(i * g)
//   state[n] = hidden_f + hidden_b;  out[n] = concat(state[n], context)
// The forget gate meets a cell of zero: its block of z is not used, its gradient is zero.
// Reference: src/kernels/cpu/isa/decoder.c.
//
// A block has MB_SIDES sides and goes through their places; within a place its threads share out
// sides and units, sides and places attended to, or products.
#ifndef MB_KERNELS_CUDA_DECODER_CUH
#define MB_KERNELS_CUDA_DECODER_CUH

#include "cuda/recurrence.cuh"
#include "cuda/reduce.cuh"

// Threads of a block of these kernels.
inline int32_t mb_decoder_threads(int32_t hidden) {
    return mb_clamp(2 * mb_round_up(hidden, 32), 128, MB_MOST_THREADS);
}

// Calls at(side, place, sum over j < hidden of term(side, place, j)) for every side < count and
// place < length. Eight lanes share a sum; the four sums of a warp are of neighbouring places. All
// threads of the block arrive.
template <class Term, class At>
__device__ inline void mb_decoder_sums(int32_t count, int32_t length, int32_t hidden, Term term,
                                       At at) {
    int lane = (int)threadIdx.x % 32, part = lane % 8;
    int32_t fours = (length + 3) / 4, warps = (int32_t)blockDim.x / 32;
    for (int32_t task = (int32_t)threadIdx.x / 32; task < count * fours; task += warps) {
        int32_t side = task / fours, place = task % fours * 4 + lane / 8;
        bool inside = place < length;
        float sum = 0.0f;
        for (int32_t j = part; inside && j < hidden; j += 8)
            sum += term(side, place, j);
        for (int distance = 4; distance > 0; distance /= 2)
            sum += __shfl_xor_sync(0xFFFFFFFFu, sum, distance);
        if (inside && part == 0)
            at(side, place, sum);
    }
}

#endif
