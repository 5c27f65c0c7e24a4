// Losses: means over the valid rows or over all elements, in double. B rows, C classes.
#include "cpu/isa/activation.h"
#include "cpu/isa/kernel.h"

// log(sum(exp(x - max))) + max
static double log_sum_exp(const float *x, int32_t count) {
    double largest = (double)x[0], sum = 0.0;
    for (int32_t j = 1; j < count; j++)
        largest = (double)x[j] > largest ? (double)x[j] : largest;
    for (int32_t j = 0; j < count; j++)
        sum += exp((double)x[j] - largest);
    return log(sum) + largest;
}

// loss (1) = -(1/B) sum over b of log softmax(logits[b])[emotion[b]]
MB_KERNEL(cross_entropy) {
    int32_t classes = mb_width(&call->step->inputs[0]);
    const int32_t *emotions = (const int32_t *)call->inputs[1];
    double sum = 0.0;
    for (int32_t b = 0; b < call->rows; b++) {
        const float *logits = call->inputs[0] + (int64_t)b * classes;
        sum += log_sum_exp(logits, classes) - (double)logits[emotions[b]];
    }
    call->outputs[0][0] = (float)(sum / call->rows);
}

// dlogits (B, C) = dloss/B * (softmax(logits) - one-hot(emotion))
MB_KERNEL(cross_entropy_grad) {
    int32_t classes = mb_width(&call->step->inputs[0]);
    const int32_t *emotions = (const int32_t *)call->inputs[1];
    double scale = (double)call->inputs[2][0] / call->rows;
    for (int32_t b = 0; b < call->rows; b++) {
        const float *logits = call->inputs[0] + (int64_t)b * classes;
        float *gradient = call->outputs[0] + (int64_t)b * classes;
        double total = log_sum_exp(logits, classes);
        for (int32_t j = 0; j < classes; j++)
            gradient[j] =
                (float)(scale * (exp((double)logits[j] - total) - (j == emotions[b] ? 1.0 : 0.0)));
    }
}

// loss (1) = (1/B) sum over b of (value[b] - valence[b])^2
MB_KERNEL(mean_squared_error) {
    double sum = 0.0;
    for (int32_t b = 0; b < call->rows; b++) {
        double difference = (double)call->inputs[0][b] - (double)call->inputs[1][b];
        sum += difference * difference;
    }
    call->outputs[0][0] = (float)(sum / call->rows);
}

// dvalues (B, 1) = dloss * 2/B * (value - valence)
MB_KERNEL(mean_squared_error_grad) {
    double scale = 2.0 * (double)call->inputs[2][0] / call->rows;
    for (int32_t b = 0; b < call->rows; b++)
        call->outputs[0][b] =
            (float)(scale * ((double)call->inputs[0][b] - (double)call->inputs[1][b]));
}

// loss (1) = mean over all elements of (a - b)^2
MB_KERNEL(mean_squared_difference) {
    int64_t elements = mb_elements(call, &call->step->inputs[0]);
    double sum = 0.0;
    for (int64_t i = 0; i < elements; i++) {
        double difference = (double)call->inputs[0][i] - (double)call->inputs[1][i];
        sum += difference * difference;
    }
    call->outputs[0][0] = (float)(sum / (double)elements);
}

// da = dloss * 2/elements * (a - b)
MB_KERNEL(mean_squared_difference_grad) {
    int64_t elements = mb_elements(call, &call->step->inputs[0]);
    float scale = (float)(2.0 * (double)call->inputs[2][0] / (double)elements);
    for (int64_t i = 0; i < elements; i++)
        call->outputs[0][i] = scale * (call->inputs[0][i] - call->inputs[1][i]);
}

// loss (1) = (1/B) sum over b, j of -(mu - y)^2 / 2 * exp(-logvar), less logvar / 2 when asked for
MB_KERNEL(gaussian_bound) {
    int64_t elements = mb_elements(call, &call->step->inputs[0]);
    const float *mu = call->inputs[0], *y = call->inputs[1], *logvar = call->inputs[2];
    float half = call->step->params.gaussian_bound.logvar_term ? 0.5f : 0.0f;
    double sum = 0.0;
    for (int64_t i = 0; i < elements; i++) {
        float difference = mu[i] - y[i];
        sum -= (double)(0.5f * difference * difference * mb_exponential(-logvar[i]) +
                        half * logvar[i]);
    }
    call->outputs[0][0] = (float)(sum / call->rows);
}

// With scale = dloss/B and w = exp(-logvar): dmu = -scale (mu - y) w, dy = -dmu,
// dlogvar = scale ((mu - y)^2 w / 2 - 1/2 when asked for).
MB_KERNEL(gaussian_bound_grad) {
    int64_t elements = mb_elements(call, &call->step->inputs[0]);
    const float *restrict mu = call->inputs[0], *restrict y = call->inputs[1];
    const float *restrict logvar = call->inputs[2];
    float *restrict dmu = call->outputs[0], *restrict dy = call->outputs[1];
    float *restrict dlogvar = call->outputs[2];
    float half = call->step->params.gaussian_bound.logvar_term ? 0.5f : 0.0f;
    float scale = call->inputs[3][0] / (float)call->rows;
    for (int64_t i = 0; i < elements; i++) {
        float difference = mu[i] - y[i], pull = difference * mb_exponential(-logvar[i]);
        dmu[i] = -scale * pull;
        dy[i] = scale * pull;
        dlogvar[i] = scale * (0.5f * difference * pull - half);
    }
}
