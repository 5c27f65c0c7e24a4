// Linear map of the outer product of three vectors, and the update of its weight. outer.cuh
// explains Z (B, P*Q*R) and the order of its columns. O outputs; W is stored input-major (P*Q*R,
// O).
#include "cuda/outer.cuh"
#include "cuda/tensor_product.cuh"

// y (B, O) = Z W + b. If each of the three vectors has 65 numbers, Z has 274,625 columns and W as
// many rows. So the columns are divided into `pieces`, one for each blockIdx.z; their number
// depends on the shapes only (it is a dimension of the workspace). Each piece yields a partial sum,
// and a second kernel adds these to b, in order. Assigns.
//
// A block of 128 threads computes 32 x 64 elements of the sum, each thread 4 x 4 in registers. Z is
// made in shared memory, a group of 128 columns at a time. W is staged in strips of 16 rows; while
// one strip is multiplied, the next is loaded into registers.
enum {
    FORWARD_THREADS = 128,
    FORWARD_OUTPUTS = 64,
    STRIP = 16, // rows of W
    STRIP_EACH = STRIP * FORWARD_OUTPUTS / FORWARD_THREADS,
};

struct outer_forward {
    mb_outer z;
    mb_view weight, room, bias, y;
    int32_t row_tiles, outputs, pieces;
    int32_t columns; // columns of Z in a piece: whole groups
};

// Loads the thread's elements of rows [p0, p0 + STRIP) of W, with zeros from row `end` on.
static __device__ inline void fetch_strip(const float *weights, int32_t outputs, int32_t p0,
                                          int32_t end, int32_t j0, float (&values)[STRIP_EACH]) {
    bool whole = outputs % 4 == 0;
    for (int e = 0; e < STRIP_EACH; e += 4) {
        int32_t at = (e / 4 * FORWARD_THREADS + (int32_t)threadIdx.x) * 4;
        int32_t p = p0 + at / FORWARD_OUTPUTS, j = j0 + at % FORWARD_OUTPUTS;
        const float *from = weights + (int64_t)p * outputs + j;
        float4 four = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        if (p < end && whole && j < outputs)
            four = mb_four(from);
        else if (p < end) {
            four.x = j < outputs ? from[0] : 0.0f;
            four.y = j + 1 < outputs ? from[1] : 0.0f;
            four.z = j + 2 < outputs ? from[2] : 0.0f;
            four.w = j + 3 < outputs ? from[3] : 0.0f;
        }
        values[e] = four.x;
        values[e + 1] = four.y;
        values[e + 2] = four.z;
        values[e + 3] = four.w;
    }
}

static __device__ inline void put_strip(const float (&values)[STRIP_EACH],
                                        float (*strip)[FORWARD_OUTPUTS + 4]) {
    for (int e = 0; e < STRIP_EACH; e++) {
        int32_t at = (e / 4 * FORWARD_THREADS + (int32_t)threadIdx.x) * 4 + e % 4;
        strip[at / FORWARD_OUTPUTS][at % FORWARD_OUTPUTS] = values[e];
    }
}

static __global__ void __launch_bounds__(FORWARD_THREADS)
    outer_pieces_kernel(const __grid_constant__ outer_forward problem) {
    __shared__ __align__(16) float z_strip[MB_OUTER_GROUP][MB_OUTER_ROWS + 4];
    __shared__ __align__(16) float w_strip[STRIP][FORWARD_OUTPUTS + 4];
    int32_t run = (int32_t)blockIdx.y, piece = (int32_t)blockIdx.z, outputs = problem.outputs;
    int32_t i0 = (int32_t)blockIdx.x % problem.row_tiles * MB_OUTER_ROWS;
    int32_t j0 = (int32_t)blockIdx.x / problem.row_tiles * FORWARD_OUTPUTS;
    mb_outer_product z;
    if (!problem.z.begin(run, z) || i0 >= z.rows)
        return;
    int32_t begin = piece * problem.columns, left = z.width - begin;
    int32_t end = begin + (left < problem.columns ? left : problem.columns);
    int32_t thread = (int32_t)threadIdx.x, ti = thread / 16 * 4, tj = thread % 16 * 4;
    const float *weights = mb_at(problem.weight, run);
    float sums[4][4] = {}, strip[STRIP_EACH];
    fetch_strip(weights, outputs, begin, end, j0, strip);
    for (int32_t first = begin; first < end; first += MB_OUTER_GROUP) {
        for (int32_t unit = thread; unit < MB_OUTER_UNITS; unit += FORWARD_THREADS) {
            int32_t i = unit / MB_OUTER_COUNTERS, c = unit % MB_OUTER_COUNTERS;
            float made[MB_OUTER_EACH];
            z.make(i0 + i, first, end, c, made);
            for (int n = 0; n < MB_OUTER_EACH; n++)
                z_strip[n * MB_OUTER_COUNTERS + c][i] = made[n];
        }
        for (int32_t p0 = 0; p0 < MB_OUTER_GROUP && first + p0 < end; p0 += STRIP) {
            put_strip(strip, w_strip);
            __syncthreads();
            if (first + p0 + STRIP < end)
                fetch_strip(weights, outputs, first + p0 + STRIP, end, j0, strip);
            mb_outer_add<8>(&z_strip[p0][ti], MB_OUTER_ROWS + 4, &w_strip[0][tj],
                            FORWARD_OUTPUTS + 4, STRIP, sums);
            __syncthreads();
        }
    }
    float *room = mb_at(problem.room, run) + (int64_t)piece * outputs;
    for (int32_t i = i0 + ti; i < i0 + ti + 4 && i < z.rows; i++)
        for (int32_t j = j0 + tj; j < j0 + tj + 4 && j < outputs; j++)
            room[(int64_t)i * problem.pieces * outputs + j] = sums[i - i0 - ti][j - j0 - tj];
}

