// Discrepancies between sets of rows: of their central moments, and under a kernel. B rows, K
// parts, D columns. Reference: src/kernels/cpu/isa/moments.c and discrepancy.c.
#include "cuda/call.cuh"
#include "cuda/reduce.cuh"

// ---- central moment discrepancy ---------------------------------------------------------------

enum { MOMENTS = 5 };

struct moment_problem {
    mb_tables tables;
    mb_view x, centred, differences; // (B, K, D) both, (pairs, 5, D)
    mb_view loss;                    // or dloss
    mb_pairs pairs;
    bool zero_norm_gradient;
};

// Mean of x and of the powers 2 to 5 of c over the rows of one column.
static __device__ void moments_of(const float *x, const float *c, int32_t rows, int64_t stride,
                                  double (&moments)[MOMENTS]) {
    for (int k = 0; k < MOMENTS; k++)
        moments[k] = 0.0;
    for (int32_t b = 0; b < rows; b++, x += stride, c += stride) {
        double power = (double)*c;
        moments[0] += (double)*x;
        for (int k = 1; k < MOMENTS; k++) {
            power *= (double)*c;
            moments[k] += power;
        }
    }
    for (int k = 0; k < MOMENTS; k++)
        moments[k] /= rows;
}

// differences of the moments of each pair of parts; a thread takes a column of a pair
static __global__ void moment_differences_kernel(moment_problem q) {
    int32_t run = (int32_t)blockIdx.y, rows = q.tables.rows[run], width = mb_view_width(q.x);
    int64_t item = mb_item(), stride = (int64_t)q.x.shape.dims[1] * width;
    int32_t pair = (int32_t)(item / width), j = (int32_t)(item % width);
    if (rows == 0 || pair >= q.pairs.count)
        return;
    double moments[2][MOMENTS];
    for (int side = 0; side < 2; side++) {
        int64_t at = (int64_t)q.pairs.parts[pair][side] * width + j;
        moments_of(mb_at(q.x, run) + at, mb_at(q.centred, run) + at, rows, stride, moments[side]);
    }
    for (int k = 0; k < MOMENTS; k++)
        mb_at(q.differences, run)[(int64_t)(pair * MOMENTS + k) * width + j] =
            (float)(moments[0][k] - moments[1][k]);
}

// L2 norm of a row, by the whole block. Squares that float32 cannot hold count as zero, as in the
// reference: the norm of what rounding left of nothing is zero.
static __device__ double norm_of(const float *x, int32_t count) {
    const double smallest = 0x1p-150;
    double sum = 0.0;
    for (int32_t j = (int32_t)threadIdx.x; j < count; j += (int32_t)blockDim.x) {
        double square = (double)x[j] * (double)x[j];
        sum += square <= smallest ? 0.0 : square; // NaN stays NaN
    }
    return sqrt(mb_block_sum(sum));
}

// loss (1) = 1/pairs * sum of the norms of the differences; a block takes a run
static __global__ void moment_norms_kernel(moment_problem q) {
    int32_t run = (int32_t)blockIdx.y, width = mb_view_width(q.x);
    if (q.tables.rows[run] == 0)
        return;
    double sum = 0.0;
    for (int32_t i = 0; i < q.pairs.count * MOMENTS; i++)
        sum += norm_of(mb_at(q.differences, run) + (int64_t)i * width, width);
    if (threadIdx.x == 0)
        mb_at(q.loss, run)[0] = (float)(sum / q.pairs.count);
}

MB_CUDA_OP(moment_discrepancy) {
    moment_problem q = {call->tables,
                        call->inputs[0],
                        call->inputs[1],
                        call->outputs[1],
                        call->outputs[0],
                        call->step->params.pairs.pairs,
                        false};
    int64_t columns = (int64_t)q.pairs.count * mb_view_width(q.x);
    MB_LAUNCH(moment_differences_kernel, mb_grid(call, columns), dim3(MB_THREADS), 0, call->stream,
              q);
    MB_LAUNCH(moment_norms_kernel, dim3(1, (unsigned)call->run_count), dim3(MB_THREADS), 0,
              call->stream, q);
}

