// Adam on a range or block of a parameter. Formula: optim.c.
#ifndef MB_KERNELS_CPU_OPTIM_H
#define MB_KERNELS_CPU_OPTIM_H

#include "cpu/isa/kernel.h"
#include "cpu/isa/vector.h"

#define MB_ADAM_BETA1 0.9
#define MB_ADAM_BETA2 0.999

// The numbers of a training step that are the same for every weight of a run.
typedef struct mb_adam {
    float clip, weight_decay; // clip < 0: off
    float step_size;          // learning rate / (1 - beta1^s)
    float root_scale;         // 1 / sqrt(1 - beta2^s)
} mb_adam;

mb_adam MB_NAME(adam_of)(const mb_cpu_call *call);

// Updates w, m, v of `count` weights with their gradients g.
static inline __attribute__((always_inline)) void mb_adam_step(const mb_adam *adam, int64_t count,
                                                               const float *restrict g,
                                                               float *restrict w, float *restrict m,
                                                               float *restrict v) {
    const float b1 = (float)MB_ADAM_BETA1, b2 = (float)MB_ADAM_BETA2;
    const float a1 = (float)(1.0 - MB_ADAM_BETA1), a2 = (float)(1.0 - MB_ADAM_BETA2);
    float clip = adam->clip < 0.0f ? INFINITY : adam->clip, decay = adam->weight_decay;
    float step_size = adam->step_size, root_scale = adam->root_scale;
    for (int64_t i = 0; i < count; i++) {
        float gradient = g[i] > clip ? clip : g[i]; // NaN stays NaN
        gradient = (gradient < -clip ? -clip : gradient) + decay * w[i];
        float first = b1 * m[i] + a1 * gradient;
        float second = b2 * v[i] + a2 * (gradient * gradient);
        m[i] = first;
        v[i] = second;
        w[i] -= step_size * first / (sqrtf(second) * root_scale + 1e-8f);
    }
}

// The same for one vector of weights.
MB_INLINE void mb_adam_vector(const mb_adam *adam, mb_vector g, mb_vector *w, mb_vector *m,
                              mb_vector *v) {
    const float b1 = (float)MB_ADAM_BETA1, b2 = (float)MB_ADAM_BETA2;
    const float a1 = (float)(1.0 - MB_ADAM_BETA1), a2 = (float)(1.0 - MB_ADAM_BETA2);
    float clip = adam->clip < 0.0f ? INFINITY : adam->clip;
    g = mb_clamp(g, -clip, clip);
    g += adam->weight_decay * *w;
    *m = b1 * *m + a1 * g;
    *v = b2 * *v + a2 * (g * g);
    *w -= adam->step_size * *m / (mb_square_root(*v) * adam->root_scale + 1e-8f);
}

// The same for a block (rows, columns) of a weight with `outputs` columns, which begins at offset
// `at` of the run's parameters. `block` has the gradients, row after row.
void MB_NAME(adam_block)(const mb_adam *adam, const mb_cpu_call *call, int64_t at, int32_t outputs,
                         int32_t rows, int32_t columns, const float *block);

#endif
