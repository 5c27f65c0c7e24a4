// A NaN in an operand makes every number NaN that depends on it, as in PyTorch: for every op of the
// CUDA executor and of the CPU's instruction sets. Whether a number depends on an element is found
// out by changing the element.
#include "../unit/gradient_cases.h"
#include "cuda_support.h"

typedef struct nan_state {
    mb_device *devices[4];
    int device_count;
    bool ran[MB_OP_COUNT];
    int findings;
} nan_state;

typedef struct case_size {
    int32_t dimension, hidden, steps, rows;
} case_size;

static const case_size small = {5, 3, 2, 7}, large = {33, 35, 2, 33};

// One op of a plan, with the memory of that plan.
typedef struct one_op {
    nan_state *state;
    run_array *array;
    const char *name; // of the case
    mb_plan plan;
    const mb_plan_op *op;
    array_state before, usual;
} one_op;

// In the gradient of max(0, .), the result says where dy passes.
static bool is_gate(const mb_plan_op *op, int32_t input) {
    return (op->kind == MB_OP_RELU_GRAD && input == MB_INPUT(relu_grad, y)) ||
           (op->kind == MB_OP_GATED_MEMORY_GRAD && (input == MB_INPUT(gated_memory_grad, r_1) ||
                                                    input == MB_INPUT(gated_memory_grad, r_2)));
}

// Operands that are not numbers to compute with: labels are integers, and the positions of frames
// depend on whether x is 0.
static bool is_condition(const mb_plan_op *op, int32_t input) {
    return (op->kind == MB_OP_CROSS_ENTROPY && input == MB_INPUT(cross_entropy, emotions)) ||
           (op->kind == MB_OP_CROSS_ENTROPY_GRAD &&
            input == MB_INPUT(cross_entropy_grad, emotions)) ||
           op->kind == MB_OP_POSITIONS;
}

static array_kind kind_of(const mb_operand *operand) {
    return operand->space == MB_SPACE_ARENA ? ARENA : PARAMETERS;
}

// Executes the op with one float replaced.
static void run_with(one_op *one, array_kind kind, int64_t at, float value, array_state *after) {
    float *place = state_of_run(one->array, &one->before, kind, 0) + at, kept = *place;
    *place = value;
    array_put(one->array, &one->before);
    *place = kept;
    array_run_plan(one->array, &one->plan, 0, 1);
    array_fetch(one->array, after);
}

// Reports the first number that changes with float `at` and does not become NaN with it.
static void check_float(one_op *one, int32_t input, array_kind kind, int64_t at) {
    array_state changed, broken;
    float value = state_of_run(one->array, &one->before, kind, 0)[at];
    run_with(one, kind, at, 1.25f * value + 0.5f, &changed);
    run_with(one, kind, at, NAN, &broken);
    for (int k = PARAMETERS; k <= ARENA; k++) {
        const float *usual = state_of_run(one->array, &one->usual, (array_kind)k, 0);
        const float *other = state_of_run(one->array, &changed, (array_kind)k, 0);
        const float *found = state_of_run(one->array, &broken, (array_kind)k, 0);
        for (int64_t i = 0; i < one->array->floats[k]; i++) {
            if (other[i] == usual[i] || isnan(usual[i]) || isnan(found[i]))
                continue;
            if (one->state->findings++ < 40)
                print_error("%s, %s: %s, float %lld of input %d: float %lld of the %s is %g\n",
                            one->array->device->backend->name, one->name,
                            mb_op_infos[one->op->kind].name, (long long)at, input, (long long)i,
                            kind_names[k], (double)found[i]);
            k = ARENA;
            break;
        }
    }
    state_free(&changed);
    state_free(&broken);
}

// Reports the first number that differs when float `at` is NaN from what it is when the float is
// positive: as in PyTorch, the gradient passes in both cases.
static void check_gate(one_op *one, int32_t input, int64_t at) {
    array_state positive, broken;
    run_with(one, ARENA, at, 1.0f, &positive);
    run_with(one, ARENA, at, NAN, &broken);
    state_of_run(one->array, &positive, ARENA, 0)[at] = NAN;
    int64_t i = 0, floats = one->array->floats[ARENA];
    const float *expected = state_of_run(one->array, &positive, ARENA, 0);
    const float *found = state_of_run(one->array, &broken, ARENA, 0);
    while (i < floats && (found[i] == expected[i] || (isnan(found[i]) && isnan(expected[i]))))
        i++;
    if (i < floats && one->state->findings++ < 40)
        print_error("%s, %s: %s, float %lld of input %d: the gradient is %g, expected %g\n",
                    one->array->device->backend->name, one->name, mb_op_infos[one->op->kind].name,
                    (long long)at, input, (double)found[i], (double)expected[i]);
    state_free(&positive);
    state_free(&broken);
}

