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

// x (B', D), w (D), b (D) -> y (B', D), statistics (B', 2): mean and 1 / sqrt(variance + 1e-5)
MB_KERNEL(layer_norm) {
    int64_t vectors = mb_vectors(call, &call->step->outputs[0]);
    int32_t width = mb_width(&call->step->outputs[0]);
    const float *restrict w = call->inputs[1], *restrict b = call->inputs[2];
    for (int64_t r = 0; r < vectors; r++) {
        const float *restrict x = call->inputs[0] + r * width;
        float *restrict y = call->outputs[0] + r * width;
        float mean = mean_of(x, width);
        float scale = 1.0f / sqrtf(variance_of(x, width, mean) + epsilon);
        for (int32_t j = 0; j < width; j++)
            y[j] = (x[j] - mean) * scale * w[j] + b[j];
        call->outputs[1][2 * r] = mean;
        call->outputs[1][2 * r + 1] = scale;
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
//   dx = (g - mean(g) - n * mean(g * n)) / sqrt(variance + 1e-5)
MB_KERNEL(layer_norm_grad) {
    int64_t vectors = mb_vectors(call, &call->step->outputs[0]);
    int32_t width = mb_width(&call->step->outputs[0]);
    const float *restrict w = call->inputs[3];
    for (int64_t r = 0; r < vectors; r++) {
        const float *restrict dy = call->inputs[0] + r * width;
        const float *restrict x = call->inputs[1] + r * width;
        float *restrict dx = call->outputs[0] + r * width;
        float mean = call->inputs[2][2 * r], scale = call->inputs[2][2 * r + 1], mean_g, mean_gn;
        mean_products(dy, x, w, mean, scale, width, &mean_g, &mean_gn);
        for (int32_t j = 0; j < width; j++)
            dx[j] = (dy[j] * w[j] - mean_g - (x[j] - mean) * scale * mean_gn) * scale;
    }
}

// dy (B', D), x (B', D), statistics (B', 2) -> dw (D) = sum over B' of dy * n, row after row
MB_KERNEL(layer_norm_grad_weight) {
    int64_t vectors = mb_vectors(call, &call->step->inputs[0]);
    int32_t width = mb_width(&call->step->inputs[0]);
    float *restrict dw = call->outputs[0];
    memset(dw, 0, (size_t)width * sizeof *dw);
    for (int64_t r = 0; r < vectors; r++) {
        const float *restrict dy = call->inputs[0] + r * width;
        const float *restrict x = call->inputs[1] + r * width;
        float mean = call->inputs[2][2 * r], scale = call->inputs[2][2 * r + 1];
        for (int32_t j = 0; j < width; j++)
            dw[j] += dy[j] * ((x[j] - mean) * scale);
    }
}
