// How a recurrence walks through a tensor (B, T, D): along the T steps of each row, or along the B
// rows of each step.
#ifndef MB_KERNELS_CPU_RECURRENCE_H
#define MB_KERNELS_CPU_RECURRENCE_H

#include "cpu/isa/kernel.h"

// A walk has L positions. At each of them there are S sides: vectors that advance together and do
// not depend on each other. Forwards, position n of side s is vector n * along + s * aside.
typedef struct mb_walk {
    int32_t length; // L: T along time, the valid rows B along the rows
    int32_t sides;  // S: B along time, T along the rows
    int64_t along, aside;
    bool reverse;
} mb_walk;

static inline mb_walk mb_walk_of(const mb_cpu_call *call, const mb_shape *sequence) {
    int32_t steps = sequence->dims[1];
    bool reverse = call->op->params.recurrence.reverse;
    if (call->op->params.recurrence.axis == MB_AXIS_ROWS)
        return (mb_walk){call->rows, steps, steps, 1, reverse};
    return (mb_walk){steps, call->rows, 1, steps, reverse};
}

// The vector of side 0 at position n.
static inline int64_t mb_walk_at(const mb_walk *walk, int32_t n) {
    return (walk->reverse ? walk->length - 1 - n : n) * walk->along;
}

#endif
