// The cache of datasets, on a device with its own memory.
#include "separate_support.h"

#include <string.h>

#include "merbench/device_cache.h"
#include "merbench/terms.h"
#include "parity/parity.h"

enum { UTTERANCES = 10, DIMENSION = 5 };

typedef struct host {
    float values[2][UTTERANCES * DIMENSION], valences[UTTERANCES];
    int64_t offsets[UTTERANCES + 1];
    int32_t emotions[UTTERANCES];
    mb_dataset dataset;
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
    h->dataset = (mb_dataset){.utterance_count = UTTERANCES,
                              .stream_count = 3,
                              .emotions = h->emotions,
                              .valences = h->valences};
    h->dataset.streams[MB_AUDIO].dimension = h->dataset.streams[MB_TEXT].dimension = DIMENSION;
    h->dataset.streams[MB_AUDIO].values = h->values[0];
    h->dataset.streams[MB_TEXT].values = h->values[1];
    h->dataset.streams[MB_TEXT].offsets = h->offsets;
}

static mb_device_cache opened; // one at a time

static mb_device_cache *cache_open(size_t limit) {
    opened = (mb_device_cache){.device = separate_open(limit)};
    return &opened;
}

static void cache_close(mb_device_cache *cache) {
    mb_cache_release(cache);
    separate_close(cache->device);
}

static mb_cached_dataset open_dataset(mb_device_cache *cache, const mb_dataset *dataset) {
    mb_cached_dataset cached;
    mb_error error = {.message = ""};
    if (mb_cached_dataset_open(cache, dataset, &cached, &error) != MB_OK)
        fail_msg("%s", error.message);
    return cached;
}

static void test_copies(void **state) {
    (void)state;
    host h;
    host_fill(&h);
    mb_device_cache *cache = cache_open(1 << 20);
    mb_cached_dataset cached = open_dataset(cache, &h.dataset);
    const mb_dataset *there = &cached.dataset;
    assert_int_equal(separate.uploads, 5);
    assert_ptr_not_equal(there->emotions, h.emotions);
    assert_memory_equal(there->emotions, h.emotions, sizeof h.emotions);
    assert_memory_equal(there->valences, h.valences, sizeof h.valences);
    assert_memory_equal(there->streams[MB_AUDIO].values, h.values[0], sizeof h.values[0]);
    assert_null(there->streams[MB_AUDIO].offsets);
    assert_memory_equal(there->streams[MB_TEXT].offsets, h.offsets, sizeof h.offsets);
    assert_memory_equal(there->streams[MB_TEXT].values, h.values[1],
                        (size_t)h.offsets[UTTERANCES] * DIMENSION * sizeof(float));
    assert_int_equal(there->streams[MB_VIDEO].dimension, 0);
    assert_null(there->streams[MB_VIDEO].values);
    mb_cached_dataset_close(&cached);
    separate_close(cache->device); // without mb_cache_keep nothing is kept
}

static void test_shared_memory_is_left_alone(void **state) {
    (void)state;
    host h;
    mb_device_cache cpu = {.device = NULL};
    host_fill(&h);
    assert_int_equal(mb_cpu_open(NULL, &cpu.device, NULL), MB_OK);
    mb_cached_dataset cached = open_dataset(&cpu, &h.dataset);
    assert_memory_equal(&cached.dataset, &h.dataset, sizeof h.dataset);
    mb_cached_dataset_close(&cached);
    mb_cache_release(&cpu);
    cpu.device->backend->close(cpu.device);
}

// An array is uploaded once, however many datasets contain it, and whether they are in use or not.
static void test_kept(void **state) {
    (void)state;
    host h;
    host_fill(&h);
    mb_dataset audio_only = h.dataset;
    audio_only.streams[MB_TEXT].dimension = 0;
    mb_device_cache *cache = cache_open(1 << 20);
    assert_int_equal(mb_cache_keep(cache, NULL), MB_OK);
    mb_cached_dataset one = open_dataset(cache, &audio_only);
    assert_int_equal(separate.uploads, 3);
    mb_cached_dataset two = open_dataset(cache, &h.dataset);
    assert_int_equal(separate.uploads, 5);
    assert_ptr_equal(one.dataset.streams[MB_AUDIO].values, two.dataset.streams[MB_AUDIO].values);
    mb_cached_dataset_close(&one);
    assert_true(separate_owns(two.dataset.streams[MB_AUDIO].values));
    mb_cached_dataset_close(&two);
    one = open_dataset(cache, &h.dataset);
    assert_int_equal(separate.uploads, 5);
    mb_cached_dataset_close(&one);
    assert_true(separate.used > 0);
    mb_cache_trim(cache);
    assert_int_equal(separate.used, 0);
    one = open_dataset(cache, &audio_only);
    assert_int_equal(separate.uploads, 8);
    mb_cached_dataset_close(&one);
    cache_close(cache);
}

