// The update of a first layer and the product of the next step, in one pass over the weight: dW =
// x^T dy, clip, weight decay and Adam as everywhere; then, while the new weights are still in
// shared memory, the sums of x W for the batch of the next step. This saves one read of W per step.
//
// Reference: source_update and source_product of source.cu, one after the other. A block of 128
// threads takes MB_SOURCE_CHUNK inputs x 64 outputs of W, in strips of 32 inputs. In registers, a
// thread has 4 x 4 weights of a strip with their moments, and 4 rows x 4 outputs of the sums, which
// it keeps over all strips. For each strip:
//     wait for its x (of both batches, copied asynchronously), apply dropout
//     make dW in registers, summing over the rows; apply Adam; copy the new w to shared memory
//     begin to load w, moments and x of the next strip
//     sums += x w, over the inputs of the strip
// The terms of every sum are added in the order of the reference.
#include "cuda/source.cuh"

static constexpr int32_t ROWS = MB_SOURCE_ROWS;
static constexpr int32_t STRIP = 32;   // inputs
static constexpr int32_t OUTPUTS = 64; // of a block
static constexpr int32_t THREADS = 128;
static constexpr int32_t PITCH = STRIP + 4; // floats from row to row of x in shared memory
// A thread copies and masks inputs c and c + PLACES of a strip, in OWN_ROWS rows of x.
static constexpr int32_t PLACES = MB_DROPOUT_COUNTERS;
static constexpr int32_t OWN_ROWS = ROWS * PLACES / THREADS;

static_assert(STRIP == 2 * PLACES && (int)MB_DROPOUT_GROUP % STRIP == 0 &&
                  (int)MB_SOURCE_CHUNK % (int)MB_DROPOUT_GROUP == 0,
              "a strip has two bits of each counter");
static_assert(STRIP / 4 * OUTPUTS / 4 == THREADS && ROWS == STRIP,
              "a thread has 4 x 4 weights of a strip and 4 x 4 sums");

struct source_pass {
    mb_tables tables;
    mb_source source;
    mb_view dy, sums;
    mb_step_weights weights;
    int32_t outputs, max_rows;
};

// The strips of x, for the current batch and for the next one.
struct pass_strips {
    alignas(16) float x[2][ROWS][PITCH];
};

// Shared memory of a block.
struct pass_memory {
    pass_strips strips[2]; // one is filled while the other is used
    alignas(16) float dy[ROWS][OUTPUTS];
    alignas(16) float w[STRIP][OUTPUTS];
    mb_source_rows batches[2];
    const float *from[2][ROWS]; // features of each row of both batches; NULL: zeros
};

// ---- x ----------------------------------------------------------------------------------------

static __device__ inline int32_t own_place() {
    return (int32_t)threadIdx.x % PLACES;
}

// Rows are numbered so that the two halves of a warp write to different banks.
static __device__ inline int32_t own_row(int32_t k) {
    int32_t half = (int32_t)threadIdx.x / PLACES;
    return half / 2 + 4 * (half % 2) + 8 * k;
}

// Begins to copy the thread's share of a strip, the inputs of a batch from p0 on.
static __device__ inline void copy(const pass_memory &memory, int32_t batch, int32_t p0,
                                   float (*strip)[PITCH]) {
    int32_t dimension = memory.batches[batch].dimension;
#pragma unroll
    for (int32_t k = 0; k < OWN_ROWS; k++) {
        int32_t row = own_row(k);
        const float *features = memory.from[batch][row];
#pragma unroll
        for (int32_t half = 0; half < 2; half++) {
            int32_t c = own_place() + half * PLACES;
            if (features != NULL && p0 + c < dimension)
                mb_async_copy<4>(&strip[row][c], features + p0 + c);
            else
                strip[row][c] = 0.0f;
        }
    }
}

