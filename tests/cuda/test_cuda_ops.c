// Compares every op of the CUDA executor with the CPU's portable kernels, on the small models of
// the gradient tests, which have one op each: op by op from the same numbers, and whole plans.
#include "../unit/gradient_cases.h"
#include "cuda_support.h"

enum { RUNS = 4 };

typedef struct op_state {
    mb_device *cuda, *cpu;
    bool ran[MB_OP_COUNT];
    int findings; // of the current test
} op_state;

typedef struct case_size {
    int32_t dimension, hidden, steps, rows;
} case_size;

// Sizes below, at and beyond the tiles of products and the threads of warps and blocks.
static const case_size sizes[] = {{1, 1, 1, 1}, {5, 3, 2, 7}, {33, 31, 5, 33}, {70, 35, 3, 40}};
enum { SIZE_COUNT = sizeof sizes / sizeof *sizes - SANITIZED };

static const double step_limit = 1e-5, plan_limit = 5e-5;

static mb_model model_of(const op_case *c) {
    return (mb_model){
        .name = c->name, .options = options, .option_count = OPTION_COUNT, .build = c->build};
}

static mb_model_config config_of(const op_case *c, const case_size *size) {
    return (mb_model_config){.feature_type = c->type,
                             .dims = {size->dimension, 0, 0},
                             .steps = {size->steps, 1, 1},
                             .class_count = 4,
                             .value_count = 1,
                             .options = {size->hidden, 0.3, size->hidden + 2}};
}

// All rows, one row, an odd number, none.
static void set_runs(run_setting *runs, const mb_model *model, const mb_model_config *config,
                     int32_t rows) {
    const int32_t counts[RUNS] = {rows, 1, rows < 3 ? rows : (rows / 2) | 1, 0};
    for (int32_t a = 0; a < RUNS; a++) {
        runs[a] = (run_setting){.seed = (uint32_t)a + 5, .first_step = 3, .first = 17 * a};
        set_slots(&runs[a], model, config);
        runs[a].slots[MB_SLOT_LEARNING_RATE] = 1e-3f * (float)(a + 1);
        runs[a].slots[MB_SLOT_GRAD_CLIP] = a == 1 ? 0.01f : -1.0f;
        runs[a].slots[MB_SLOT_DROPOUT] = 0.3f + 0.1f * (float)a;
        for (int32_t s = 0; s < MOST_STEPS; s++)
            runs[a].rows[s] = counts[a];
    }
}

// The same array on both devices.
typedef struct twins {
    op_state *state;
    run_array cuda, cpu;
    run_setting runs[RUNS];
    sample_set set;
    char name[128];
} twins;

static void twins_open(twins *t, op_state *state, const op_case *c, const case_size *size,
                       mb_plan_mode mode, mb_dropout_mode dropout) {
    mb_model model = model_of(c);
    mb_model_config config = config_of(c, size);
    t->state = state;
    snprintf(t->name, sizeof t->name, "%s (%d, %d, %d, %d)%s%s", c->name, size->dimension,
             size->hidden, size->steps, size->rows, mode == MB_PLAN_TRAIN ? ", updates" : "",
             dropout == MB_DROPOUT_STORED ? ", stored masks" : "");
    samples_open(&t->set, &config);
    samples_vary(&t->set, &config);
    set_runs(t->runs, &model, &config, size->rows);
    array_open(&t->cpu, state->cpu, &model, &config, mode, dropout, size->rows, &t->set, t->runs,
               RUNS);
    array_open(&t->cuda, state->cuda, &model, &config, mode, dropout, size->rows, &t->set, t->runs,
               RUNS);
}

static void twins_close(twins *t) {
    array_close(&t->cuda);
    array_close(&t->cpu);
    samples_close(&t->set);
}

// Prints a difference. A test prints its first differences and counts all of them.
static void finding(const twins *t, const char *format, ...) {
    enum { MOST = 40 };
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (t->state->findings++ < MOST)
        print_error("%s: %s\n", t->name, text);
}

static void expect_no_findings(op_state *state) {
    int findings = state->findings;
    state->findings = 0;
    if (findings > 0)
        fail_msg("%d findings", findings);
}

// ---- op by op ---------------------------------------------------------------------------------

// A plan of one op of another plan, with the memory of that plan.
static mb_plan *plan_of_op(const mb_plan *plan, int32_t index) {
    mb_plan *one = malloc(sizeof *one);
    *one = *plan;
    one->ops = &plan->ops[index];
    one->op_count = 1;
    one->info.total.offset = one->info.interloss.offset = -1; // no results to copy
    one->info.emos_out.offset = one->info.vals_out.offset = -1;
    return one;
}