// The first and the last float of an operand, and one between.
static void check_operand(one_op *one, int32_t input) {
    const mb_operand *operand = &one->op->inputs[input];
    int64_t count = mb_shape_elements(&operand->shape, one->array->info->max_rows);
    const int64_t places[] = {0, count / 2, count - 1};
    for (int i = 0; i < 3 && !is_condition(one->op, input); i++) {
        int64_t at = operand->offset + places[i];
        if (i > 0 && places[i] == places[i - 1])
            continue;
        if (is_gate(one->op, input))
            check_gate(one, input, at);
        else
            check_float(one, input, kind_of(operand), at);
    }
}

static void check_op(nan_state *state, run_array *array, const char *name, int32_t index) {
    one_op one = {.state = state, .array = array, .name = name, .plan = *array->plan};
    one.op = &array->plan->ops[index];
    one.plan.ops = &array->plan->ops[index];
    one.plan.op_count = 1;
    one.plan.info.total.offset = one.plan.info.interloss.offset = -1;
    one.plan.info.emos_out.offset = one.plan.info.vals_out.offset = -1;
    state->ran[one.op->kind] = true;
    array_fetch(array, &one.before);
    array_run_plan(array, &one.plan, 0, 1);
    array_fetch(array, &one.usual);
    for (int32_t k = 0; k < one.op->input_count; k++)
        check_operand(&one, k);
    array_put(array, &one.usual); // the next op reads it
    state_free(&one.before);
    state_free(&one.usual);
}

static void check_case(nan_state *state, mb_device *device, const op_case *c, const case_size *size,
                       mb_plan_mode mode, mb_dropout_mode dropout) {
    mb_model model = {
        .name = c->name, .options = options, .option_count = OPTION_COUNT, .build = c->build};
    mb_model_config config = {.feature_type = c->type,
                              .dims = {size->dimension, 0, 0},
                              .steps = {size->steps, 1, 1},
                              .class_count = 4,
                              .value_count = 1,
                              .options = {size->hidden, 0.3, size->hidden + 2}};
    run_setting run = {.seed = 5, .first_step = 3};
    run_array array;
    sample_set set;
    samples_open(&set, &config);
    set_slots(&run, &model, &config);
    run.slots[MB_SLOT_GRAD_CLIP] = 1e3f;
    for (int32_t s = 0; s < MOST_STEPS; s++)
        run.rows[s] = size->rows;
    array_open(&array, device, &model, &config, mode, dropout, size->rows, &set, &run, 1);
    for (int32_t i = 0; i < array.plan->op_count; i++)
        check_op(state, &array, c->name, i);
    array_close(&array);
    samples_close(&set);
}

static void expect_no_findings(nan_state *state) {
    int findings = state->findings;
    state->findings = 0;
    if (findings > 0)
        fail_msg("%d findings", findings);
}

static void check_cases(nan_state *state, const case_size *size, mb_plan_mode mode) {
    for (int d = 0; d < state->device_count; d++)
        for (int k = 0; k < CASE_COUNT; k++)
            check_case(state, state->devices[d], &cases[k], size, mode, cases[k].dropout);
    expect_no_findings(state);
}

static void test_gradients_keep_nan(void **state) {
    check_cases(*state, &small, MB_PLAN_GRADIENTS);
}

static void test_stored_masks_keep_nan(void **state) {
    nan_state *s = *state;
    for (int d = 0; d < s->device_count; d++)
        for (int k = 0; k < CASE_COUNT; k++)
            if (strcmp(cases[k].name, "dropout") == 0)
                check_case(s, s->devices[d], &cases[k], &small, MB_PLAN_GRADIENTS,
                           MB_DROPOUT_STORED);
    expect_no_findings(s);
}

static void test_updates_keep_nan(void **state) {
    check_cases(*state, &small, MB_PLAN_TRAIN);
}

// Beyond the tiles of products and the lanes of vectors.
static void test_larger_ops_keep_nan(void **state) {
    if (SANITIZED)
        skip();
    check_cases(*state, &large, MB_PLAN_TRAIN);
}

static void test_every_op_ran(void **state) {
    const nan_state *s = *state;
    for (int op = 0; op < MB_OP_COUNT; op++)
        if (!s->ran[op])
            fail_msg("no case runs %s", mb_op_infos[op].name);
}

int main(int argc, char **argv) {
    choose_tests(argc, argv);
    static const char *const sets[] = {"portable", "avx2", "avx512"};
    nan_state state = {.devices = {cuda_open()}, .device_count = 1};
    for (int i = 0; i < 3; i++) {
        mb_error error = {.message = ""};
        mb_device **device = &state.devices[state.device_count];
        state.device_count += mb_cpu_open(sets[i], device, &error) == MB_OK;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_gradients_keep_nan, &state),
        cmocka_unit_test_prestate(test_stored_masks_keep_nan, &state),
        cmocka_unit_test_prestate(test_updates_keep_nan, &state),
        cmocka_unit_test_prestate(test_larger_ops_keep_nan, &state),
        cmocka_unit_test_prestate(test_every_op_ran, &state),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    for (int d = 0; d < state.device_count; d++)
        state.devices[d]->backend->close(state.devices[d]);
    return failures;
}
