// Corpora in the memory of a device that has its own.
#include "apart_support.h"

#include <string.h>

#include "merbench/resident.h"
#include "parity/parity.h"

enum { UTTERANCES = 10, DIMENSION = 5 };

typedef struct host {
    float values[2][UTTERANCES * DIMENSION], valences[UTTERANCES];
    int64_t offsets[UTTERANCES + 1];
    int32_t emotions[UTTERANCES];
    mb_resident dataset;
} host;

// Utterance vectors of audio, and ragged frames of text: 0, 1, 0, 1 ...
static void host_fill(host *h) {
    *h = (host){.emotions = {3}};
    for (int i = 0; i < UTTERANCES; i++) {
        h->offsets[i + 1] = h->offsets[i] + i % 2;
        h->emotions[i] = i;
        h->valences[i] = (float)-i;
    }
    for (int i = 0; i < UTTERANCES * DIMENSION; i++)
        h->values[0][i] = h->values[1][i] = (float)i;
    h->dataset = (mb_resident){.emotions = h->emotions, .valences = h->valences};
    h->dataset.modalities[MB_AUDIO].dimension = h->dataset.modalities[MB_TEXT].dimension =
        DIMENSION;
    h->dataset.modalities[MB_AUDIO].values = h->values[0];
    h->dataset.modalities[MB_TEXT].values = h->values[1];
    h->dataset.modalities[MB_TEXT].offsets = h->offsets;
}

static mb_residence residence_of(mb_device *device, const mb_resident *dataset) {
    mb_residence residence;
    mb_error error = {.message = ""};
    if (mb_residence_open(device, dataset, UTTERANCES, &residence, &error) != MB_OK)
        fail_msg("%s", error.message);
    return residence;
}

static void test_copies(void **state) {
    (void)state;
    host h;
    host_fill(&h);
    mb_device *device = apart_open(1 << 20);
    mb_residence residence = residence_of(device, &h.dataset);
    const mb_resident *there = &residence.dataset;
    assert_int_equal(apart.uploads, 5);
    assert_ptr_not_equal(there->emotions, h.emotions);
    assert_memory_equal(there->emotions, h.emotions, sizeof h.emotions);
    assert_memory_equal(there->valences, h.valences, sizeof h.valences);
    assert_memory_equal(there->modalities[MB_AUDIO].values, h.values[0], sizeof h.values[0]);
    assert_null(there->modalities[MB_AUDIO].offsets);
    assert_memory_equal(there->modalities[MB_TEXT].offsets, h.offsets, sizeof h.offsets);
    assert_memory_equal(there->modalities[MB_TEXT].values, h.values[1],
                        (size_t)h.offsets[UTTERANCES] * DIMENSION * sizeof(float));
    assert_int_equal(there->modalities[MB_VIDEO].dimension, 0);
    assert_null(there->modalities[MB_VIDEO].values);
    mb_residence_close(&residence);
    apart_close(device); // nothing is kept without being asked for
}

static void test_shared_memory_is_left_alone(void **state) {
    (void)state;
    host h;
    mb_device *device = NULL;
    host_fill(&h);
    assert_int_equal(mb_cpu_open(NULL, &device, NULL), MB_OK);
    mb_residence residence = residence_of(device, &h.dataset);
    assert_memory_equal(&residence.dataset, &h.dataset, sizeof h.dataset);
    mb_residence_close(&residence);
    mb_residents_release(device);
    device->backend->close(device);
}

// An array is uploaded once, whatever datasets it is part of, in use or not.
static void test_kept(void **state) {
    (void)state;
    host h;
    host_fill(&h);
    mb_resident audio_only = h.dataset;
    audio_only.modalities[MB_TEXT].dimension = 0;
    mb_device *device = apart_open(1 << 20);
    assert_int_equal(mb_residents_keep(device, NULL), MB_OK);
    mb_residence one = residence_of(device, &audio_only);
    assert_int_equal(apart.uploads, 3);
    mb_residence two = residence_of(device, &h.dataset);
    assert_int_equal(apart.uploads, 5);
    assert_ptr_equal(one.dataset.modalities[MB_AUDIO].values,
                     two.dataset.modalities[MB_AUDIO].values);
    mb_residence_close(&one);
    assert_true(apart_owns(two.dataset.modalities[MB_AUDIO].values));
    mb_residence_close(&two);
    one = residence_of(device, &h.dataset);
    assert_int_equal(apart.uploads, 5);
    mb_residence_close(&one);
    assert_true(apart.used > 0);
    mb_residents_trim(device);
    assert_int_equal(apart.used, 0);
    one = residence_of(device, &audio_only);
    assert_int_equal(apart.uploads, 8);
    mb_residence_close(&one);
    mb_residents_release(device);
    apart_close(device);
}

