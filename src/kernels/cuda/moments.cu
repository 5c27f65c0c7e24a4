// Statistics over the rows of a batch. x (B, K, D) has B rows and K slices x[:, i] (B, D), the
// `parts` of mb_pairs. Sums over the rows are in double. A block that sums over rows takes 32
// columns: each lane a column, warp w the rows w, w + 8, ...; then the warps are added one after
// the other. Reference: src/kernels/cpu/isa/moments.c.
#include "cuda/inner.cuh"
#include "cuda/reduce.cuh"

enum { WARPS = MB_THREADS / 32, MOMENTS = 5 };

static unsigned blocks_of_columns(int64_t columns) {
    return (unsigned)((columns + 31) / 32);
}

// y (B, N) = x - mean over the rows of x; the mean is rounded to float32. Assigns.
static __global__ void center_kernel(mb_tables tables, mb_view x, mb_view y) {
    __shared__ double sums[WARPS][32];
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    if (rows == 0)
        return;
    int32_t lane = (int32_t)threadIdx.x % 32, warp = (int32_t)threadIdx.x / 32;
    int64_t width = mb_view_elements(x, 1), column = (int64_t)blockIdx.x * 32 + lane;
    const float *from = mb_at(x, run) + column;
    float *to = mb_at(y, run) + column;
    double sum = 0.0;
    for (int32_t b = warp; column < width && b < rows; b += WARPS)
        sum += (double)from[b * width];
    sums[warp][lane] = sum;
    __syncthreads();
    sum = 0.0;
    for (int32_t w = 0; w < WARPS; w++)
        sum += sums[w][lane];
    float mean = (float)(sum / rows);
    for (int32_t b = warp; column < width && b < rows; b += WARPS)
        to[b * width] = from[b * width] - mean;
}

MB_CUDA_OP(center) {
    dim3 grid(blocks_of_columns(mb_view_elements(call->inputs[0], 1)), (unsigned)call->run_count);
    MB_LAUNCH(center_kernel, grid, dim3(MB_THREADS), 0, call->stream, call->tables, call->inputs[0],
              call->outputs[0]);
}

// ---- overlap ----------------------------------------------------------------------------------
// The squared Frobenius norm of u_i^T u_j (D, D) is the inner product of the Gram matrices
// u_i u_i^T and u_j u_j^T (B, B). So no D x D matrix is needed, and each Gram matrix is made once.

enum { OVERLAP_THREADS = 512 };

// grams (K, B, B) -> loss (1) = sum over pairs of <gram_i, gram_j> / D^2. A block computes a run.
// Assigns.
static __global__ void overlap_kernel(mb_tables tables, mb_view grams, mb_pairs pairs,
                                      double elements, mb_view loss) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    if (rows == 0)
        return;
    int64_t size = (int64_t)rows * rows;
    double sum = 0.0;
    for (int32_t p = 0; p < pairs.count; p++) {
        const float *a = mb_at(grams, run) + pairs.slices[p][0] * size;
        const float *b = mb_at(grams, run) + pairs.slices[p][1] * size;
        for (int64_t i = threadIdx.x; i < size; i += OVERLAP_THREADS)
            sum += (double)a[i] * (double)b[i];
    }
    sum = mb_block_sum(sum);
    if (threadIdx.x == 0)
        mb_at(loss, run)[0] = (float)(sum / elements);
}

MB_CUDA_OP(overlap) {
    const mb_view &u = call->inputs[0];
    double width = mb_view_width(u);
    mb_inner_products_launch(call, u, u, mb_out(call, overlap, grams), u.shape.dims[1]);
    MB_LAUNCH(overlap_kernel, dim3(1, (unsigned)call->run_count), dim3(OVERLAP_THREADS), 0,
              call->stream, call->tables, mb_out(call, overlap, grams),
              call->op->params.pairs.pairs, width * width, mb_out(call, overlap, loss));
}

// du_i (B, D) = dloss * 2/D^2 * (sum of gram_j over the pairs of i) u_i, blockIdx.z = i. The sums
// are computed where they are read, and the op's workspace is not used: it has space for one slice,
// but all slices are computed at once. Assigns.
struct overlap_gradient {
    mb_tables tables;
    mb_view u, grams, dloss, du;
    mb_pairs pairs;

    struct tile : mb_store_tile {
        int32_t k, slice;
        const float *u, *grams;
        const mb_pairs *pairs;
        float scale;
        static constexpr bool a_along_p = true, b_along_p = false;

        __device__ float a(int32_t i, int32_t p) const {
            int64_t size = (int64_t)k * k, at = (int64_t)i * k + p;
            float sum = 0.0f;
            for (int32_t q = 0; q < pairs->count; q++) {
                int32_t first = pairs->slices[q][0], second = pairs->slices[q][1];
                if (first == slice || second == slice)
                    sum = fmaf(scale, grams[(first == slice ? second : first) * size + at], sum);
            }
            return sum;
        }
        __device__ float b(int32_t p, int32_t j) const {
            return u[p * pitch + j];
        }
    };

