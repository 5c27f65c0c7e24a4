// Compares tallies of predictions, and copies of chosen rows, on the CUDA executor with those of
// the host.
#include "cuda_support.h"

#include "tally_launch.h"

enum { TALLY_RUNS = 7, UTTERANCES = 900, STRIDE = 5000 };

typedef struct tally_case {
    int32_t class_count, batch_size;
    bool has_values, has_auxiliary;
    enum {
        ORDINARY,
        SPOILED, // predictions that are not finite, labels that are missing
        EXTREME, // the largest and the smallest finite numbers
    } kind;
} tally_case;

typedef struct tally_data {
    mb_device *device;
    int32_t counts[TALLY_RUNS], indices[TALLY_RUNS * STRIDE], emotions[UTTERANCES];
    float valences[UTTERANCES], values[TALLY_RUNS * STRIDE];
    float logits[TALLY_RUNS * STRIDE * MB_TALLY_CLASSES];
    float auxiliary[TALLY_RUNS * STRIDE];
} tally_data;

static void *put(mb_device *device, const void *from, size_t bytes) {
    mb_error error = {.message = ""};
    void *memory = NULL;
    expect_ok(device->backend->allocate(device, bytes, &memory, &error), &error);
    expect_ok(device->backend->upload(device, memory, from, bytes, &error), &error);
    return memory;
}

static void spoil(tally_data *data, int32_t classes) {
    data->values[3] = INFINITY;
    data->values[4 * STRIDE + 300] = NAN;
    data->values[5 * STRIDE + 254] = -INFINITY; // the last of a run: its mean is infinite, not NaN
    data->indices[5 * STRIDE + 254] = 1;
    data->logits[7] = NAN;
    data->logits[STRIDE * classes * 4 + 3000] = -INFINITY;
}

static void fill(tally_data *data, const tally_case *c) {
    // A block takes 256 rows.
    static const int32_t counts[TALLY_RUNS] = {257, 0, 1, 256, 5000, 255, 33};
    static const float extremes[] = {3.4e38f, 1e-45f, -3.4e38f, 0.0f, 1.5f, -1e-38f, 1e-30f};
    int32_t classes = c->class_count;
    memcpy(data->counts, counts, sizeof counts);
    for (int32_t u = 0; u < UTTERANCES; u++) {
        bool missing = c->kind == SPOILED && u % 11 == 0;
        data->emotions[u] = missing || classes == 0 ? -1 : u * 7 % classes;
        data->valences[u] = missing ? NAN : (float)(u % 13) * 0.5f - 3.0f; // zeros among them
    }
    for (int32_t i = 0; i < TALLY_RUNS * STRIDE; i++) {
        data->indices[i] = i * 17 % UTTERANCES;
        data->values[i] = 2.0f * draw(1, (uint64_t)i);
        if (c->kind == EXTREME)
            data->values[i] = extremes[i * 5 % 7];
        data->auxiliary[i] = draw(2, (uint64_t)i);
        for (int32_t k = 0; k < classes; k++)
            data->logits[i * classes + k] = 3.0f * draw(3, (uint64_t)(i * classes + k));
        if (classes > 0 && i % 5 == 0) // ties go to the first
            data->logits[i * classes + 4] = data->logits[i * classes + 1];
    }
    data->values[2] = -0.0f;
    if (c->kind == SPOILED)
        spoil(data, classes);
}

// Compares bits, except that all NaN are equal.
static void check_moments(const mb_pair_moments *found, const mb_pair_moments *expected) {
    enum { COUNT = sizeof *found / sizeof(double) };
    double a[COUNT], b[COUNT];
    memcpy(a, found, sizeof *found);
    memcpy(b, expected, sizeof *expected);
    for (int i = 0; i < COUNT; i++)
        if (!(isnan(a[i]) && isnan(b[i])) && memcmp(&a[i], &b[i], sizeof a[i]) != 0)
            fail_msg("moment %d: found %a, the host's is %a", i, a[i], b[i]);
}

static void check(const tally_case *c, const mb_tally *found, const mb_tally *expected) {
    // Exponentials and logarithms may differ from those of the host.
    double limit = c->class_count > 0 ? 1e-12 * (1.0 + fabs(expected->loss)) : 0.0;
    bool same_loss = (isnan(found->loss) && isnan(expected->loss)) ||
                     found->loss == expected->loss || fabs(found->loss - expected->loss) <= limit;
    if (!same_loss)
        fail_msg("loss: found %.17g, the host's is %.17g", found->loss, expected->loss);
    assert_int_equal(found->broken, expected->broken);
    assert_memory_equal(&found->classes, &expected->classes, sizeof found->classes);
    assert_memory_equal(&found->sentiments, &expected->sentiments, sizeof found->sentiments);
    check_moments(&found->values, &expected->values);
}

