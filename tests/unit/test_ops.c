// What ops.def declares: how many operands ops take, and what they cost.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "graph/cost.h"

static const int32_t B = MB_ROWS, ROWS = 7; // rows of a batch

static mb_operand operand(int32_t count, int32_t a, int32_t b, int32_t c) {
    return (mb_operand){.shape = {count, {a, b, c}}};
}

static void takes(mb_op op, int32_t fewest, int32_t most, int32_t outputs) {
    assert_int_equal(mb_op_infos[op].fewest_inputs, fewest);
    assert_int_equal(mb_op_infos[op].most_inputs, most);
    assert_int_equal(mb_op_infos[op].outputs, outputs);
}

static void numbers_of_operands_follow_from_names(void **state) {
    (void)state;
    takes(MB_OP_GATHER, 0, 0, 1);
    takes(MB_OP_MULTIPLY, 2, 2, 1);
    takes(MB_OP_LINEAR, 2, 3, 1); // INPUTS_OPTIONAL
    takes(MB_OP_LSTM_GRAD, 4, 5, 2);
    takes(MB_OP_LINEAR_GRAD_WEIGHT, 2, 6, 1); // INPUTS_REPEATED
    takes(MB_OP_CONCAT, 1, MB_MAX_INPUTS, 1);
    takes(MB_OP_LINEAR_GRAD_INPUT, 2, 4, 1); // INPUTS_LAST_REPEATED
    takes(MB_OP_SCALED_CONCAT, 2, MB_MAX_INPUTS, 1);
    takes(MB_OP_ATTENTION_DECODER_GRAD, 11, 11, 8);
    takes(MB_OP_ADAM, 1, 1, 0);
    for (mb_op op = 0; op < MB_OP_COUNT; op++) {
        assert_true(mb_op_infos[op].fewest_inputs <= mb_op_infos[op].most_inputs);
        assert_true(mb_op_infos[op].most_inputs <= MB_MAX_INPUTS);
        assert_true(mb_op_infos[op].outputs <= MB_MAX_OUTPUTS);
    }
}

// An op with storage for its operands.
typedef struct op_with_operands {
    mb_operand inputs[MB_MAX_INPUTS], outputs[MB_MAX_OUTPUTS];
    int32_t input_count;
} op_with_operands;

static int64_t cost_of(mb_op kind, const op_with_operands *one) {
    mb_plan_op op = {.kind = kind,
                     .input_count = one->input_count,
                     .output_count = mb_op_infos[kind].outputs,
                     .inputs = one->inputs,
                     .outputs = one->outputs};
    return mb_plan_op_cost(&op, ROWS);
}

static void operands_are_found_by_name(void **state) {
    (void)state;
    op_with_operands op = {.input_count = 2};
    assert_ptr_equal(&mb_in(&op, linear, weight), &op.inputs[1]);
    assert_false(mb_has(&op, linear, bias));
    op.input_count = 3;
    assert_true(mb_has(&op, linear, bias));
    op.input_count = 6;
    assert_int_equal(mb_group_count(&op, linear_grad_weight), 3);
    assert_ptr_equal(&mb_in_group(&op, linear_grad_weight, x, 2), &op.inputs[4]);
    assert_ptr_equal(&mb_in_group(&op, linear_grad_weight, dy, 2), &op.inputs[5]);
    op.input_count = 4;
    assert_int_equal(mb_last_count(&op, scaled_concat, x), 3);
    assert_ptr_equal(&mb_in_last(&op, scaled_concat, x, 2), &op.inputs[3]);
    assert_ptr_equal(&mb_out(&op, lstm, gates), &op.outputs[2]);
}

// A map of 5 inputs to 3 outputs: forwards and backwards have the same number of products.
static void a_linear_map_costs_its_products(void **state) {
    (void)state;
    mb_operand x = operand(2, B, 5, 0), y = operand(2, B, 3, 0), weight = operand(2, 3, 5, 0);
    op_with_operands forward = {.input_count = 2, .outputs = {y}};
    mb_in(&forward, linear, x) = x;
    mb_in(&forward, linear, weight) = weight;
    assert_int_equal(cost_of(MB_OP_LINEAR, &forward), ROWS * 5 * 3);
    op_with_operands to_input = {.input_count = 2, .outputs = {x}};
    mb_in(&to_input, linear_grad_input, weight) = weight;
    mb_in(&to_input, linear_grad_input, dy) = y;
    assert_int_equal(cost_of(MB_OP_LINEAR_GRAD_INPUT, &to_input), ROWS * 5 * 3);
    op_with_operands to_weight = {.input_count = 2, .outputs = {weight}};
    mb_in(&to_weight, linear_grad_weight, x) = x;
    mb_in(&to_weight, linear_grad_weight, dy) = y;
    assert_int_equal(cost_of(MB_OP_LINEAR_GRAD_WEIGHT, &to_weight), ROWS * 5 * 3);
    assert_int_equal(cost_of(MB_OP_LINEAR_UPDATE, &to_weight), ROWS * 5 * 3);
}

// Three groups of outputs cost three times as much.
static void blocks_add_up(void **state) {
    (void)state;
    mb_operand x = operand(2, B, 5, 0), dy = operand(2, B, 3, 0);
    op_with_operands to_input = {.input_count = 4, .outputs = {x}};
    op_with_operands to_weight = {.input_count = 6};
    mb_in(&to_input, linear_grad_input, weight) = operand(2, 9, 5, 0);
    for (int32_t k = 0; k < 3; k++) {
        mb_in_last(&to_input, linear_grad_input, dy, k) = dy;
        mb_in_group(&to_weight, linear_grad_weight, x, k) = x;
        mb_in_group(&to_weight, linear_grad_weight, dy, k) = dy;
    }
    assert_int_equal(cost_of(MB_OP_LINEAR_GRAD_INPUT, &to_input), 3 * ROWS * 5 * 3);
    assert_int_equal(cost_of(MB_OP_LINEAR_GRAD_WEIGHT, &to_weight), 3 * ROWS * 5 * 3);
}

// T = 4 steps, H = 2: W (4H, H) is used once for every row and op.
static void a_recurrence_costs_its_weight_for_each_step(void **state) {
    (void)state;
    op_with_operands forward = {.input_count = 3}, backward = {.input_count = 4};
    mb_in(&forward, lstm, z) = operand(3, B, 4, 8);
    mb_in(&forward, lstm, weight) = operand(2, 8, 2, 0);
    assert_int_equal(cost_of(MB_OP_LSTM, &forward), ROWS * 4 * 8 * 2);
    mb_in(&backward, lstm_grad, cell) = operand(3, B, 4, 2);
    mb_in(&backward, lstm_grad, gates) = operand(3, B, 4, 8);
    mb_in(&backward, lstm_grad, weight) = operand(2, 8, 2, 0);
    assert_int_equal(cost_of(MB_OP_LSTM_GRAD, &backward), ROWS * 4 * 8 * 2);
}

static void what_multiplies_nothing_costs_nothing(void **state) {
    (void)state;
    op_with_operands op = {.input_count = 2};
    mb_in(&op, add, a) = mb_in(&op, add, b) = op.outputs[0] = operand(2, B, 5, 0);
    assert_int_equal(cost_of(MB_OP_ADD, &op), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_operands_follow_from_names),
        cmocka_unit_test(operands_are_found_by_name),
        cmocka_unit_test(a_linear_map_costs_its_products),
        cmocka_unit_test(blocks_add_up),
        cmocka_unit_test(a_recurrence_costs_its_weight_for_each_step),
        cmocka_unit_test(what_multiplies_nothing_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
