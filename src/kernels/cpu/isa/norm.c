// Layer normalisation over the last dimension. B' stands for all leading dimensions.
//   y = w * n + b,  n = (x - mean) / sqrt(variance + 1e-5), variance over D, not D - 1
#include "cpu/isa/kernel.h"
#include "cpu/isa/sums.h"

static const float epsilon = 1e-5f;

static float mean_of(const float *x, int32_t width) {
    mb_sum_lanes sum = {0};
    int32_t j = 0;
    for (; j + MB_SUM_LANES <= width; j += MB_SUM_LANES)
        sum += mb_sum_next(x + j, MB_SUM_LANES);
    sum += mb_sum_next(x + j, width - j);
    return mb_sum_total(sum) / (float)width;
}

static float variance_of(const float *x, int32_t width, float mean) {
    mb_sum_lanes sum = {0};
    int32_t j = 0;
    for (; j + MB_SUM_LANES <= width; j += MB_SUM_LANES) {
        mb_sum_lanes off = mb_sum_next(x + j, MB_SUM_LANES) - mean;
        sum += off * off;
    }
    for (int32_t l = 0; j + l < width; l++)
        sum[l] += (x[j + l] - mean) * (x[j + l] - mean);
    return mb_sum_total(sum) / (float)width;
}

// x (B', D), w (D), b (D) -> y (B', D), statistics (B', 2): mean and 1 / sqrt(variance + 1e-5).
// Assigns.
MB_KERNEL(layer_norm) {
    int64_t vectors = mb_vectors(call, &mb_out(call->op, layer_norm, y));
    int32_t width = mb_width(&mb_out(call->op, layer_norm, y));
    const float *restrict w = mb_in(call, layer_norm, weight);
    const float *restrict b = mb_in(call, layer_norm, bias);
    for (int64_t r = 0; r < vectors; r++) {
        const float *restrict x = mb_in(call, layer_norm, x) + r * width;
        float *restrict y = mb_out(call, layer_norm, y) + r * width;
        float mean = mean_of(x, width);
        float scale = 1.0f / sqrtf(variance_of(x, width, mean) + epsilon);
        for (int32_t j = 0; j < width; j++)
            y[j] = (x[j] - mean) * scale * w[j] + b[j];
        mb_out(call, layer_norm, statistics)[2 * r] = mean;
        mb_out(call, layer_norm, statistics)[2 * r + 1] = scale;
    }
}

// Means over D of g and of g * n, where g = dy * w.
static void mean_products(const float *restrict dy, const float *restrict x,
                          const float *restrict w, float mean, float scale, int32_t width,
                          float *mean_g, float *mean_gn) {
    mb_sum_lanes g = {0}, gn = {0};
    int32_t j = 0;
    for (; j + MB_SUM_LANES <= width; j += MB_SUM_LANES) {
        mb_sum_lanes product = mb_sum_next(dy + j, MB_SUM_LANES) * mb_sum_next(w + j, MB_SUM_LANES);
        g += product;
        gn += product * ((mb_sum_next(x + j, MB_SUM_LANES) - mean) * scale);
    }
    for (int32_t l = 0; j + l < width; l++) {
        float product = dy[j + l] * w[j + l];
        g[l] += product;
        gn[l] += product * ((x[j + l] - mean) * scale);
    }
    *mean_g = mb_sum_total(g) / (float)width;
    *mean_gn = mb_sum_total(gn) / (float)width;
}

// dy (B', D), x (B', D), statistics (B', 2), w (D) -> dx (B', D):
//   dx = (g - mean(g) - n * mean(g * n)) / sqrt(variance + 1e-5),  g = dy * w. Assigns.
MB_KERNEL(layer_norm_grad) {
    int64_t vectors = mb_vectors(call, &call->op->outputs[0]);
    int32_t width = mb_width(&call->op->outputs[0]);
    const float *restrict w = mb_in(call, layer_norm_grad, weight);
    for (int64_t r = 0; r < vectors; r++) {
        const float *restrict dy = mb_in(call, layer_norm_grad, dy) + r * width;
        const float *restrict x = mb_in(call, layer_norm_grad, x) + r * width;
        float *restrict dx = call->outputs[0] + r * width;
        float mean = mb_in(call, layer_norm_grad, statistics)[2 * r];
        float scale = mb_in(call, layer_norm_grad, statistics)[2 * r + 1];
        float mean_g;
        float mean_gn;
        mean_products(dy, x, w, mean, scale, width, &mean_g, &mean_gn);
        for (int32_t j = 0; j < width; j++)
            dx[j] = (dy[j] * w[j] - mean_g - (x[j] - mean) * scale * mean_gn) * scale;
    }
}

// dy (B', D), x (B', D), statistics (B', 2) -> dw (D) = sum over B' of dy * n, vector after vector.
// Assigns.
MB_KERNEL(layer_norm_grad_weight) {
    int64_t vectors = mb_vectors(call, &mb_in(call->op, layer_norm_grad_weight, dy));
    int32_t width = mb_width(&mb_in(call->op, layer_norm_grad_weight, dy));
    float *restrict dw = call->outputs[0];
    memset(dw, 0, (size_t)width * sizeof *dw);
    for (int64_t r = 0; r < vectors; r++) {
        const float *restrict dy = mb_in(call, layer_norm_grad_weight, dy) + r * width;
        const float *restrict x = mb_in(call, layer_norm_grad_weight, x) + r * width;
        float mean = mb_in(call, layer_norm_grad_weight, statistics)[2 * r];
        float scale = mb_in(call, layer_norm_grad_weight, statistics)[2 * r + 1];
        for (int32_t j = 0; j < width; j++)
            dw[j] += dy[j] * ((x[j] - mean) * scale);
    }
}
