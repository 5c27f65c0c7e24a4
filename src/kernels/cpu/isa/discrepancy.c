// Maximum mean discrepancy of two sets of rows, B rows of D columns each:
//   mean k(a_i, a_j) + mean k(b_i, b_j) - 2 mean k(a_i, b_j),  k(x, y) = exp(-||x - y||^2 / D^2)
// Where D is large, all k are near 1. So k - 1 is summed instead: it keeps the digits that adding
// ones would lose.
#include "cpu/isa/kernel.h"
#include "cpu/isa/sums.h"

// k(x, y) - 1
static double kernel_below_one(int32_t width, const float *x, const float *y) {
    double square = (double)width * (double)width;
    return expm1(-(double)mb_squared_distance_of(width, x, y) / square);
}

// Sum over all pairs within one set; k(x, x) - 1 = 0.
static double within(int32_t rows, int32_t width, const float *x) {
    double sum = 0.0;
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < i; j++)
            sum += 2.0 * kernel_below_one(width, x + (int64_t)i * width, x + (int64_t)j * width);
    return sum;
}

// a (B, D), b (B, D) -> loss (1). Assigns.
MB_KERNEL(mean_discrepancy) {
    int32_t width = mb_width(&mb_in(call->op, mean_discrepancy, a)), rows = call->rows;
    const float *a = mb_in(call, mean_discrepancy, a), *b = mb_in(call, mean_discrepancy, b);
    double between = 0.0;
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < rows; j++)
            between += kernel_below_one(width, a + (int64_t)i * width, b + (int64_t)j * width);
    double sum = within(rows, width, a) + within(rows, width, b) - 2.0 * between;
    call->outputs[0][0] = (float)(sum / ((double)rows * rows));
}

// y += weight * k(x, other) * (x - other), one row
static void pull(int32_t width, double weight, const float *x, const float *other, float *y) {
    float factor = (float)(weight * (1.0 + kernel_below_one(width, x, other)));
    for (int32_t k = 0; k < width; k++)
        y[k] += factor * (x[k] - other[k]);
}

// a (B, D), b (B, D), dloss (1) -> da (B, D). Assigns.
//   da_i = dloss * 4 / (B^2 D^2)
//          * sum over j of k(a_i, b_j) (a_i - b_j) - k(a_i, a_j) (a_i - a_j)
MB_KERNEL(mean_discrepancy_grad) {
    int32_t width = mb_width(&mb_in(call->op, mean_discrepancy_grad, a)), rows = call->rows;
    const float *a = mb_in(call, mean_discrepancy_grad, a);
    const float *b = mb_in(call, mean_discrepancy_grad, b);
    double pairs = (double)rows * rows, square = (double)width * width;
    double weight = 4.0 * (double)mb_in(call, mean_discrepancy_grad, dloss)[0] / (pairs * square);
    memset(call->outputs[0], 0, (size_t)rows * (size_t)width * sizeof(float));
    for (int32_t i = 0; i < rows; i++) {
        const float *row = a + (int64_t)i * width;
        float *gradient = call->outputs[0] + (int64_t)i * width;
        for (int32_t j = 0; j < rows; j++) {
            pull(width, weight, row, b + (int64_t)j * width, gradient);
            pull(width, -weight, row, a + (int64_t)j * width, gradient);
        }
    }
}
