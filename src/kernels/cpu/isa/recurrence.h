// The way of a recurrence through (B, T, D): along the T steps of each row, or along the B rows of
// each step.
#ifndef MB_KERNELS_CPU_RECURRENCE_H
#define MB_KERNELS_CPU_RECURRENCE_H

#include "cpu/isa/kernel.h"

// Place n of the way, side s, is the vector n * along + s * aside (forwards).
typedef struct mb_way {
    int32_t length; // L: T along time, the valid rows along the rows
    int32_t sides;  // S: what lies side by side, the other of the two
    int64_t along, aside;
    bool reverse;
} mb_way;

static inline mb_way mb_way_of(const mb_cpu_call *call, const mb_shape *sequence) {
    int32_t steps = sequence->dims[1];
    bool reverse = call->step->params.recurrence.reverse;
    if (call->step->params.recurrence.axis == MB_AXIS_ROWS)
        return (mb_way){call->rows, steps, steps, 1, reverse};
    return (mb_way){steps, call->rows, 1, steps, reverse};
}

// The vector of side 0 at place n.
static inline int64_t mb_way_at(const mb_way *way, int32_t n) {
    return (way->reverse ? way->length - 1 - n : n) * way->along;
}

#endif