static bool is_kept(const mb_plan *plan, int64_t offset) {
    const mb_plan_info *info = &plan->info;
    const int64_t kept[] = {info->features.offset,      info->emos_out.offset,
                            info->vals_out.offset,      info->interloss.offset,
                            info->cross_entropy.offset, info->mean_squared_error.offset,
                            info->total.offset};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (kept[i] == offset)
            return true;
    for (int32_t p = 0; p < info->parameter_count; p++)
        if (info->parameters[p].gradient == offset)
            return true;
    return false;
}

// Whether output k of an op is read by anyone; other outputs are workspaces, in which executors may
// differ.
static bool is_wanted(const mb_plan *plan, int32_t index, int32_t k) {
    int64_t offset = plan->ops[index].outputs[k].offset;
    for (int32_t s = index + 1; s < plan->op_count; s++) {
        const mb_plan_op *op = &plan->ops[s];
        for (int32_t i = 0; i < op->input_count; i++)
            if (op->inputs[i].space == MB_SPACE_ARENA && op->inputs[i].offset == offset)
                return true;
        for (int32_t i = 0; i < op->output_count; i++)
            if (op->outputs[i].offset == offset)
                return false;
    }
    return is_kept(plan, offset);
}

// Whether float `at` of an arena belongs to an output of the step.
static bool is_output(const mb_plan_op *op, int64_t at, int32_t max_rows) {
    for (int32_t k = 0; k < op->output_count; k++) {
        int64_t first = op->outputs[k].offset;
        if (at >= first && at < first + mb_shape_elements(&op->outputs[k].shape, max_rows))
            return true;
    }
    return false;
}

static bool is_update(const mb_plan_op *op) {
    return op->output_count == 0 || op->kind == MB_OP_SOURCE_LINEAR_UPDATE;
}

// Whether float `at` of the parameters and moments belongs to what the step updates.
static bool is_updated(const mb_plan *plan, const mb_plan_op *op, int64_t at) {
    if (!is_update(op))
        return false;
    const mb_parameter *parameter = &plan->parameters[op->params.update.parameter];
    return at >= parameter->offset &&
           at < parameter->offset + mb_shape_elements(&parameter->shape, 0);
}

// What the step has no business with keeps its bits; in a run without rows, everything does.
static void check_rest(const twins *t, const mb_plan_op *op, int32_t run, const array_state *before,
                       const array_state *after) {
    bool idle = t->runs[run].rows[0] == 0;
    for (int kind = PARAMETERS; kind <= ARENA; kind++) {
        const float *x = state_of_run(&t->cuda, after, (array_kind)kind, run);
        const float *y = state_of_run(&t->cuda, before, (array_kind)kind, run);
        for (int64_t at = 0; at < t->cuda.floats[kind]; at++) {
            if (memcmp(&x[at], &y[at], sizeof *x) == 0)
                continue;
            bool own = kind == ARENA ? is_output(op, at, t->cuda.info->max_rows)
                                     : is_updated(t->cuda.plan, op, at);
            if (!idle && own)
                continue;
            finding(t, "%s writes at %lld of the %s of run %d, %s", mb_op_infos[op->kind].name,
                    (long long)at, kind_names[kind], run,
                    idle ? "which has no rows" : "which is not its own");
            return;
        }
    }
}

static void check_tensor(const twins *t, const mb_plan_op *op, int32_t run, const char *what,
                         const float *found, const float *expected, int64_t count) {
    double error = distance(found, expected, count, 1e-7);
    if (!(error <= step_limit))
        finding(t, "%s of %s, run %d of %d rows: differs from the CPU's by %.3g (limit %.3g)", what,
                mb_op_infos[op->kind].name, run, t->runs[run].rows[0], error, step_limit);
}

static void check_outputs(const twins *t, int32_t index, int32_t run, const array_state *cuda,
                          const array_state *cpu) {
    const mb_plan_op *op = &t->cuda.plan->ops[index];
    int32_t rows = t->runs[run].rows[0];
    const float *found = state_of_run(&t->cuda, cuda, ARENA, run);
    const float *expected = state_of_run(&t->cpu, cpu, ARENA, run);
    for (int32_t k = 0; k < op->output_count; k++) {
        char what[32];
        int64_t offset = op->outputs[k].offset;
        if (!is_wanted(t->cuda.plan, index, k))
            continue;
        snprintf(what, sizeof what, "output %d", k);
        check_tensor(t, op, run, what, found + offset, expected + offset,
                     mb_shape_elements(&op->outputs[k].shape, rows));
    }
    if (!is_update(op))
        return;
    const mb_parameter *parameter = &t->cuda.plan->parameters[op->params.update.parameter];
    for (int kind = PARAMETERS; kind <= SECOND_MOMENTS; kind++)
        check_tensor(t, op, run, kind_names[kind],
                     state_of_run(&t->cuda, cuda, (array_kind)kind, run) + parameter->offset,
                     state_of_run(&t->cpu, cpu, (array_kind)kind, run) + parameter->offset,
                     mb_shape_elements(&parameter->shape, 0));
}