// Applies the dropout mask to the elements that the thread has copied. `bits` has 8 bits for each
// of the thread's OWN_ROWS rows; they are valid for all strips of a dropout group.
static __device__ inline void drop(const pass_memory &memory, int32_t batch, int32_t p0,
                                   uint32_t &bits, float (*strip)[PITCH]) {
    const mb_source_rows &x = memory.batches[batch];
    bool draws = p0 % MB_DROPOUT_GROUP == 0;
    if (!x.dropped)
        return;
    bits = draws ? 0 : bits;
#pragma unroll
    for (int32_t k = 0; k < OWN_ROWS; k++) {
        int32_t row = own_row(k);
        if (row >= x.rows)
            continue;
        if (x.grouped && draws)
            bits |= x.bits(row, p0 + own_place()) << 8 * k;
#pragma unroll
        for (int32_t half = 0; half < 2; half++) {
            int32_t c = own_place() + half * PLACES;
            strip[row][c] *= x.grouped              ? x.factor(bits >> 8 * k, p0 + c)
                             : x.keeps(row, p0 + c) ? x.mask.scale
                                                    : 0.0f;
        }
    }
}

// ---- products ---------------------------------------------------------------------------------

// dW of a strip, for 4 inputs from ti on x 4 outputs from tj on.
static __device__ inline void gradient_of(const pass_memory &memory, const pass_strips &strip,
                                          int32_t rows, int32_t ti, int32_t tj,
                                          float (&gradient)[4][4]) {
#pragma unroll 8
    for (int32_t row = 0; row < rows; row++) {
        float x[4], dy[4];
        mb_get_four(&strip.x[0][row][ti], x);
        mb_get_four(&memory.dy[row][tj], dy);
#pragma unroll
        for (int32_t i = 0; i < 4; i++)
#pragma unroll
            for (int32_t j = 0; j < 4; j++)
                gradient[i][j] = fmaf(x[i], dy[j], gradient[i][j]);
    }
}

// Adds the products of a strip to the sums of 4 rows from ti on x 4 outputs from tj on.
static __device__ inline void add_to_sums(const pass_memory &memory, const pass_strips &strip,
                                          int32_t ti, int32_t tj, float (&sums)[4][4]) {
#pragma unroll 2
    for (int32_t p = 0; p < STRIP; p += 4) {
        float x[4][4];
#pragma unroll
        for (int32_t i = 0; i < 4; i++)
            mb_get_four(&strip.x[1][ti + i][p], x[i]);
#pragma unroll
        for (int32_t q = 0; q < 4; q++) {
            float w[4];
            mb_get_four(&memory.w[p + q][tj], w);
#pragma unroll
            for (int32_t i = 0; i < 4; i++)
#pragma unroll
                for (int32_t j = 0; j < 4; j++)
                    sums[i][j] = fmaf(x[i][q], w[j], sums[i][j]);
        }
    }
}

// Copies the thread's new weights to shared memory, with zeros beyond the ends of W.
static __device__ inline void share_weights(const mb_step_weights::tile &weights, int32_t i0,
                                            int32_t j0, int32_t ti, int32_t tj,
                                            pass_memory &memory) {
#pragma unroll
    for (int32_t i = 0; i < 4; i++) {
        float4 w = weights.w[i];
        bool inside = i0 + ti + i < weights.m;
        int32_t left = inside ? weights.n - j0 - tj : 0;
        mb_put_four(&memory.w[ti + i][tj],
                    make_float4(left > 0 ? w.x : 0.0f, left > 1 ? w.y : 0.0f, left > 2 ? w.z : 0.0f,
                                left > 3 ? w.w : 0.0f));
    }
}

// ---- the pass ---------------------------------------------------------------------------------

static __device__ inline void load_rows(const source_pass &pass, int32_t j0, pass_memory &memory) {
    int32_t thread = (int32_t)threadIdx.x, run = (int32_t)blockIdx.y;
    int32_t rows = pass.tables.rows[run];
    const float *dy = mb_at(pass.dy, run);
    if (thread < 2 * ROWS) {
        int32_t batch = thread / ROWS, row = thread % ROWS;
        mb_source_rows x = mb_source_rows_of(pass.source, pass.tables, run, batch);
        memory.from[batch][row] = x.row(row);
        if (row == 0)
            memory.batches[batch] = x;
    }
    for (int32_t at = thread; at < ROWS * OUTPUTS; at += THREADS) {
        int32_t row = at / OUTPUTS, output = j0 + at % OUTPUTS;
        bool inside = row < rows && output < pass.outputs;
        memory.dy[row][at % OUTPUTS] = inside ? dy[row * pass.outputs + output] : 0.0f;
    }
}

