// Shared by the kernel files, which are compiled once per instruction set (MB_ISA).
#ifndef MB_KERNELS_CPU_KERNEL_H
#define MB_KERNELS_CPU_KERNEL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "cpu/call.h"

#define MB_JOIN_(a, b, c) a##b##_##c
#define MB_JOIN(a, b, c) MB_JOIN_(a, b, c)
// Name of a function of this instruction set: MB_NAME(gemm) is mb_cpu_gemm_avx512.
#define MB_NAME(name) MB_JOIN(mb_cpu_, name, MB_ISA)
// Head of the kernel of an op.
#define MB_KERNEL(name) void MB_NAME(name)(const mb_cpu_call *call)

#define MB_OP(NAME, name, ...) MB_KERNEL(name);
#include "graph/ops.def"
#undef MB_OP

// The size of an operand, with the rows of the call.
static inline int64_t mb_elements(const mb_cpu_call *call, const mb_operand *operand) {
    return mb_shape_elements(&operand->shape, call->rows);
}
static inline int64_t mb_vectors(const mb_cpu_call *call, const mb_operand *operand) {
    return mb_shape_vectors(&operand->shape, call->rows);
}
// The number of elements before first_row in an operand that has rows.
static inline int64_t mb_first_element(const mb_cpu_call *call, const mb_operand *operand) {
    return mb_shape_elements(&operand->shape, call->first_row);
}
static inline int32_t mb_width(const mb_operand *operand) {
    return mb_shape_last(&operand->shape);
}

#endif
