// The operands of ops by name, as ops.def lists them.
#ifndef MB_GRAPH_OPERANDS_H
#define MB_GRAPH_OPERANDS_H

#include <stddef.h>
#include <stdint.h>

// Of each op a struct that nobody makes, with a char for every operand: where a name stands in it
// is the operand's number.
#define INPUTS(...)                                                                                \
    struct {                                                                                       \
        char __VA_ARGS__;                                                                          \
    }
#define INPUTS_FROM(fewest, ...) INPUTS(__VA_ARGS__)
#define INPUTS_TO(most, ...) INPUTS(__VA_ARGS__)
#define INPUTS_AND(most, ...) INPUTS(__VA_ARGS__)
#define NO_INPUTS char // without members
#define OUTPUTS(...) INPUTS(__VA_ARGS__)
#define NO_OUTPUTS char
#define MB_OP(NAME, name, gradient, cost, sharing, inputs, outputs)                                \
    typedef inputs mb_##name##_inputs;                                                             \
    typedef outputs mb_##name##_outputs;
#include "graph/ops.def"
#undef MB_OP
#undef INPUTS
#undef INPUTS_FROM
#undef INPUTS_TO
#undef INPUTS_AND
#undef NO_INPUTS
#undef OUTPUTS
#undef NO_OUTPUTS

// The number of an operand: MB_INPUT(linear, weight) is 1.
#define MB_INPUT(op, operand) ((int32_t)offsetof(mb_##op##_inputs, operand))
#define MB_OUTPUT(op, operand) ((int32_t)offsetof(mb_##op##_outputs, operand))

// An operand of what has inputs and outputs, a node, a step or a call: mb_in(call, linear, weight).
#define mb_in(of, op, operand) ((of)->inputs[MB_INPUT(op, operand)])
#define mb_out(of, op, operand) ((of)->outputs[MB_OUTPUT(op, operand)])
// Whether an input of INPUTS_FROM is there.
#define mb_has(of, op, operand) ((of)->input_count > MB_INPUT(op, operand))
// Of INPUTS_TO: how many turns there are, and an input of turn k.
#define mb_turns(of, op) ((of)->input_count / (int32_t)sizeof(mb_##op##_inputs))
#define mb_in_turn(of, op, operand, k)                                                             \
    ((of)->inputs[MB_INPUT(op, operand) + (k) * (int32_t)sizeof(mb_##op##_inputs)])
// Of INPUTS_AND: how many there are of the last name, and number k of them.
#define mb_last_count(of, op, operand) ((of)->input_count - MB_INPUT(op, operand))
#define mb_in_last(of, op, operand, k) ((of)->inputs[MB_INPUT(op, operand) + (k)])

#endif