    __device__ bool begin(int32_t run, int32_t slice, tile &t) const {
        int32_t rows = tables.rows[run], width = mb_view_width(u);
        int64_t first = (int64_t)slice * width, stride = mb_view_elements(u, 1);
        if (rows == 0)
            return false;
        static_cast<mb_store_tile &>(t) = {mb_at(du, run) + first, stride, rows, width};
        t.k = rows;
        t.slice = slice;
        t.u = mb_at(u, run) + first;
        t.grams = mb_at(grams, run);
        t.pairs = &pairs;
        t.scale = (float)(2.0 * (double)mb_at(dloss, run)[0] / ((double)width * width));
        return true;
    }
};

MB_CUDA_OP(overlap_grad) {
    overlap_gradient problem = {};
    problem.tables = call->tables;
    problem.u = mb_in(call, overlap_grad, u);
    problem.grams = mb_in(call, overlap_grad, grams);
    problem.dloss = mb_in(call, overlap_grad, dloss);
    problem.du = mb_out(call, overlap_grad, du);
    problem.pairs = call->op->params.pairs.pairs;
    mb_product(call, call->max_rows, mb_view_width(problem.u), problem.u.shape.dims[1], problem);
}

// ---- central moment discrepancy ---------------------------------------------------------------

// Sums over rows first, first + WARPS, ... of x and of the powers 2 to 5 of c, in one column.
static __device__ void add_powers(const float *x, const float *c, int32_t first, int32_t rows,
                                  int64_t stride, double sums[MOMENTS]) {
    for (int32_t k = 0; k < MOMENTS; k++)
        sums[k] = 0.0;
    for (int32_t b = first; b < rows; b += WARPS) {
        double value = (double)c[b * stride], power = value;
        sums[0] += (double)x[b * stride];
#pragma unroll
        for (int32_t k = 1; k < MOMENTS; k++) {
            power *= value;
            sums[k] += power;
        }
    }
}

// x, c (B, K, D) -> differences (pairs, 5, D) of the moments of each pair of slices: means over the
// rows of x and of the powers 2 to 5 of c. blockIdx.z = pair. Assigns.
static __global__ void moment_differences_kernel(mb_tables tables, mb_view x, mb_view c,
                                                 mb_pairs pairs, mb_view differences) {
    __shared__ double sums[2][MOMENTS][WARPS][32]; // of the two slices of the pair
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], width = mb_view_width(x);
    if (rows == 0)
        return;
    int32_t lane = (int32_t)threadIdx.x % 32, warp = (int32_t)threadIdx.x / 32;
    int32_t begin = (int32_t)blockIdx.x * 32, pair = (int32_t)blockIdx.z;
    for (int32_t side = 0; side < 2; side++) {
        int64_t at = (int64_t)pairs.slices[pair][side] * width + begin + lane;
        double powers[MOMENTS];
        add_powers(mb_at(x, run) + at, mb_at(c, run) + at, warp, begin + lane < width ? rows : 0,
                   mb_view_elements(x, 1), powers);
        for (int32_t k = 0; k < MOMENTS; k++)
            sums[side][k][warp][lane] = powers[k];
    }
    __syncthreads();
    if (warp >= MOMENTS || begin + lane >= width)
        return; // a warp computes a moment
    double moments[2] = {0.0, 0.0};
    for (int32_t side = 0; side < 2; side++) {
        for (int32_t w = 0; w < WARPS; w++)
            moments[side] += sums[side][warp][w][lane];
        moments[side] /= rows;
    }
    mb_at(differences, run)[((int64_t)pair * MOMENTS + warp) * width + begin + lane] =
        (float)(moments[0] - moments[1]);
}

// L2 norm, computed by a whole warp and returned to every lane. Squares too small for float32 count
// as zero, as in the reference, so that differences that are only rounding errors have norm zero.
static __device__ double warp_norm(const float *x, int32_t count) {
    const double smallest = 0x1p-150;
    double sum = 0.0;
    for (int32_t j = (int32_t)threadIdx.x % 32; j < count; j += 32) {
        double square = (double)x[j] * (double)x[j];
        sum += square <= smallest ? 0.0 : square; // NaN stays NaN
    }
    return sqrt(mb_warp_sum(sum));
}

// loss (1) = 1/pairs * sum of the L2 norms of the rows of differences. A block computes a run; each
// of its warps takes a row at a time. Assigns.
static __global__ void moment_norms_kernel(mb_tables tables, mb_view differences, int32_t pairs,
                                           mb_view loss) {
    int32_t run = (int32_t)blockIdx.y, width = mb_view_width(differences);
    if (tables.rows[run] == 0)
        return;
    double sum = 0.0;
    for (int32_t i = (int32_t)threadIdx.x / 32; i < pairs * MOMENTS; i += WARPS)
        sum += warp_norm(mb_at(differences, run) + (int64_t)i * width, width);
    sum = mb_block_sum(threadIdx.x % 32 == 0 ? sum : 0.0);
    if (threadIdx.x == 0)
        mb_at(loss, run)[0] = (float)(sum / pairs);
}

