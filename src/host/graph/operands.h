// The operands of ops by name, as ops.def lists them.
#ifndef MB_GRAPH_OPERANDS_H
#define MB_GRAPH_OPERANDS_H

#include <stddef.h>
#include <stdint.h>

// For each op a struct that has one char for every operand and is never instantiated: the offset of
// a member is the operand's number, the size of the struct the number of operands.
#define INPUTS(...)                                                                                \
    struct {                                                                                       \
        char __VA_ARGS__;                                                                          \
    }
#define INPUTS_OPTIONAL(fewest, ...) INPUTS(__VA_ARGS__)
#define INPUTS_REPEATED(most, ...) INPUTS(__VA_ARGS__)
#define INPUTS_LAST_REPEATED(most, ...) INPUTS(__VA_ARGS__)
#define NO_INPUTS char // a type without operands
#define OUTPUTS(...) INPUTS(__VA_ARGS__)
#define NO_OUTPUTS char
#define MB_OP(NAME, name, gradient, cost, sharing, inputs, outputs)                                \
    typedef inputs mb_##name##_inputs;                                                             \
    typedef outputs mb_##name##_outputs;
#include "graph/ops.def"
#undef MB_OP
#undef INPUTS
#undef INPUTS_OPTIONAL
#undef INPUTS_REPEATED
#undef INPUTS_LAST_REPEATED
#undef NO_INPUTS
#undef OUTPUTS
#undef NO_OUTPUTS

// The number of an operand: MB_INPUT(linear, weight) is 1.
#define MB_INPUT(op, operand) ((int32_t)offsetof(mb_##op##_inputs, operand))
#define MB_OUTPUT(op, operand) ((int32_t)offsetof(mb_##op##_outputs, operand))

// An operand of a node, of an op of a plan or of a call: mb_in(call, linear, weight).
#define mb_in(of, op, operand) ((of)->inputs[MB_INPUT(op, operand)])
#define mb_out(of, op, operand) ((of)->outputs[MB_OUTPUT(op, operand)])
// Whether an optional input (INPUTS_OPTIONAL) is given.
#define mb_has(of, op, operand) ((of)->input_count > MB_INPUT(op, operand))
// Of INPUTS_REPEATED: the number of groups, and an input of group k.
#define mb_group_count(of, op) ((of)->input_count / (int32_t)sizeof(mb_##op##_inputs))
#define mb_in_group(of, op, operand, k)                                                            \
    ((of)->inputs[MB_INPUT(op, operand) + (k) * (int32_t)sizeof(mb_##op##_inputs)])
// Of INPUTS_LAST_REPEATED: the number of inputs with the last name, and the k-th of them.
#define mb_last_count(of, op, operand) ((of)->input_count - MB_INPUT(op, operand))
#define mb_in_last(of, op, operand, k) ((of)->inputs[MB_INPUT(op, operand) + (k)])

#endif