// Executes one op on both devices, from the CPU's numbers.
static void check_step(twins *t, int32_t index) {
    const mb_plan_op *op = &t->cuda.plan->ops[index];
    array_state before, cuda, cpu;
    mb_plan *on_cuda = plan_of_op(t->cuda.plan, index);
    mb_plan *on_cpu = plan_of_op(t->cpu.plan, index);
    array_fetch(&t->cpu, &before);
    array_put(&t->cuda, &before);
    array_run_plan(&t->cuda, on_cuda, 0, 1);
    array_run_plan(&t->cpu, on_cpu, 0, 1);
    array_fetch(&t->cuda, &cuda);
    array_fetch(&t->cpu, &cpu);
    for (int32_t a = 0; a < RUNS; a++) {
        check_rest(t, op, a, &before, &cuda);
        check_outputs(t, index, a, &cuda, &cpu);
    }
    free(on_cuda);
    free(on_cpu);
    state_free(&before);
    state_free(&cuda);
    state_free(&cpu);
}

// Compares every op of a plan for gradients, and of a plan that trains only first layers and
// updates, since its other ops are the same.
static void check_steps(op_state *state, const op_case *c, const case_size *size, mb_plan_mode mode,
                        mb_dropout_mode dropout) {
    twins t;
    twins_open(&t, state, c, size, mode, dropout);
    bool wanted = dropout != MB_DROPOUT_STORED || t.cuda.info->mask_count > 0;
    for (int32_t i = 0; wanted && i < t.cuda.plan->op_count; i++) {
        const mb_plan_op *op = &t.cuda.plan->ops[i];
        if (mode == MB_PLAN_TRAIN && !is_update(op) && op->kind != MB_OP_SOURCE_LINEAR) {
            mb_plan *one = plan_of_op(t.cpu.plan, i);
            array_run_plan(&t.cpu, one, 0, 1);
            free(one);
            continue;
        }
        state->ran[op->kind] = true;
        check_step(&t, i);
    }
    twins_close(&t);
}

static void check_sizes(op_state *state, int first, int end) {
    for (int k = 0; k < CASE_COUNT; k++)
        for (int s = first; s < end; s++) {
            check_steps(state, &cases[k], &sizes[s], MB_PLAN_GRADIENTS, cases[k].dropout);
            check_steps(state, &cases[k], &sizes[s], MB_PLAN_TRAIN, cases[k].dropout);
        }
    expect_no_findings(state);
}

// Every op at small sizes: quick, also with tools that slow a GPU down.
static void test_small_steps(void **state) {
    check_sizes(*state, 0, 2);
}

static void test_steps(void **state) {
    check_sizes(*state, 2, SIZE_COUNT);
}

static void test_steps_with_stored_masks(void **state) {
    for (int k = 0; k < CASE_COUNT; k++)
        for (int s = 1; s < 3; s++)
            check_steps(*state, &cases[k], &sizes[s], MB_PLAN_GRADIENTS, MB_DROPOUT_STORED);
    expect_no_findings(*state);
}

// First layers of several pieces and CUDA blocks, with whole dropout groups and without, with as
// many rows as an update can begin the next step for, and with more.
static void test_steps_of_wide_features(void **state) {
    static const case_size wide[] = {
        {128, 3, 1, 5}, {640, 70, 1, 32}, {600, 36, 1, 31}, {256, 40, 1, 37}, {530, 9, 1, 65}};
    for (int k = 0; k < CASE_COUNT; k++)
        for (int s = 0; s < 5 && strcmp(cases[k].name, "dropout") == 0; s++)
            check_steps(*state, &cases[k], &wide[s], MB_PLAN_TRAIN, cases[k].dropout);
    expect_no_findings(*state);
}

// Every op must be tested: a new op needs a case in gradient_cases.h.
static void test_every_op_ran(void **state) {
    const op_state *s = *state;
    char missing[2048] = "";
    for (int op = 0; op < MB_OP_COUNT; op++)
        if (!s->ran[op]) {
            strncat(missing, " ", sizeof missing - strlen(missing) - 1);
            strncat(missing, mb_op_infos[op].name, sizeof missing - strlen(missing) - 1);
        }
    if (missing[0] != '\0')
        fail_msg("no case runs:%s", missing);
}

