// Losses and their gradients: means over the valid rows or over all elements, summed in double. B
// rows, C classes. All assign.
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
    int32_t classes = mb_width(&mb_in(call->op, cross_entropy, logits));
    const int32_t *emotions = (const int32_t *)mb_in(call, cross_entropy, emotions);
    double sum = 0.0;
    for (int32_t b = 0; b < call->rows; b++) {
        const float *logits = mb_in(call, cross_entropy, logits) + (int64_t)b * classes;
        sum += log_sum_exp(logits, classes) - (double)logits[emotions[b]];
    }
    call->outputs[0][0] = (float)(sum / call->rows);
}

// dlogits (B, C) = dloss/B * (softmax(logits) - one-hot(emotion))
MB_KERNEL(cross_entropy_grad) {
    int32_t classes = mb_width(&mb_in(call->op, cross_entropy_grad, logits));
    const int32_t *emotions = (const int32_t *)mb_in(call, cross_entropy_grad, emotions);
    double scale = (double)mb_in(call, cross_entropy_grad, dloss)[0] / call->rows;
    for (int32_t b = 0; b < call->rows; b++) {
        const float *logits = mb_in(call, cross_entropy_grad, logits) + (int64_t)b * classes;
        float *gradient = call->outputs[0] + (int64_t)b * classes;
        double total = log_sum_exp(logits, classes);
        for (int32_t j = 0; j < classes; j++)
            gradient[j] =
                (float)(scale * (exp((double)logits[j] - total) - (j == emotions[b] ? 1.0 : 0.0)));
    }
}

// loss (1) = (1/B) sum over b of (value[b] - valence[b])^2
MB_KERNEL(mean_squared_error) {
    const float *values = mb_in(call, mean_squared_error, values);
    const float *valences = mb_in(call, mean_squared_error, valences);
    double sum = 0.0;
    for (int32_t b = 0; b < call->rows; b++) {
        double difference = (double)values[b] - (double)valences[b];
        sum += difference * difference;
    }
    call->outputs[0][0] = (float)(sum / call->rows);
}

// dvalues (B, 1) = dloss * 2/B * (value - valence)
MB_KERNEL(mean_squared_error_grad) {
    double scale = 2.0 * (double)mb_in(call, mean_squared_error_grad, dloss)[0] / call->rows;
    const float *values = mb_in(call, mean_squared_error_grad, values);
    const float *valences = mb_in(call, mean_squared_error_grad, valences);
    for (int32_t b = 0; b < call->rows; b++)
        call->outputs[0][b] = (float)(scale * ((double)values[b] - (double)valences[b]));
}

// loss (1) = mean over all elements of (a - b)^2
MB_KERNEL(mean_squared_difference) {
    int64_t elements = mb_elements(call, &mb_in(call->op, mean_squared_difference, a));
    const float *a = mb_in(call, mean_squared_difference, a);
    const float *b = mb_in(call, mean_squared_difference, b);
    double sum = 0.0;
    for (int64_t i = 0; i < elements; i++) {
        double difference = (double)a[i] - (double)b[i];
        sum += difference * difference;
    }
    call->outputs[0][0] = (float)(sum / (double)elements);
}

// da = dloss * 2/elements * (a - b)
MB_KERNEL(mean_squared_difference_grad) {
    int64_t elements = mb_elements(call, &mb_in(call->op, mean_squared_difference_grad, a));
    const float *a = mb_in(call, mean_squared_difference_grad, a);
    const float *b = mb_in(call, mean_squared_difference_grad, b);
    double dloss = (double)mb_in(call, mean_squared_difference_grad, dloss)[0];
    float scale = (float)(2.0 * dloss / (double)elements);
    for (int64_t i = 0; i < elements; i++)
        call->outputs[0][i] = scale * (a[i] - b[i]);
}

// loss (1) = (1/B) sum over b, j of -(mu - y)^2 / 2 * exp(-logvar) - half * logvar, with half = 1/2
// if params.gaussian_bound.logvar_term, else 0
MB_KERNEL(gaussian_bound) {
    int64_t elements = mb_elements(call, &mb_in(call->op, gaussian_bound, mu));
    const float *mu = mb_in(call, gaussian_bound, mu);
    const float *y = mb_in(call, gaussian_bound, y);
    const float *logvar = mb_in(call, gaussian_bound, logvar);
    float half = call->op->params.gaussian_bound.logvar_term ? 0.5f : 0.0f;
    double sum = 0.0;
    for (int64_t i = 0; i < elements; i++) {
        float difference = mu[i] - y[i];
        sum -= (double)(0.5f * difference * difference * mb_exponential(-logvar[i]) +
                        half * logvar[i]);
    }
    call->outputs[0][0] = (float)(sum / call->rows);
}

// With scale = dloss/B and w = exp(-logvar): dmu = -scale (mu - y) w, dy = -dmu, dlogvar = scale
// ((mu - y)^2 w / 2 - half).
MB_KERNEL(gaussian_bound_grad) {
    int64_t elements = mb_elements(call, &mb_in(call->op, gaussian_bound_grad, mu));
    const float *restrict mu = mb_in(call, gaussian_bound_grad, mu);
    const float *restrict y = mb_in(call, gaussian_bound_grad, y);
    const float *restrict logvar = mb_in(call, gaussian_bound_grad, logvar);
    float *restrict dmu = mb_out(call, gaussian_bound_grad, dmu);
    float *restrict dy = mb_out(call, gaussian_bound_grad, dy);
    float *restrict dlogvar = mb_out(call, gaussian_bound_grad, dlogvar);
    float half = call->op->params.gaussian_bound.logvar_term ? 0.5f : 0.0f;
    float scale = mb_in(call, gaussian_bound_grad, dloss)[0] / (float)call->rows;
    for (int64_t i = 0; i < elements; i++) {
        float difference = mu[i] - y[i], pull = difference * mb_exponential(-logvar[i]);
        dmu[i] = -scale * pull;
        dy[i] = scale * pull;
        dlogvar[i] = scale * (0.5f * difference * pull - half);
    }
}