// Opens and closes a dataset of a single array of `bytes` at `memory`.
static void touch(mb_device *device, const void *memory) {
    mb_resident dataset = {.emotions = memory};
    mb_residence residence = residence_of(device, &dataset);
    mb_residence_close(&residence);
}

// What makes room is what nobody uses, the longest unused first, and no more than is needed.
static void test_room_is_made(void **state) {
    (void)state;
    enum { BYTES = UTTERANCES * sizeof(int32_t) };
    static const int32_t corpora[4][UTTERANCES];
    mb_device *device = apart_open(4 * BYTES);
    mb_error error = {.message = ""};
    void *memory = NULL;
    assert_int_equal(mb_residents_keep(device, &error), MB_OK);
    for (int i = 0; i < 4; i++)
        touch(device, corpora[i]);
    touch(device, corpora[0]); // now 1 is the longest unused
    mb_resident second = {.emotions = corpora[2]};
    mb_residence used = residence_of(device, &second);
    assert_int_equal(apart.uploads, 4);
    assert_int_equal(mb_device_allocate(device, BYTES, &memory, &error), MB_OK); // 1 goes
    apart_release(device, memory);
    touch(device, corpora[0]);
    touch(device, corpora[3]);
    assert_int_equal(apart.uploads, 4);
    touch(device, corpora[1]);
    assert_int_equal(apart.uploads, 5);
    // All but the one in use go; it stays.
    assert_int_equal(mb_device_allocate(device, 3 * BYTES, &memory, &error), MB_OK);
    assert_int_equal(apart.used, 4 * BYTES);
    assert_true(apart_owns(used.dataset.emotions));
    void *more = memory;
    assert_int_equal(mb_device_allocate(device, BYTES, &more, &error), MB_FAILED);
    assert_null(more);
    assert_true(error.out_of_memory);
    assert_non_null(strstr(error.message, "memory of the device"));
    apart_release(device, memory);
    mb_residence_close(&used);
    mb_residents_release(device);
    apart_close(device);
}

// What a dataset has there already does not make room for the rest of it.
static void test_own_arrays_stay(void **state) {
    (void)state;
    enum { BYTES = UTTERANCES * sizeof(int32_t) };
    static const int32_t labels[2][UTTERANCES];
    static const float values[UTTERANCES];
    mb_device *device = apart_open(2 * BYTES);
    mb_error error = {.message = ""};
    mb_resident both = {.emotions = labels[0]};
    both.modalities[MB_AUDIO].dimension = 1;
    both.modalities[MB_AUDIO].values = values;
    assert_int_equal(mb_residents_keep(device, &error), MB_OK);
    touch(device, labels[0]);
    touch(device, labels[1]);
    mb_residence residence = residence_of(device, &both);
    assert_int_equal(apart.uploads, 3); // one more
    assert_int_equal(apart.used, 2 * BYTES);
    mb_residence_close(&residence);
    mb_residents_release(device);
    apart_close(device);
}

// A dataset that does not fit leaves nothing behind.
static void test_too_large(void **state) {
    (void)state;
    host h;
    host_fill(&h);
    for (int kept = 0; kept < 2; kept++) {
        mb_residence residence;
        mb_error error = {.message = ""};
        mb_device *device = apart_open(sizeof h.values[0] + sizeof h.offsets);
        if (kept)
            assert_int_equal(mb_residents_keep(device, &error), MB_OK);
        assert_int_equal(mb_residence_open(device, &h.dataset, UTTERANCES, &residence, &error),
                         MB_FAILED);
        assert_true(error.out_of_memory);
        mb_residence_close(&residence);
        mb_residents_release(device);
        apart_close(device);
    }
}

// Parity reads nothing of the host's memory on such a device.
static void test_parity(void **state) {
    (void)state;
    static const char *const files[] = {
        MB_FIXTURES "/attention/small.h5",
        MB_FIXTURES "/attention/frames.h5",
        MB_FIXTURES "/mfm/dropout.h5",
        MB_FIXTURES "/trainloop/attention_mer2023.h5",
    };
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        mb_parity_report report;
        mb_error error = {.message = ""};
        mb_device *device = apart_open((size_t)1 << 30);
        if (mb_parity_file(device, files[f], &report, &error) != MB_OK)
            fail_msg("%s: %s %s", files[f], error.message, report.finding);
        assert_true(apart.runs > 0);
        apart_close(device);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_shared_memory_is_left_alone),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_room_is_made),
        cmocka_unit_test(test_own_arrays_stay),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_parity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