// ---- whole plans ------------------------------------------------------------------------------

typedef struct named_place {
    const char *name;
    mb_location place;
} named_place;

static double size_of_tensor(const float *values, int64_t count) {
    double norm = 0.0;
    for (int64_t i = 0; i < count; i++)
        norm += (double)values[i] * (double)values[i];
    return sqrt(norm / (double)(count > 0 ? count : 1));
}

static void check_place(const twins *t, int32_t run, const char *what, const array_state *cuda,
                        const array_state *cpu, int64_t offset, int64_t count, double floor) {
    const float *found = state_of_run(&t->cuda, cuda, ARENA, run) + offset;
    const float *expected = state_of_run(&t->cpu, cpu, ARENA, run) + offset;
    double error = distance(found, expected, count, floor);
    if (!(error <= plan_limit))
        finding(t, "%s, run %d of %d rows: differs from the CPU's by %.3g (limit %.3g)", what, run,
                t->runs[run].rows[0], error, plan_limit);
}

static void check_results(const twins *t, int32_t run, const array_state *cuda,
                          const array_state *cpu) {
    const mb_plan_info *info = t->cuda.info;
    const named_place places[] = {{"features", info->features},
                                  {"emos_out", info->emos_out},
                                  {"vals_out", info->vals_out},
                                  {"interloss", info->interloss},
                                  {"cross_entropy", info->cross_entropy},
                                  {"mean_squared_error", info->mean_squared_error},
                                  {"total", info->total}};
    int32_t rows = t->runs[run].rows[0];
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (places[i].place.offset >= 0)
            check_place(t, run, places[i].name, cuda, cpu, places[i].place.offset,
                        mb_shape_elements(&places[i].place.shape, rows), 1e-3);
}

// A gradient that ought to be zero is the rounding of sums of numbers as large as the others'.
static void check_gradients(const twins *t, int32_t run, const array_state *cuda,
                            const array_state *cpu) {
    const mb_plan_info *info = t->cuda.info;
    const float *expected = state_of_run(&t->cpu, cpu, ARENA, run);
    double largest = 0.0;
    for (int32_t p = 0; p < info->parameter_count; p++)
        if (info->parameters[p].gradient >= 0)
            largest =
                fmax(largest, size_of_tensor(expected + info->parameters[p].gradient,
                                             mb_shape_elements(&info->parameters[p].shape, 0)));
    for (int32_t p = 0; p < info->parameter_count; p++)
        if (info->parameters[p].gradient >= 0)
            check_place(t, run, info->parameters[p].name, cuda, cpu, info->parameters[p].gradient,
                        mb_shape_elements(&info->parameters[p].shape, 0), 0.02 * largest);
}

static void check_plan(op_state *state, const op_case *c, const case_size *size) {
    twins t;
    array_state cuda, cpu;
    twins_open(&t, state, c, size, MB_PLAN_GRADIENTS, c->dropout);
    array_run(&t.cuda, 0, 2);
    array_run(&t.cpu, 0, 2);
    array_fetch(&t.cuda, &cuda);
    array_fetch(&t.cpu, &cpu);
    for (int32_t a = 0; a < RUNS; a++) {
        if (t.runs[a].rows[0] == 0)
            continue;
        check_results(&t, a, &cuda, &cpu);
        check_gradients(&t, a, &cuda, &cpu);
    }
    state_free(&cuda);
    state_free(&cpu);
    twins_close(&t);
}

static void test_plans(void **state) {
    for (int k = 0; k < CASE_COUNT; k++)
        for (int s = 0; s < SIZE_COUNT; s++)
            check_plan(*state, &cases[k], &sizes[s]);
    expect_no_findings(*state);
}

int main(int argc, char **argv) {
    choose_tests(argc, argv);
    op_state state = {.cuda = cuda_open(), .cpu = portable_open()};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_small_steps, &state),
        cmocka_unit_test_prestate(test_steps, &state),
        cmocka_unit_test_prestate(test_steps_with_stored_masks, &state),
        cmocka_unit_test_prestate(test_steps_of_wide_features, &state),
        cmocka_unit_test_prestate(test_every_op_ran, &state),
        cmocka_unit_test_prestate(test_plans, &state),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    state.cuda->backend->close(state.cuda);
    state.cpu->backend->close(state.cpu);
    return failures;
}
