// Adam (Kingma and Ba, 2015) with coupled weight decay, after clipping by value:
//   g = clamp(g, -clip, clip) + weight_decay * w
//   m = 0.9 m + 0.1 g;  v = 0.999 v + 0.001 g^2
//   w = w - lr / (1 - 0.9^s) * m / (sqrt(v) / sqrt(1 - 0.999^s) + 1e-8),  s = 1, 2, ...
#include "cpu/isa/optim.h"

#include "cpu/isa/gemm.h"

static const double beta1 = 0.9, beta2 = 0.999;

mb_adam MB_NAME(adam_of)(const mb_cpu_call *call) {
    double s = (double)call->training_step + 1.0;
    return (mb_adam){
        .clip = call->slots[MB_SLOT_GRAD_CLIP],
        .weight_decay = call->slots[MB_SLOT_WEIGHT_DECAY],
        .step_size = (float)((double)call->slots[MB_SLOT_LEARNING_RATE] / (1.0 - pow(beta1, s))),
        .root_scale = (float)(1.0 / sqrt(1.0 - pow(beta2, s))),
    };
}

static inline float clamp(float g, float clip) {
    g = g > clip ? clip : g; // NaN stays NaN
    return g < -clip ? -clip : g;
}

void MB_NAME(adam_step)(const mb_adam *adam, int64_t count, const float *restrict g,
                        float *restrict w, float *restrict m, float *restrict v) {
    const float b1 = (float)beta1, b2 = (float)beta2;
    const float a1 = (float)(1.0 - beta1), a2 = (float)(1.0 - beta2);
    float clip = adam->clip < 0.0f ? INFINITY : adam->clip, decay = adam->weight_decay;
    float step_size = adam->step_size, root_scale = adam->root_scale;
    for (int64_t i = 0; i < count; i++) {
        float gradient = clamp(g[i], clip) + decay * w[i];
        float first = b1 * m[i] + a1 * gradient;
        float second = b2 * v[i] + a2 * (gradient * gradient);
        m[i] = first;
        v[i] = second;
        w[i] -= step_size * first / (sqrtf(second) * root_scale + 1e-8f);
    }
}

// A parameter that no batch of the run has reached so far has no gradient.
static bool reached(const mb_cpu_call *call, const mb_parameter *parameter) {
    return call->widest >= parameter->fewest_rows;
}

MB_KERNEL(adam) {
    const mb_parameter *parameter = &call->parameter_list[call->step->params.update.parameter];
    if (!reached(call, parameter))
        return;
    mb_adam adam = MB_NAME(adam_of)(call);
    MB_NAME(adam_step)
    (&adam, mb_shape_elements(&parameter->shape, 0), call->inputs[0],
     call->parameters + parameter->offset, call->first_moments + parameter->offset,
     call->second_moments + parameter->offset);
}

// dW = x^T dy a block at a time; the block is stepped while it is in L1.
MB_KERNEL(linear_update) {
    enum { BLOCK_INPUTS = 48, BLOCK_OUTPUTS = 256 };
    _Alignas(64) float block[BLOCK_INPUTS * BLOCK_OUTPUTS];
    const mb_parameter *parameter = &call->parameter_list[call->step->params.update.parameter];
    if (!reached(call, parameter))
        return;
    mb_adam adam = MB_NAME(adam_of)(call);
    int32_t inputs = mb_width(&call->step->inputs[0]), outputs = mb_width(&call->step->inputs[1]);
    int32_t vectors = (int32_t)mb_vectors(call, &call->step->inputs[0]);
    for (int32_t i = 0; i < inputs; i += BLOCK_INPUTS) {
        int32_t rows = inputs - i < BLOCK_INPUTS ? inputs - i : BLOCK_INPUTS;
        for (int32_t o = 0; o < outputs; o += BLOCK_OUTPUTS) {
            int32_t columns = outputs - o < BLOCK_OUTPUTS ? outputs - o : BLOCK_OUTPUTS;
            mb_matrix x = {call->inputs[0] + i, 1, inputs};
            mb_matrix dy = {call->inputs[1] + o, outputs, 1};
            MB_NAME(gemm)(rows, columns, vectors, x, dy, block, columns, 0);
            int64_t at = parameter->offset + (int64_t)i * outputs + o;
            int32_t runs = columns == outputs ? 1 : rows; // whole rows of W lie together
            int64_t length = (int64_t)rows * columns / runs;
            for (int32_t r = 0; r < runs; r++, at += outputs)
                MB_NAME(adam_step)
            (&adam, length, block + r * length, call->parameters + at, call->first_moments + at,
             call->second_moments + at);
        }
    }
}