// y[b] = bias + sum over the pieces of their sums in the workspace.
static __global__ void outer_sum_kernel(const __grid_constant__ outer_forward problem) {
    int32_t run = (int32_t)blockIdx.y, rows = problem.z.tables.rows[run];
    int32_t outputs = problem.outputs;
    int64_t item = mb_item();
    if (item >= (int64_t)rows * outputs)
        return;
    int64_t row = item / outputs, output = item - row * outputs;
    const float *room = mb_at(problem.room, run) + row * problem.pieces * outputs + output;
    float sum = mb_at(problem.bias, run)[output];
    for (int32_t piece = 0; piece < problem.pieces; piece++)
        sum += room[(int64_t)piece * outputs];
    mb_at(problem.y, run)[item] = sum;
}

static int32_t up_to(int32_t count, int32_t unit) {
    return (int32_t)(((int64_t)count + unit - 1) / unit);
}

// The sums of the pieces, computed on the tensor cores where Z has no mask.
struct outer_tensor {
    outer_forward of;

    struct tile : mb_store_tile {
        int32_t k, begin; // columns of Z in the piece: their number, the first
        mb_outer_product z;
        const float *weights; // rows of W in the piece
        static constexpr bool a_along_p = true, b_along_p = false;

        __device__ void four_a(int32_t i, int32_t p, float (&four)[4]) const {
            z.make_four(i, begin + p, begin + k, four);
        }
        __device__ void four_b(int32_t p, int32_t j, float (&four)[4]) const {
            mb_load_four(weights + (int64_t)p * n, j, n, four);
        }
    };

    __device__ bool begin(int32_t run, int32_t piece, tile &t) const {
        int32_t outputs = of.outputs;
        if (!of.z.begin(run, t.z))
            return false;
        float *room = mb_at(of.room, run) + (int64_t)piece * outputs;
        static_cast<mb_store_tile &>(t) = {room, (int64_t)of.pieces * outputs, t.z.rows, outputs};
        t.begin = piece * of.columns;
        int32_t left = t.z.width - t.begin;
        t.k = left < of.columns ? left : of.columns; // <= 0 if the piece is beyond the last column
        t.weights = mb_at(of.weight, run) + (int64_t)t.begin * outputs;
        return true;
    }
};

MB_CUDA_OP(outer_linear) {
    outer_forward problem = {};
    problem.z = mb_outer_of(call, MB_INPUT(outer_linear, a));
    problem.weight = mb_in(call, outer_linear, weight);
    problem.bias = mb_in(call, outer_linear, bias);
    problem.y = mb_out(call, outer_linear, y);
    problem.room = mb_out(call, outer_linear, workspace);
    problem.outputs = mb_view_width(problem.y);
    problem.pieces = problem.room.shape.dims[1];
    problem.columns =
        up_to(up_to(problem.z.width, problem.pieces), MB_OUTER_GROUP) * MB_OUTER_GROUP;
    problem.row_tiles = up_to(call->max_rows, MB_OUTER_ROWS);
    dim3 grid((unsigned)(problem.row_tiles * up_to(problem.outputs, FORWARD_OUTPUTS)),
              (unsigned)call->run_count, (unsigned)problem.pieces);
    if (mb_on_tensor_cores(call, call->max_rows) && problem.z.dropout.mode == MB_DROPOUT_OFF)
        mb_tensor_product(call, call->max_rows, problem.outputs, problem.pieces,
                          outer_tensor{problem});
    else
        MB_LAUNCH(outer_pieces_kernel, grid, dim3(FORWARD_THREADS), 0, call->stream, problem);
    MB_LAUNCH(outer_sum_kernel, mb_grid(call, (int64_t)call->max_rows * problem.outputs),
              dim3(MB_THREADS), 0, call->stream, problem);
}