static __device__ inline void store_sums(const source_pass &pass, int32_t piece, int32_t rows,
                                         int32_t i0, int32_t j0, const float (&sums)[4][4]) {
    int32_t pitch = mb_view_width(pass.sums);
    float *to = mb_at(pass.sums, (int32_t)blockIdx.y) + (int64_t)piece * pass.max_rows * pitch;
#pragma unroll
    for (int32_t i = 0; i < 4; i++)
        if (i0 + i < rows && j0 < pitch)
            mb_put_four(&to[(i0 + i) * pitch + j0], sums[i]);
}

static __global__ void __launch_bounds__(THREADS, 4)
    source_pass_kernel(const __grid_constant__ source_pass pass) {
    __shared__ pass_memory memory;
    int32_t run = (int32_t)blockIdx.y, tiles = (pass.outputs + OUTPUTS - 1) / OUTPUTS;
    int32_t piece = (int32_t)blockIdx.x / tiles, j0 = (int32_t)blockIdx.x % tiles * OUTPUTS;
    int32_t begin = piece * MB_SOURCE_CHUNK, end = begin + MB_SOURCE_CHUNK,
            inputs = pass.source.width;
    int32_t ti = (int32_t)threadIdx.x / (OUTPUTS / 4) * 4;
    int32_t tj = (int32_t)threadIdx.x % (OUTPUTS / 4) * 4;
    int32_t rows = pass.tables.rows[run], next_rows = pass.tables.next_rows[run];
    mb_step_weights::tile weights;
    if (!pass.weights.begin(pass.tables, run, 0, pass.outputs, inputs, pass.outputs, weights))
        return;
    end = end < inputs ? end : inputs;
    weights.prefetch(begin + ti, j0 + tj);
    load_rows(pass, j0, memory);
    __syncthreads();
    for (int32_t batch = 0; batch < (next_rows > 0 ? 2 : 1); batch++)
        copy(memory, batch, begin, memory.strips[0].x[batch]);
    float sums[4][4] = {};
    uint32_t bits[2] = {0, 0};
    int32_t at = 0; // the strips of x in use
    for (int32_t i0 = begin; i0 < end; i0 += STRIP, at ^= 1) {
        float gradient[4][4] = {};
        pass_strips &strip = memory.strips[at], &other = memory.strips[at ^ 1];
        mb_async_commit();
        mb_async_wait<0>();
        drop(memory, 0, i0, bits[0], strip.x[0]);
        if (next_rows > 0)
            drop(memory, 1, i0, bits[1], strip.x[1]);
        __syncthreads(); // x is complete; the other strips and w may be overwritten
        gradient_of(memory, strip, rows, ti, tj, gradient);
        weights.store(i0 + ti, j0 + tj, gradient);
        if (next_rows > 0)
            share_weights(weights, i0, j0, ti, tj, memory);
        if (i0 + STRIP < end) {
            weights.prefetch(i0 + STRIP + ti, j0 + tj);
            copy(memory, 0, i0 + STRIP, other.x[0]);
            if (next_rows > 0)
                copy(memory, 1, i0 + STRIP, other.x[1]);
        }
        __syncthreads(); // w is complete
        if (next_rows > 0)
            add_to_sums(memory, strip, ti, tj, sums);
    }
    if (next_rows > 0)
        store_sums(pass, piece, next_rows, ti, j0 + tj, sums);
}

void mb_source_pass(const mb_cuda_call *call, const mb_source &source) {
    source_pass pass = {};
    pass.tables = call->tables;
    pass.source = source;
    pass.dy = call->inputs[0];
    pass.sums = mb_out(call, source_linear_update, sums);
    pass.weights = mb_step_weights{mb_update_of(call)};
    pass.outputs = mb_view_width(pass.dy);
    pass.max_rows = call->max_rows;
    int32_t pieces = (source.width + MB_SOURCE_CHUNK - 1) / MB_SOURCE_CHUNK;
    int32_t tiles = (pass.outputs + OUTPUTS - 1) / OUTPUTS;
    dim3 grid((unsigned)(pieces * tiles), (unsigned)call->run_count);
    MB_LAUNCH(source_pass_kernel, grid, dim3(THREADS), 0, call->stream, pass);
}