static void tally_case_by_case(const tally_case *c) {
    static tally_data data;
    mb_tally found[TALLY_RUNS], expected;
    mb_error error = {.message = ""};
    mb_device *device = cuda_open();
    fill(&data, c);
    mb_tally_launch on_host = {
        .run_count = TALLY_RUNS,
        .emotions = data.emotions,
        .valences = data.valences,
        .counts = data.counts,
        .indices = data.indices,
        .index_stride = STRIDE,
        .batch_size = c->batch_size,
        .class_count = c->class_count,
        .logits = c->class_count > 0 ? data.logits : NULL,
        .values = c->has_values ? data.values : NULL,
        .auxiliary = c->has_auxiliary ? data.auxiliary : NULL,
        .auxiliary_stride = STRIDE,
    };
    mb_tally_launch launch = on_host;
    launch.emotions = put(device, data.emotions, sizeof data.emotions);
    launch.valences = put(device, data.valences, sizeof data.valences);
    launch.counts = put(device, data.counts, sizeof data.counts);
    launch.indices = put(device, data.indices, sizeof data.indices);
    launch.logits = on_host.logits ? put(device, data.logits, sizeof data.logits) : NULL;
    launch.values = on_host.values ? put(device, data.values, sizeof data.values) : NULL;
    launch.auxiliary =
        on_host.auxiliary ? put(device, data.auxiliary, sizeof data.auxiliary) : NULL;
    memset(found, 0xA5, sizeof found);
    launch.tallies = put(device, found, sizeof found);
    expect_ok(device->backend->executor->tally(device, &launch, &error), &error);
    expect_ok(device->backend->download(device, found, launch.tallies, sizeof found, &error),
              &error);
    for (int32_t a = 0; a < TALLY_RUNS; a++) {
        mb_tally_rows rows = mb_tally_rows_of(&on_host, a);
        mb_tally_make(&rows, &expected);
        check(c, &found[a], &expected);
    }
    const void *memory[] = {launch.emotions, launch.valences, launch.counts,    launch.indices,
                            launch.logits,   launch.values,   launch.auxiliary, launch.tallies};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        if (memory[i] != NULL)
            device->backend->release(device, (void *)memory[i]);
    device->backend->close(device);
}

static void test_tallies(void **state) {
    (void)state;
    static const tally_case cases[] = {
        {6, 32, true, false, ORDINARY},  {6, 32, true, true, SPOILED},
        {6, 100, false, true, ORDINARY}, {MB_TALLY_CLASSES, 32, false, false, SPOILED},
        {0, 32, true, false, ORDINARY},  {0, 33, true, true, SPOILED},
        {0, 7, true, true, ORDINARY},    {0, 1, true, true, EXTREME},
        {0, 6000, true, true, EXTREME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        tally_case_by_case(&cases[i]);
}

static void test_copies_chosen_rows(void **state) {
    (void)state;
    enum { RUNS = 3, FLOATS = 70001, FROM_STRIDE = 70010, TO_STRIDE = 70004 };
    static float from[RUNS * FROM_STRIDE], to[RUNS * TO_STRIDE], found[RUNS * TO_STRIDE];
    const int32_t chosen[RUNS] = {1, 0, 1};
    mb_error error = {.message = ""};
    mb_device *device = cuda_open();
    for (int32_t i = 0; i < RUNS * FROM_STRIDE; i++)
        from[i] = (float)i;
    for (int32_t i = 0; i < RUNS * TO_STRIDE; i++)
        to[i] = -1.0f;
    mb_row_copy copy = {.run_count = RUNS,
                        .chosen = put(device, chosen, sizeof chosen),
                        .to = put(device, to, sizeof to),
                        .from = put(device, from, sizeof from),
                        .to_stride = TO_STRIDE,
                        .from_stride = FROM_STRIDE,
                        .floats = FLOATS};
    expect_ok(device->backend->executor->copy_rows(device, &copy, &error), &error);
    expect_ok(device->backend->download(device, found, copy.to, sizeof found, &error), &error);
    for (int32_t a = 0; a < RUNS; a++)
        for (int32_t i = 0; i < TO_STRIDE; i++) {
            float expected = chosen[a] && i < FLOATS ? from[a * FROM_STRIDE + i] : -1.0f;
            assert_true(found[a * TO_STRIDE + i] == expected);
        }
    device->backend->release(device, (void *)copy.chosen);
    device->backend->release(device, copy.to);
    device->backend->release(device, (void *)copy.from);
    device->backend->close(device);
}

int main(int argc, char **argv) {
    choose_tests(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tallies),
        cmocka_unit_test(test_copies_chosen_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