MB_CUDA_OP(moment_discrepancy) {
    const mb_pairs *pairs = &call->op->params.pairs.pairs;
    dim3 grid(blocks_of_columns(mb_view_width(mb_in(call, moment_discrepancy, x))),
              (unsigned)call->run_count, (unsigned)pairs->count);
    MB_LAUNCH(moment_differences_kernel, grid, dim3(MB_THREADS), 0, call->stream, call->tables,
              mb_in(call, moment_discrepancy, x), mb_in(call, moment_discrepancy, centered), *pairs,
              mb_out(call, moment_discrepancy, differences));
    MB_LAUNCH(moment_norms_kernel, dim3(1, (unsigned)call->run_count), dim3(MB_THREADS), 0,
              call->stream, call->tables, mb_out(call, moment_discrepancy, differences),
              pairs->count, mb_out(call, moment_discrepancy, loss));
}

// The inputs of the gradient of the discrepancy.
struct discrepancy_gradient {
    mb_view c, differences, dloss;
    mb_pairs pairs;
    bool zero_norm_gradient;

    // dloss / (pairs * norm) of row i of the differences; computed by a whole warp.
    __device__ double scale(int32_t run, int32_t i) const {
        int32_t width = mb_view_width(differences);
        double norm = warp_norm(mb_at(differences, run) + (int64_t)i * width, width);
        bool nothing = zero_norm_gradient && norm == 0.0;
        return nothing ? 0.0 : (double)mb_at(dloss, run)[0] / (pairs.count * norm);
    }
    // Gradient of the loss with respect to moment k of `slice`, times k + 1, in one column.
    __device__ double weight(int32_t run, int32_t slice, int32_t k, int32_t column,
                             const double (*scales)[MOMENTS]) const {
        int32_t width = mb_view_width(differences);
        double sum = 0.0;
        for (int32_t p = 0; p < pairs.count; p++) {
            int32_t first = pairs.slices[p][0], second = pairs.slices[p][1];
            int64_t at = (int64_t)(p * MOMENTS + k) * width + column;
            double difference = (double)mb_at(differences, run)[at];
            if (first == slice || second == slice)
                sum += (first == slice ? scales[p][k] : -scales[p][k]) * difference;
        }
        return sum * (k + 1);
    }
};

// With g_k = dloss/pairs * difference_k / ||difference_k||, + for the first of a pair and - for the
// second: dx = g_1 / B, dc = sum over k = 2 ... 5 of k g_k c^(k-1) / B. blockIdx.z is the slice;
// each block computes the norms again. Assigns.
static __global__ void moment_gradient_kernel(mb_tables tables, discrepancy_gradient of, mb_view dx,
                                              mb_view dc) {
    __shared__ double scales[MB_MAX_PAIRS][MOMENTS];
    __shared__ float weights[MOMENTS][32];
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], width = mb_view_width(dx);
    if (rows == 0)
        return;
    int32_t lane = (int32_t)threadIdx.x % 32, warp = (int32_t)threadIdx.x / 32;
    int32_t slice = (int32_t)blockIdx.z, column = (int32_t)blockIdx.x * 32 + lane;
    for (int32_t i = warp; i < of.pairs.count * MOMENTS; i += WARPS) {
        double scale = of.scale(run, i);
        if (lane == 0)
            scales[i / MOMENTS][i % MOMENTS] = scale;
    }
    __syncthreads();
    if (warp < MOMENTS && column < width)
        weights[warp][lane] = (float)(of.weight(run, slice, warp, column, scales) / rows);
    __syncthreads();
    if (column >= width)
        return;
    float of_x = weights[0][lane], w2 = weights[1][lane], w3 = weights[2][lane];
    float w4 = weights[3][lane], w5 = weights[4][lane];
    int64_t stride = mb_view_elements(dx, 1), first = (int64_t)slice * width + column;
    for (int32_t b = warp; b < rows; b += WARPS) {
        int64_t at = b * stride + first;
        float c = mb_at(of.c, run)[at];
        mb_at(dx, run)[at] = of_x;
        mb_at(dc, run)[at] = c * (w2 + c * (w3 + c * (w4 + c * w5)));
    }
}

MB_CUDA_OP(moment_discrepancy_grad) {
    const auto *params = &call->op->params.pairs;
    discrepancy_gradient of = {mb_in(call, moment_discrepancy_grad, centered),
                               mb_in(call, moment_discrepancy_grad, differences),
                               mb_in(call, moment_discrepancy_grad, dloss), params->pairs,
                               params->zero_norm_gradient};
    dim3 grid(blocks_of_columns(mb_view_width(of.c)), (unsigned)call->run_count,
              (unsigned)of.c.shape.dims[1]);
    MB_LAUNCH(moment_gradient_kernel, grid, dim3(MB_THREADS), 0, call->stream, call->tables, of,
              mb_out(call, moment_discrepancy_grad, dx),
              mb_out(call, moment_discrepancy_grad, dcentered));
}
