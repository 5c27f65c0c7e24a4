// Statistics over the rows of a batch. x (B, K, D) has B rows and K slices x[:, i] (B, D), the
// `parts` of mb_pairs. Sums over the rows are in double, a block of columns at a time. All assign.
#include "cpu/isa/gemm.h"

enum { COLUMNS = 64, MOMENTS = 5 };

static int32_t block_width(int64_t width, int64_t begin) {
    return (int32_t)(width - begin < COLUMNS ? width - begin : COLUMNS);
}

// y (B, N) = x - mean over the rows of x; the mean is rounded to float32 as in the reference.
MB_KERNEL(center) {
    int64_t width = mb_elements(call, &call->op->inputs[0]) / call->rows;
    for (int64_t begin = 0; begin < width; begin += COLUMNS) {
        int32_t columns = block_width(width, begin);
        const float *x = call->inputs[0] + begin;
        float *y = call->outputs[0] + begin, mean[COLUMNS];
        double sum[COLUMNS] = {0};
        for (int32_t b = 0; b < call->rows; b++)
            for (int32_t j = 0; j < columns; j++)
                sum[j] += (double)x[b * width + j];
        for (int32_t j = 0; j < columns; j++)
            mean[j] = (float)(sum[j] / call->rows);
        for (int32_t b = 0; b < call->rows; b++)
            for (int32_t j = 0; j < columns; j++)
                y[b * width + j] = x[b * width + j] - mean[j];
    }
}

// ---- overlap ----------------------------------------------------------------------------------
// The squared Frobenius norm of u_i^T u_j (D, D) is the inner product of the Gram matrices
// u_i u_i^T and u_j u_j^T (B, B). So no D x D matrix is needed, and each Gram matrix is made once.

// loss (1) = sum over pairs of <gram_i, gram_j> / D^2; grams (K, B, B)
MB_KERNEL(overlap) {
    const mb_pairs *pairs = &call->op->params.pairs.pairs;
    const mb_shape *shape = &call->op->inputs[0].shape;
    int32_t slices = shape->dims[1], width = shape->dims[2], rows = call->rows;
    int64_t stride = (int64_t)slices * width, size = (int64_t)rows * rows;
    for (int32_t k = 0; k < slices; k++) {
        const float *u = call->inputs[0] + (int64_t)k * width;
        MB_NAME(gemm)
        (call->stop, rows, rows, width, (mb_matrix){u, stride, 1}, (mb_matrix){u, 1, stride},
         mb_out(call, overlap, grams) + k * size, rows, 0);
    }
    double sum = 0.0;
    for (int32_t p = 0; p < pairs->count; p++) {
        const float *a = mb_out(call, overlap, grams) + pairs->slices[p][0] * size;
        const float *b = mb_out(call, overlap, grams) + pairs->slices[p][1] * size;
        for (int64_t i = 0; i < size; i++)
            sum += (double)a[i] * (double)b[i];
    }
    mb_out(call, overlap, loss)[0] = (float)(sum / ((double)width * width));
}

// du_i (B, D) = dloss * 2/D^2 * (sum of gram_j over the pairs of i) u_i
MB_KERNEL(overlap_grad) {
    const mb_pairs *pairs = &call->op->params.pairs.pairs;
    const mb_shape *shape = &mb_in(call->op, overlap_grad, u).shape;
    int32_t slices = shape->dims[1], width = shape->dims[2], rows = call->rows;
    int64_t stride = (int64_t)slices * width, size = (int64_t)rows * rows;
    double dloss = (double)mb_in(call, overlap_grad, dloss)[0];
    float scale = (float)(2.0 * dloss / ((double)width * width));
    const float *grams = mb_in(call, overlap_grad, grams);
    float *sum = mb_out(call, overlap_grad, workspace);
    for (int32_t k = 0; k < slices; k++) {
        memset(sum, 0, (size_t)size * sizeof *sum);
        for (int32_t p = 0; p < pairs->count; p++) {
            const uint8_t *pair = pairs->slices[p];
            if (pair[0] != k && pair[1] != k)
                continue;
            const float *gram = grams + (pair[0] == k ? pair[1] : pair[0]) * size;
            for (int64_t i = 0; i < size; i++)
                sum[i] += scale * gram[i];
        }
        MB_NAME(gemm)
        (call->stop, rows, width, rows, (mb_matrix){sum, rows, 1},
         (mb_matrix){mb_in(call, overlap_grad, u) + (int64_t)k * width, stride, 1},
         mb_out(call, overlap_grad, du) + (int64_t)k * width, stride, 0);
    }
}

// ---- central moment discrepancy ---------------------------------------------------------------

// Mean of x and of the powers 2 to 5 of c over the rows, for a block of columns.
static void moments_of(const float *x, const float *c, int32_t rows, int64_t stride,
                       int32_t columns, double moments[MOMENTS][COLUMNS]) {
    memset(moments, 0, sizeof(double[MOMENTS][COLUMNS]));
    for (int32_t b = 0; b < rows; b++, x += stride, c += stride)
        for (int32_t j = 0; j < columns; j++) {
            double power = (double)c[j];
            moments[0][j] += (double)x[j];
            for (int32_t k = 1; k < MOMENTS; k++) {
                power *= (double)c[j];
                moments[k][j] += power;
            }
        }
    for (int32_t k = 0; k < MOMENTS; k++)
        for (int32_t j = 0; j < columns; j++)
            moments[k][j] /= rows;
}

