// Adam on a piece of a parameter.
#ifndef MB_KERNELS_CPU_OPTIM_H
#define MB_KERNELS_CPU_OPTIM_H

#include "cpu/isa/kernel.h"

// Numbers of one step that are the same for every weight.
typedef struct mb_adam {
    float clip, weight_decay; // clip < 0: off
    float step_size;          // learning rate / (1 - beta1^s)
    float root_scale;         // 1 / sqrt(1 - beta2^s)
} mb_adam;

mb_adam MB_NAME(adam_of)(const mb_cpu_call *call);

// w, m, v of `count` weights, stepped with their gradients g.
void MB_NAME(adam_step)(const mb_adam *adam, int64_t count, const float *g, float *w, float *m,
                        float *v);

// The same on a block (rows, columns) of a weight with `outputs` columns; the first one lies at
// `at` of the run's parameters. block: the gradients, row after row.
void MB_NAME(adam_block)(const mb_adam *adam, const mb_cpu_call *call, int64_t at, int32_t outputs,
                         int32_t rows, int32_t columns, const float *block);

#endif