// dW (P*Q*R, O) = Z^T dy (B, O). Assigns, or updates W at once, depending on the epilogue.
//
// A block of 256 threads takes a group of 128 rows of W and goes through its columns 32 at a time,
// each thread 4 x 4 in registers. If the batch fits a tile, Z is made only once for all columns.
enum { WEIGHT_THREADS = 256, WEIGHT_OUTPUTS = 32 };

template <class Epilogue> struct outer_weight_gradient {
    mb_outer z;
    mb_view dy;
    Epilogue epilogue;
};

template <class Epilogue>
static __global__ void __launch_bounds__(WEIGHT_THREADS, 2)
    outer_weight_kernel(const __grid_constant__ outer_weight_gradient<Epilogue> problem) {
    __shared__ __align__(16) float z_strip[MB_OUTER_ROWS][MB_OUTER_GROUP + 4];
    __shared__ __align__(16) float dy_strip[MB_OUTER_ROWS][WEIGHT_OUTPUTS + 4];
    int32_t run = (int32_t)blockIdx.y, first = (int32_t)blockIdx.x * MB_OUTER_GROUP;
    int32_t outputs = mb_view_width(problem.dy), thread = (int32_t)threadIdx.x;
    mb_outer_product z;
    typename Epilogue::tile tile;
    int32_t left = problem.z.width - first, count = left < MB_OUTER_GROUP ? left : MB_OUTER_GROUP;
    if (!problem.z.begin(run, z) ||
        !problem.epilogue.begin(problem.z.tables, run, (int64_t)first * outputs, outputs, count,
                                outputs, tile))
        return;
    const float *gradients = mb_at(problem.dy, run);
    int32_t ti = thread / 8 * 4, tj = thread % 8 * 4;
    for (int32_t j0 = 0; j0 < outputs; j0 += WEIGHT_OUTPUTS) {
        float sums[4][4] = {};
        tile.prefetch(ti, j0 + tj);
        for (int32_t b0 = 0; b0 < z.rows; b0 += MB_OUTER_ROWS) {
            int32_t rows = z.rows - b0 < MB_OUTER_ROWS ? z.rows - b0 : MB_OUTER_ROWS;
            __syncthreads();
            if (j0 == 0 || z.rows > MB_OUTER_ROWS)
                for (int32_t unit = thread; unit < MB_OUTER_UNITS; unit += WEIGHT_THREADS) {
                    int32_t b = unit / MB_OUTER_COUNTERS, c = unit % MB_OUTER_COUNTERS;
                    float made[MB_OUTER_EACH];
                    z.make(b0 + b, first, first + count, c, made);
                    for (int n = 0; n < MB_OUTER_EACH; n++)
                        z_strip[b][n * MB_OUTER_COUNTERS + c] = made[n];
                }
            for (int32_t at = thread; at < rows * WEIGHT_OUTPUTS; at += WEIGHT_THREADS) {
                int32_t b = at / WEIGHT_OUTPUTS, j = at % WEIGHT_OUTPUTS;
                dy_strip[b][j] =
                    j0 + j < outputs ? gradients[(int64_t)(b0 + b) * outputs + j0 + j] : 0.0f;
            }
            __syncthreads();
            mb_outer_add<2>(&z_strip[0][ti], MB_OUTER_GROUP + 4, &dy_strip[0][tj],
                            WEIGHT_OUTPUTS + 4, rows, sums);
        }
        tile.store(ti, j0 + tj, sums);
    }
}

// OUTER_LINEAR_UPDATE has the same inputs.
template <class Epilogue>
static void outer_weight_launch(const mb_cuda_call *call, const Epilogue &epilogue) {
    outer_weight_gradient<Epilogue> problem = {};
    problem.z = mb_outer_of(call, MB_INPUT(outer_linear_grad_weight, a));
    problem.dy = mb_in(call, outer_linear_grad_weight, dy);
    problem.epilogue = epilogue;
    MB_LAUNCH((outer_weight_kernel<Epilogue>),
              dim3((unsigned)up_to(problem.z.width, MB_OUTER_GROUP), (unsigned)call->run_count),
              dim3(WEIGHT_THREADS), 0, call->stream, problem);
}

MB_CUDA_OP(outer_linear_grad_weight) {
    outer_weight_launch(call, mb_assign{call->outputs[0]});
}

MB_CUDA_OP(outer_linear_update) {
    outer_weight_launch(call, mb_step_weights{mb_update_of(call)});
}