// L2 norm. Squares too small for float32 count as zero, as in the reference, so that differences
// that are only rounding errors have norm zero.
static double norm_of(const float *x, int32_t count) {
    const double smallest = 0x1p-150;
    double sum = 0.0;
    for (int32_t j = 0; j < count; j++) {
        double square = (double)x[j] * (double)x[j];
        sum += square <= smallest ? 0.0 : square; // NaN stays NaN
    }
    return sqrt(sum);
}

// x, c (B, K, D) -> differences (pairs, 5, D) of the moments of each pair of slices; loss (1) =
// 1/pairs * sum of the L2 norms of their rows
MB_KERNEL(moment_discrepancy) {
    const mb_pairs *pairs = &call->op->params.pairs.pairs;
    const mb_shape *shape = &mb_in(call->op, moment_discrepancy, x).shape;
    int32_t width = shape->dims[2];
    int64_t stride = (int64_t)shape->dims[1] * width;
    const float *x = mb_in(call, moment_discrepancy, x);
    const float *centered = mb_in(call, moment_discrepancy, centered);
    float *differences = mb_out(call, moment_discrepancy, differences);
    for (int32_t begin = 0; begin < width; begin += COLUMNS)
        for (int32_t p = 0; p < pairs->count; p++) {
            double moments[2][MOMENTS][COLUMNS];
            int32_t columns = block_width(width, begin);
            for (int32_t side = 0; side < 2; side++) {
                int64_t at = (int64_t)pairs->slices[p][side] * width + begin;
                moments_of(x + at, centered + at, call->rows, stride, columns, moments[side]);
            }
            for (int32_t k = 0; k < MOMENTS; k++)
                for (int32_t j = 0; j < columns; j++)
                    differences[(p * MOMENTS + k) * width + begin + j] =
                        (float)(moments[0][k][j] - moments[1][k][j]);
        }
    double sum = 0.0;
    for (int32_t i = 0; i < pairs->count * MOMENTS; i++)
        sum += norm_of(differences + (int64_t)i * width, width);
    mb_out(call, moment_discrepancy, loss)[0] = (float)(sum / pairs->count);
}

// The gradient of the loss with respect to moment k of slice `slice`, times k / B, for the five
// moments.
static void moment_weights(const mb_cpu_call *call, int32_t slice, int32_t begin, int32_t columns,
                           double scales[MB_MAX_PAIRS][MOMENTS], float weights[MOMENTS][COLUMNS]) {
    const mb_pairs *pairs = &call->op->params.pairs.pairs;
    int32_t width = mb_width(&mb_in(call->op, moment_discrepancy_grad, differences));
    const float *differences = mb_in(call, moment_discrepancy_grad, differences);
    for (int32_t k = 0; k < MOMENTS; k++) {
        double sum[COLUMNS] = {0};
        for (int32_t p = 0; p < pairs->count; p++) {
            const float *difference = differences + (p * MOMENTS + k) * width + begin;
            double scale = pairs->slices[p][0] == slice ? scales[p][k] : -scales[p][k];
            if (pairs->slices[p][0] == slice || pairs->slices[p][1] == slice)
                for (int32_t j = 0; j < columns; j++)
                    sum[j] += scale * (double)difference[j];
        }
        for (int32_t j = 0; j < columns; j++)
            weights[k][j] = (float)(sum[j] * (k + 1) / call->rows);
    }
}

// With g_k = dloss/pairs * difference_k / ||difference_k||, + for the first of a pair and - for the
// second: dx = g_1 / B, dc = sum over k = 2 ... 5 of k g_k c^(k-1) / B.
MB_KERNEL(moment_discrepancy_grad) {
    const mb_pairs *pairs = &call->op->params.pairs.pairs;
    const mb_shape *shape = &mb_in(call->op, moment_discrepancy_grad, centered).shape;
    int32_t slices = shape->dims[1], width = shape->dims[2];
    int64_t stride = (int64_t)slices * width;
    const float *centered = mb_in(call, moment_discrepancy_grad, centered);
    const float *differences = mb_in(call, moment_discrepancy_grad, differences);
    double dloss = (double)mb_in(call, moment_discrepancy_grad, dloss)[0];
    float *dx = mb_out(call, moment_discrepancy_grad, dx);
    float *dcentered = mb_out(call, moment_discrepancy_grad, dcentered);
    double scales[MB_MAX_PAIRS][MOMENTS];
    for (int32_t p = 0; p < pairs->count; p++)
        for (int32_t k = 0; k < MOMENTS; k++) {
            double norm = norm_of(differences + (int64_t)(p * MOMENTS + k) * width, width);
            bool nothing = call->op->params.pairs.zero_norm_gradient && norm == 0.0;
            scales[p][k] = nothing ? 0.0 : dloss / (pairs->count * norm);
        }
    for (int32_t slice = 0; slice < slices; slice++)
        for (int32_t begin = 0; begin < width; begin += COLUMNS) {
            float weights[MOMENTS][COLUMNS];
            int32_t columns = block_width(width, begin);
            moment_weights(call, slice, begin, columns, scales, weights);
            for (int32_t b = 0; b < call->rows; b++) {
                int64_t at = b * stride + (int64_t)slice * width + begin;
                for (int32_t j = 0; j < columns; j++) {
                    float c = centered[at + j];
                    dx[at + j] = weights[0][j];
                    dcentered[at + j] =
                        c * (weights[1][j] +
                             c * (weights[2][j] + c * (weights[3][j] + c * weights[4][j])));
                }
            }
        }
}