// Opens and closes a dataset with a single array of `bytes` at `memory`.
static void touch(mb_device_cache *cache, const void *memory) {
    mb_dataset dataset = {.utterance_count = UTTERANCES, .stream_count = 3, .emotions = memory};
    mb_cached_dataset cached = open_dataset(cache, &dataset);
    mb_cached_dataset_close(&cached);
}

// Only unused copies are freed: the least recently used first, and no more than necessary.
static void test_room_is_made(void **state) {
    (void)state;
    enum { BYTES = UTTERANCES * sizeof(int32_t) };
    static const int32_t corpora[4][UTTERANCES];
    mb_device_cache *cache = cache_open(4 * BYTES);
    mb_error error = {.message = ""};
    void *memory = NULL;
    assert_int_equal(mb_cache_keep(cache, &error), MB_OK);
    for (int i = 0; i < 4; i++)
        touch(cache, corpora[i]);
    touch(cache, corpora[0]); // now 1 is the least recently used
    mb_dataset second = {.utterance_count = UTTERANCES, .stream_count = 3, .emotions = corpora[2]};
    mb_cached_dataset used = open_dataset(cache, &second);
    assert_int_equal(separate.uploads, 4);
    assert_int_equal(mb_cache_allocate(cache, BYTES, &memory, &error), MB_OK); // frees 1
    separate_release(cache->device, memory);
    touch(cache, corpora[0]);
    touch(cache, corpora[3]);
    assert_int_equal(separate.uploads, 4);
    touch(cache, corpora[1]);
    assert_int_equal(separate.uploads, 5);
    // All are freed but the one in use.
    assert_int_equal(mb_cache_allocate(cache, 3 * BYTES, &memory, &error), MB_OK);
    assert_int_equal(separate.used, 4 * BYTES);
    assert_true(separate_owns(used.dataset.emotions));
    void *more = memory;
    assert_int_equal(mb_cache_allocate(cache, BYTES, &more, &error), MB_FAILED);
    assert_null(more);
    assert_true(error.out_of_memory);
    assert_non_null(strstr(error.message, "memory of the device"));
    separate_release(cache->device, memory);
    mb_cached_dataset_close(&used);
    cache_close(cache);
}

// Copies that a dataset already has are not freed for the rest of it.
static void test_own_arrays_stay(void **state) {
    (void)state;
    enum { BYTES = UTTERANCES * sizeof(int32_t) };
    static const int32_t labels[2][UTTERANCES];
    static const float values[UTTERANCES];
    mb_device_cache *cache = cache_open(2 * BYTES);
    mb_error error = {.message = ""};
    mb_dataset both = {.utterance_count = UTTERANCES, .stream_count = 3, .emotions = labels[0]};
    both.streams[MB_AUDIO].dimension = 1;
    both.streams[MB_AUDIO].values = values;
    assert_int_equal(mb_cache_keep(cache, &error), MB_OK);
    touch(cache, labels[0]);
    touch(cache, labels[1]);
    mb_cached_dataset cached = open_dataset(cache, &both);
    assert_int_equal(separate.uploads, 3); // one upload more
    assert_int_equal(separate.used, 2 * BYTES);
    mb_cached_dataset_close(&cached);
    cache_close(cache);
}

// A dataset that does not fit leaves no copies behind.
static void test_too_large(void **state) {
    (void)state;
    host h;
    host_fill(&h);
    for (int kept = 0; kept < 2; kept++) {
        mb_cached_dataset cached;
        mb_error error = {.message = ""};
        mb_device_cache *cache = cache_open(sizeof h.values[0] + sizeof h.offsets);
        if (kept)
            assert_int_equal(mb_cache_keep(cache, &error), MB_OK);
        assert_int_equal(mb_cached_dataset_open(cache, &h.dataset, &cached, &error), MB_FAILED);
        assert_true(error.out_of_memory);
        mb_cached_dataset_close(&cached);
        cache_close(cache);
    }
}

// Parity gives no host pointers to such a device.
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
        mb_device *device = separate_open((size_t)1 << 30);
        if (mb_parity_file(device, files[f], &report, &error) != MB_OK)
            fail_msg("%s: %s %s", files[f], error.message, report.finding);
        assert_true(separate.runs > 0);
        separate_close(device);
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
