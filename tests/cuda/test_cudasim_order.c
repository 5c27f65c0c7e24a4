// No result depends on the order in which blocks and threads run: the program runs itself with
// every order of the simulator and compares digests. This finds missing barriers.
#include <unistd.h>

#include "../unit/gradient_cases.h"
#include "model_cases.h"

enum { RUNS = 3, STEPS = 2, OP_ROWS = 33, MANY_ROWS = 65, MOST_LINES = 256 };

// FNV-1a of everything that the device has written.
static uint64_t digest_of(const run_array *array) {
    uint64_t digest = 14695981039346656037u;
    array_state state;
    array_fetch(array, &state);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        const unsigned char *bytes = (const unsigned char *)state.values[kind];
        size_t count = (size_t)array->run_count * (size_t)array->floats[kind] * sizeof(float);
        for (size_t i = 0; i < count; i++)
            digest = (digest ^ bytes[i]) * 1099511628211u;
    }
    state_free(&state);
    return digest;
}

static void print_digest(mb_device *device, const model_case *c, mb_plan_mode mode,
                         mb_dropout_mode dropout, int32_t rows) {
    run_setting runs[RUNS];
    run_array array;
    sample_set set;
    case_samples_open(&set, c);
    for (int32_t a = 0; a < RUNS; a++) {
        runs[a] = setting_of(c, a);
        for (int32_t s = 0; s < STEPS; s++)
            runs[a].rows[s] = a == 0 ? rows : a == 1 ? 1 + s : rows - 1;
    }
    array_open(&array, device, c->model, &c->config, mode, dropout, rows, &set, runs, RUNS);
    array_run(&array, 0, STEPS);
    printf("%016llx %s\n", (unsigned long long)digest_of(&array), c->name);
    array_close(&array);
    samples_close(&set);
}

// Run by the child: prints a line for every model, and for every small model of an op.
static int print_digests(void) {
    mb_device *device = cuda_open();
    model_cases models;
    list_models(&models);
    for (int i = 0; i < models.count; i++)
        if (!SANITIZED || models.cases[i].first)
            print_digest(device, &models.cases[i], MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, MODEL_ROWS);
    for (int i = 0; i < models.count; i++) // enough rows for tensor cores
        if (models.cases[i].first && models.cases[i].config.feature_type == MB_UTT)
            print_digest(device, &models.cases[i], MB_PLAN_EVALUATE, MB_DROPOUT_OFF, MANY_ROWS);
    for (int k = 0; k < CASE_COUNT; k++) {
        mb_model model = {.name = cases[k].name,
                          .options = options,
                          .option_count = OPTION_COUNT,
                          .build = cases[k].build};
        model_case c = {.model = &model,
                        .config = {.feature_type = cases[k].type,
                                   .dims = {33, 0, 0},
                                   .steps = {4, 1, 1},
                                   .class_count = 4,
                                   .value_count = 1,
                                   .options = {35, 0.3, 37}}};
        snprintf(c.name, sizeof c.name, "%s", cases[k].name);
        print_digest(device, &c, MB_PLAN_GRADIENTS, cases[k].dropout, OP_ROWS);
    }
    device->backend->close(device);
    return 0;
}

typedef struct digests {
    int count;
    char lines[MOST_LINES][160];
} digests;

// The digests with an order, from a child process, because the simulator reads the variable only
// once.
static void read_digests(const char *order, digests *list) {
    char command[64];
    snprintf(command, sizeof command, "exec /proc/%d/exe digests", (int)getpid());
    setenv("CUDASIM_ORDER", order, 1);
    FILE *child = popen(command, "r");
    assert_non_null(child);
    list->count = 0;
    while (list->count < MOST_LINES &&
           fgets(list->lines[list->count], sizeof list->lines[0], child) != NULL)
        list->count++;
    if (pclose(child) != 0)
        fail_msg("order %s: the child failed", order);
    assert_true(list->count > CASE_COUNT && list->count < MOST_LINES);
}

static void test_order(void **state) {
    (void)state;
    static const char *const orders[] = {"shuffled:1", "reverse"};
    static digests forward, other;
    read_digests("forward", &forward);
    for (size_t i = 0; i < sizeof orders / sizeof *orders - SANITIZED; i++) {
        int differing = 0;
        read_digests(orders[i], &other);
        assert_int_equal(other.count, forward.count);
        for (int k = 0; k < other.count; k++)
            if (strcmp(other.lines[k], forward.lines[k]) != 0) {
                print_error("order %s differs: %s", orders[i], other.lines[k]);
                differing++;
            }
        assert_int_equal(differing, 0);
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "digests") == 0)
        return print_digests();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
