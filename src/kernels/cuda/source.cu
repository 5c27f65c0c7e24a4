// First layers: linear maps of the features of utterances, and the updates of their weights. B
// rows, I inputs, O outputs. x (B, I), the features with their dropout, is made where it is read.
// Reference: src/kernels/cpu/isa/source.c.
//
// Where updates begin the next step (source_pass.cu), x W is always summed over pieces of
// MB_SOURCE_CHUNK inputs, and then the sums of the pieces are added in order. So the bits are the
// same whether the update of the previous step has computed those sums or this op does.
#include "cuda/source.cuh"
#include "cuda/tensor_product.cuh"

// Fills the strips of A = x for the forward product. A thread always has the same rows and the same
// p modulo 16, so that one counter has the bits for 8 strips.
struct strip_of_rows {
    mb_source_rows x;
    int32_t first; // input at p = 0
    const float *from[MB_TILE_M * MB_TILE_K / MB_PRODUCT_THREADS];
    uint32_t bits[MB_TILE_M * MB_TILE_K / MB_PRODUCT_THREADS];

    __device__ void fetch(int32_t k, int32_t i0, int32_t p0, mb_strip<MB_TILE_M, true> &strip) {
        static_assert((int)MB_TILE_K == (int)MB_DROPOUT_COUNTERS,
                      "a strip has one bit of each counter");
        static_assert((int)MB_SOURCE_CHUNK % (int)MB_DROPOUT_GROUP == 0,
                      "pieces begin with a dropout group");
#pragma unroll
        for (int e = 0; e < strip.COUNT; e++) {
            int p, i;
            strip.place(e, p, i);
            int32_t input = first + p0 + p, row = i0 + i;
            if (p0 == 0)
                from[e] = x.row(row);
            if (x.dropped && x.grouped && p0 % MB_DROPOUT_GROUP == 0 && row < x.rows)
                bits[e] = x.bits(row, input);
            bool inside = from[e] != NULL && p0 + p < k && input < x.dimension;
            float value = inside ? from[e][input] : 0.0f;
            if (x.dropped && inside)
                value *= x.grouped             ? x.factor(bits[e], input)
                         : x.keeps(row, input) ? x.mask.scale
                                               : 0.0f;
            strip.values[e] = value;
        }
    }
    // Row i, elements p, p + 1, p + 2, p + 3; zeros from k on.
    __device__ void four(int32_t k, int32_t i, int32_t p, float (&values)[4]) const {
        const float *row = x.row(i);
        int32_t input = first + p;
        if (row != NULL)
            mb_load_four(row, input, min(first + k, x.dimension), values);
#pragma unroll
        for (int n = 0; n < 4; n++)
            if (row == NULL)
                values[n] = 0.0f;
            else if (x.dropped)
                values[n] *= x.keeps(i, input + n) ? x.mask.scale : 0.0f;
    }
};

// The product x W: assigned to y (B, O) with bias and max(0, .), or, in_pieces, to the sums of the
// pieces (pieces + 1, B, pitch); blockIdx.z is the piece.
struct source_product {
    mb_tables tables;
    mb_source source;
    mb_view weight, bias, to; // bias.first = NULL: none
    bool relu, in_pieces;
    int32_t outputs, max_rows;

    struct tile {
        int32_t m, n, k, pitch;
        bool relu;
        const float *weight, *bias;
        float *to;
        strip_of_rows x;
        static constexpr bool a_along_p = true, b_along_p = false;

        __device__ void fetch_a(int32_t i0, int32_t p0, mb_strip<MB_TILE_M, true> &strip) {
            x.fetch(k, i0, p0, strip);
        }
        __device__ float b(int32_t p, int32_t j) const {
            return weight[(int64_t)p * n + j];
        }
        __device__ void four_a(int32_t i, int32_t p, float (&four)[4]) const {
            x.four(k, i, p, four);
        }
        __device__ void four_b(int32_t p, int32_t j, float (&four)[4]) const {
            mb_load_four(weight + (int64_t)p * n, j, n, four);
        }
        __device__ void prefetch(int32_t, int32_t) {}
        __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
            mb_store_map(i0, j0, sums, m, n, bias, relu, to, pitch);
        }
    };

    __device__ bool begin(int32_t run, int32_t piece, tile &t) const {
        int32_t rows = tables.rows[run], first = piece * MB_SOURCE_CHUNK;
        int32_t left = source.width - first;
        t.m = rows;
        t.n = outputs;
        t.k = in_pieces && left > MB_SOURCE_CHUNK ? (int32_t)MB_SOURCE_CHUNK : left;
        t.pitch = mb_view_width(to);
        t.relu = relu;
        t.x.x = mb_source_rows_of(source, tables, run, 0);
        t.x.first = first;
        t.weight = mb_at(weight, run) + (int64_t)first * outputs;
        t.bias = bias.first != NULL ? mb_at(bias, run) : NULL;
        t.to = mb_at(to, run) + (int64_t)piece * max_rows * t.pitch;
        return rows > 0 && !(in_pieces && tables.begun[run] != 0);
    }
};