// With g_k = dloss/pairs * difference_k / ||difference_k||, + for the first of a pair and - for the
// second: dx = g_1 / B, dc = sum over k = 2 ... 5 of k g_k c^(k-1) / B. A block takes a part.
static __global__ void moment_gradients_kernel(moment_problem q, mb_view dx, mb_view dc) {
    __shared__ double scales[(int)MB_MAX_PAIRS * MOMENTS];
    int32_t run = (int32_t)blockIdx.y, rows = q.tables.rows[run], part = (int32_t)blockIdx.x;
    int32_t width = mb_view_width(q.centred);
    if (rows == 0)
        return;
    const float *differences = mb_at(q.differences, run);
    for (int32_t i = 0; i < q.pairs.count * MOMENTS; i++) {
        double norm = norm_of(differences + (int64_t)i * width, width);
        bool nothing = q.zero_norm_gradient && norm == 0.0;
        if (threadIdx.x == 0)
            scales[i] = nothing ? 0.0 : (double)mb_at(q.loss, run)[0] / (q.pairs.count * norm);
    }
    __syncthreads();
    for (int32_t j = (int32_t)threadIdx.x; j < width; j += (int32_t)blockDim.x) {
        float weights[MOMENTS];
        for (int k = 0; k < MOMENTS; k++) {
            double sum = 0.0;
            for (int32_t p = 0; p < q.pairs.count; p++) {
                const uint8_t *pair = q.pairs.parts[p];
                double scale = pair[0] == part ? scales[p * MOMENTS + k] : -scales[p * MOMENTS + k];
                if (pair[0] == part || pair[1] == part)
                    sum += scale * (double)differences[(int64_t)(p * MOMENTS + k) * width + j];
            }
            weights[k] = (float)(sum * (k + 1) / rows);
        }
        for (int32_t b = 0; b < rows; b++) {
            int64_t at = ((int64_t)b * q.centred.shape.dims[1] + part) * width + j;
            float c = mb_at(q.centred, run)[at];
            mb_at(dx, run)[at] = weights[0];
            mb_at(dc, run)[at] =
                c * (weights[1] + c * (weights[2] + c * (weights[3] + c * weights[4])));
        }
    }
}

MB_CUDA_OP(moment_discrepancy_grad) {
    moment_problem q = {call->tables,
                        call->inputs[0],
                        call->inputs[0],
                        call->inputs[1],
                        call->inputs[2],
                        call->step->params.pairs.pairs,
                        call->step->params.pairs.zero_norm_gradient};
    unsigned parts = (unsigned)q.centred.shape.dims[1];
    MB_LAUNCH(moment_gradients_kernel, dim3(parts, (unsigned)call->run_count), dim3(MB_THREADS), 0,
              call->stream, q, call->outputs[0], call->outputs[1]);
}

// ---- maximum mean discrepancy -----------------------------------------------------------------
//
// k(x, y) = exp(-||x - y||^2 / D^2). All kernels are near 1 where D is large: sums are of k - 1,
// which keeps what the ones would swallow.

// k(x, y) - 1, by a whole warp
static __device__ double kernel_below_one(int32_t width, const float *x, const float *y) {
    float sum = 0.0f;
    for (int32_t j = (int32_t)threadIdx.x % 32; j < width; j += 32)
        sum = fmaf(x[j] - y[j], x[j] - y[j], sum);
    return expm1(-(double)mb_warp_sum(sum) / ((double)width * (double)width));
}

