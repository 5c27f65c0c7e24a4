// Vectors scaled to unit length, and a contrastive loss of inner products. B rows, D features. All
// assign.
#include "cpu/isa/gemm.h"

static double dot(const float *a, const float *b, int32_t count) {
    double sum = 0.0;
    for (int32_t j = 0; j < count; j++)
        sum += (double)a[j] * (double)b[j];
    return sum;
}

// y (..., D) = x / (||x|| + epsilon), inverse (..., 1) = 1 / (||x|| + epsilon). With epsilon = 0 a
// vector of zeros gives 0/0, unless keep_zero: then y and inverse are 0.
MB_KERNEL(unit_rows) {
    const mb_plan_op *op = call->op;
    int64_t vectors = mb_vectors(call, &op->inputs[0]);
    int32_t width = mb_width(&op->inputs[0]);
    for (int64_t r = 0; r < vectors; r++) {
        const float *restrict x = call->inputs[0] + r * width;
        float *restrict y = mb_out(call, unit_rows, y) + r * width;
        double norm = sqrt(dot(x, x, width));
        bool zero = op->params.unit_rows.keep_zero && norm == 0.0;
        float inverse = zero ? 0.0f : (float)(1.0 / (norm + (double)op->params.unit_rows.epsilon));
        for (int32_t j = 0; j < width; j++)
            y[j] = x[j] * inverse;
        mb_out(call, unit_rows, inverse)[r] = inverse;
    }
}

// dx = inverse * (dy - y <dy, y> (||x|| + epsilon) / ||x||), or inverse * dy if
// params.unit_rows.constant_norm, which takes the norm for a constant.
MB_KERNEL(unit_rows_grad) {
    const mb_plan_op *op = call->op;
    int64_t vectors = mb_vectors(call, &mb_in(op, unit_rows_grad, dy));
    int32_t width = mb_width(&mb_in(op, unit_rows_grad, dy));
    for (int64_t r = 0; r < vectors; r++) {
        const float *restrict dy = mb_in(call, unit_rows_grad, dy) + r * width;
        const float *restrict y = mb_in(call, unit_rows_grad, y) + r * width;
        float *restrict dx = call->outputs[0] + r * width;
        float inverse = mb_in(call, unit_rows_grad, inverse)[r];
        double share = 1.0 - (double)op->params.unit_rows.epsilon * (double)inverse;
        double product = op->params.unit_rows.constant_norm ? 0.0 : dot(dy, y, width);
        float along = (float)(share > 0.0 ? product / share : product);
        for (int32_t j = 0; j < width; j++)
            dx[j] = inverse * (dy[j] - y[j] * along);
    }
}

// s = x q^T (B, B); loss (1) = (1/B) sum over b of log(sum over j of exp(s[b, j])) - s[b, b], and
// p (B, B) = softmax of s over j.
MB_KERNEL(contrastive) {
    int32_t rows = call->rows, width = mb_width(&mb_in(call->op, contrastive, x));
    float *scores = mb_out(call, contrastive, probabilities);
    MB_NAME(gemm)
    (call->stop, rows, rows, width, (mb_matrix){mb_in(call, contrastive, x), width, 1},
     (mb_matrix){mb_in(call, contrastive, q), 1, width}, scores, rows, 0);
    double sum = 0.0;
    for (int32_t b = 0; b < rows; b++) {
        float *s = scores + (int64_t)b * rows;
        double largest = (double)s[0], total = 0.0;
        for (int32_t j = 1; j < rows; j++)
            largest = (double)s[j] > largest ? (double)s[j] : largest;
        for (int32_t j = 0; j < rows; j++)
            total += exp((double)s[j] - largest);
        total = log(total) + largest;
        sum += total - (double)s[b];
        for (int32_t j = 0; j < rows; j++)
            s[j] = (float)exp((double)s[j] - total);
    }
    mb_out(call, contrastive, loss)[0] = (float)(sum / rows);
}

// ds (B, B) = dloss/B * (p - identity); dx (B, D) = ds q, dq (B, D) = ds^T x.
MB_KERNEL(contrastive_grad) {
    int32_t rows = call->rows, width = mb_width(&mb_in(call->op, contrastive_grad, x));
    float scale = mb_in(call, contrastive_grad, dloss)[0] / (float)rows;
    float *ds = mb_out(call, contrastive_grad, workspace);
    for (int32_t b = 0; b < rows; b++)
        for (int32_t j = 0; j < rows; j++)
            ds[(int64_t)b * rows + j] =
                scale * (mb_in(call, contrastive_grad, probabilities)[(int64_t)b * rows + j] -
                         (b == j ? 1.0f : 0.0f));
    MB_NAME(gemm)
    (call->stop, rows, width, rows, (mb_matrix){ds, rows, 1},
     (mb_matrix){mb_in(call, contrastive_grad, q), width, 1}, mb_out(call, contrastive_grad, dx),
     width, 0);
    MB_NAME(gemm)
    (call->stop, rows, width, rows, (mb_matrix){ds, 1, rows},
     (mb_matrix){mb_in(call, contrastive_grad, x), width, 1}, mb_out(call, contrastive_grad, dq),
     width, 0);
}