// y (B, O) = the sums (pieces + 1, B, pitch) added piece after piece, + b, then max(0, .) if
// `relu`. Assigns.
static __global__ void source_sums_kernel(const __grid_constant__ mb_tables tables,
                                          const __grid_constant__ mb_view sums,
                                          const __grid_constant__ mb_view bias,
                                          const __grid_constant__ mb_view y, int32_t max_rows,
                                          bool relu) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], outputs = mb_view_width(y);
    int32_t pieces = sums.shape.dims[0] - 1, pitch = mb_view_width(sums);
    int32_t item = (int32_t)mb_item(), row = item / outputs, output = item % outputs;
    if (row >= rows)
        return;
    const float *from = mb_at(sums, run) + row * pitch + output;
    float value = 0.0f;
    for (int32_t piece = 0; piece < pieces; piece++)
        value += from[(int64_t)piece * max_rows * pitch];
    if (bias.first != NULL)
        value += mb_at(bias, run)[output];
    mb_at(y, run)[item] = relu && value < 0.0f ? 0.0f : value; // NaN stays NaN
}

MB_CUDA_OP(source_linear) {
    const mb_plan_op *op = call->op;
    source_product problem = {};
    mb_view bias = {}, sums = mb_out(call, source_linear, sums);
    problem.tables = call->tables;
    problem.weight = mb_in(call, source_linear, weight);
    problem.source = mb_source_of(call, problem.weight.shape.dims[1]);
    problem.outputs = mb_view_width(mb_out(call, source_linear, y));
    problem.max_rows = call->max_rows;
    if (mb_has(op, source_linear, bias))
        bias = mb_in(call, source_linear, bias);
    if (!mb_source_begins(call->plan)) {
        problem.bias = bias;
        problem.to = mb_out(call, source_linear, y);
        problem.relu = op->params.source.relu;
        mb_forward_product(call, call->max_rows, problem.outputs, 1, problem);
        return;
    }
    problem.to = sums;
    problem.in_pieces = true;
    mb_product(call, call->max_rows, problem.outputs, sums.shape.dims[0] - 1, problem);
    MB_LAUNCH(source_sums_kernel, mb_grid(call, (int64_t)call->max_rows * problem.outputs),
              dim3(MB_THREADS), 0, call->stream, call->tables, sums, bias,
              mb_out(call, source_linear, y), call->max_rows, op->params.source.relu);
}

// dW (I, O) = x^T dy, which updates W at once: for batches of more than MB_SOURCE_ROWS rows.
struct source_update {
    mb_tables tables;
    mb_source source;
    mb_view dy;
    mb_step_weights epilogue;

    struct tile : mb_step_weights::tile {
        int32_t k;
        const float *dy;
        mb_source_rows x;
        static constexpr bool a_along_p = false, b_along_p = false;

        __device__ void fetch_a(int32_t i0, int32_t p0, mb_strip<MB_TILE_M, false> &strip) {
#pragma unroll
            for (int e = 0; e < strip.COUNT; e++) {
                int p, i;
                strip.place(e, p, i);
                const float *from = i0 + i < x.dimension ? x.row(p0 + p) : NULL;
                strip.values[e] = from != NULL ? from[i0 + i] : 0.0f;
            }
            if (!x.dropped)
                return;
            uint32_t kept = kept_of(i0, p0, strip);
#pragma unroll
            for (int e = 0; e < strip.COUNT; e++)
                strip.values[e] *= (kept >> e & 1u) != 0 ? x.mask.scale : 0.0f;
        }
        // Bit e tells whether the strip's element e is kept. The loop is not unrolled, to save
        // registers.
        __device__ uint32_t kept_of(int32_t i0, int32_t p0,
                                    const mb_strip<MB_TILE_M, false> &strip) const {
            uint32_t kept = 0;
#pragma unroll 1
            for (int e = 0; e < strip.COUNT; e++) {
                int p, i;
                strip.place(e, p, i);
                kept |= (uint32_t)x.keeps(p0 + p, i0 + i) << e;
            }
            return kept;
        }
        __device__ float b(int32_t p, int32_t j) const {
            return dy[(int64_t)p * n + j];
        }
    };

    __device__ bool begin(int32_t run, int32_t, tile &t) const {
        int32_t outputs = mb_view_width(dy);
        t.k = tables.rows[run];
        t.dy = mb_at(dy, run);
        t.x = mb_source_rows_of(source, tables, run, 0);
        return t.k > 0 && epilogue.begin(tables, run, 0, outputs, source.width, outputs, t);
    }
};

MB_CUDA_OP(source_linear_update) {
    mb_source source =
        mb_source_of(call, mb_view_width(mb_out(call, source_linear_update, x_buffer)));
    if (mb_source_begins(call->plan)) {
        mb_source_pass(call, source);
        return;
    }
    source_update problem = {};
    problem.tables = call->tables;
    problem.source = source;
    problem.dy = call->inputs[0];
    problem.epilogue = mb_step_weights{mb_update_of(call)};
    mb_product(call, source.width, mb_view_width(problem.dy), 1, problem);
}