// loss (1) = mean k(a_i, a_j) + mean k(b_i, b_j) - 2 mean k(a_i, b_j). A block takes a run, a warp
// every eighth pair. Within a set a pair counts for both of its orders, and k(x, x) - 1 = 0 even
// where x is infinite.
static __global__ void mean_discrepancy_kernel(mb_tables tables, mb_view a, mb_view b,
                                               mb_view loss) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], width = mb_view_width(a);
    if (rows == 0)
        return;
    const float *first = mb_at(a, run), *second = mb_at(b, run);
    int64_t pairs = (int64_t)rows * rows;
    double sum = 0.0;
    for (int64_t pair = threadIdx.x / 32; pair < pairs; pair += MB_THREADS / 32) {
        int64_t row = pair / rows, other = pair % rows, i = row * width, j = other * width;
        double below = -kernel_below_one(width, first + i, second + j);
        if (other < row) // the whole warp
            below += kernel_below_one(width, first + i, first + j) +
                     kernel_below_one(width, second + i, second + j);
        sum += threadIdx.x % 32 == 0 ? 2.0 * below : 0.0;
    }
    sum = mb_block_sum(sum);
    if (threadIdx.x == 0)
        mb_at(loss, run)[0] = (float)(sum / (double)pairs);
}

MB_CUDA_OP(mean_discrepancy) {
    MB_LAUNCH(mean_discrepancy_kernel, dim3(1, (unsigned)call->run_count), dim3(MB_THREADS), 0,
              call->stream, call->tables, call->inputs[0], call->inputs[1], call->outputs[0]);
}

// da_i = dloss * 4 / (B^2 D^2) * sum over j of k(a_i, b_j) (a_i - b_j) - k(a_i, a_j) (a_i - a_j). A
// block takes a row i: its warps the kernels, a few j at a time, then its threads the columns.
static __global__ void mean_discrepancy_gradient_kernel(mb_tables tables, mb_view a, mb_view b,
                                                        mb_view dloss, mb_view da) {
    enum { AT_A_TIME = 32 };
    __shared__ float with_b[AT_A_TIME], with_a[AT_A_TIME];
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], width = mb_view_width(a);
    int32_t i = (int32_t)blockIdx.x;
    if (i >= rows)
        return;
    const float *first = mb_at(a, run), *second = mb_at(b, run), *row = first + (int64_t)i * width;
    float *gradient = mb_at(da, run) + (int64_t)i * width;
    double square = (double)width * (double)width;
    double weight = 4.0 * (double)mb_at(dloss, run)[0] / ((double)rows * rows * square);
    for (int32_t j0 = 0; j0 < rows; j0 += AT_A_TIME) {
        int32_t count = rows - j0 < AT_A_TIME ? rows - j0 : AT_A_TIME;
        for (int32_t j = (int32_t)threadIdx.x / 32; j < count; j += MB_THREADS / 32) {
            int64_t at = (int64_t)(j0 + j) * width;
            double near_b = 1.0 + kernel_below_one(width, row, second + at);
            double near_a = 1.0 + kernel_below_one(width, row, first + at);
            if (threadIdx.x % 32 == 0) {
                with_b[j] = (float)(weight * near_b);
                with_a[j] = (float)(-weight * near_a);
            }
        }
        __syncthreads();
        for (int32_t k = (int32_t)threadIdx.x; k < width; k += MB_THREADS) {
            float sum = j0 > 0 ? gradient[k] : 0.0f;
            for (int32_t j = 0; j < count; j++) {
                int64_t at = (int64_t)(j0 + j) * width + k;
                sum += with_b[j] * (row[k] - second[at]);
                sum += with_a[j] * (row[k] - first[at]);
            }
            gradient[k] = sum;
        }
        __syncthreads();
    }
}

MB_CUDA_OP(mean_discrepancy_grad) {
    MB_LAUNCH(mean_discrepancy_gradient_kernel,
              dim3((unsigned)call->max_rows, (unsigned)call->run_count), dim3(MB_THREADS), 0,
              call->stream, call->tables, call->inputs[0], call->inputs[1], call->inputs[2],
              call->outputs[0]);
}
