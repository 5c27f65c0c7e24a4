// Prefetching: a thread uploads the next dataset while the current one is in use.
#include "separate_support.h"

#include <stdatomic.h>
#include <time.h>

#include "merbench/terms.h"
#include "train/cached_arrays.h"

enum { UTTERANCES = 16, DIMENSION = 4, ARRAYS = 3, DATASETS = 4 };

// Datasets of audio vectors and labels, which share no arrays.
typedef struct host {
    float values[UTTERANCES * DIMENSION], valences[UTTERANCES];
    int32_t emotions[UTTERANCES];
    mb_dataset dataset;
} host;

enum { BYTES = sizeof(float) * UTTERANCES * (DIMENSION + 2) }; // of a dataset

static host hosts[DATASETS];

static int set_up(void **state) {
    (void)state;
    for (int h = 0; h < DATASETS; h++) {
        for (int i = 0; i < UTTERANCES * DIMENSION; i++)
            hosts[h].values[i] = (float)(1000 * h + i);
        for (int i = 0; i < UTTERANCES; i++) {
            hosts[h].emotions[i] = 10 * h + i;
            hosts[h].valences[i] = (float)-i - (float)h;
        }
        hosts[h].dataset = (mb_dataset){.utterance_count = UTTERANCES,
                                        .stream_count = 3,
                                        .emotions = hosts[h].emotions,
                                        .valences = hosts[h].valences};
        hosts[h].dataset.streams[MB_AUDIO].dimension = DIMENSION;
        hosts[h].dataset.streams[MB_AUDIO].values = hosts[h].values;
    }
    return 0;
}

static mb_device_cache kept; // one at a time

static mb_device_cache *open_keeping(size_t limit) {
    mb_device_cache *cache = &kept;
    *cache = (mb_device_cache){.device = separate_open(limit)};
    mb_error error = {.message = ""};
    assert_int_equal(mb_cache_keep(cache, &error), MB_OK);
    return cache;
}

// Opens a dataset and checks its contents on the device.
static mb_cached_dataset use(mb_device_cache *cache, int h) {
    mb_cached_dataset cached;
    mb_error error = {.message = ""};
    if (mb_cached_dataset_open(cache, &hosts[h].dataset, &cached, &error) != MB_OK)
        fail_msg("%s", error.message);
    const mb_dataset *there = &cached.dataset;
    assert_true(separate_owns(there->emotions));
    assert_memory_equal(there->streams[MB_AUDIO].values, hosts[h].values, sizeof hosts[h].values);
    assert_memory_equal(there->emotions, hosts[h].emotions, sizeof hosts[h].emotions);
    assert_memory_equal(there->valences, hosts[h].valences, sizeof hosts[h].valences);
    return cached;
}

static void touch(mb_device_cache *cache, int h) {
    mb_cached_dataset cached = use(cache, h);
    mb_cached_dataset_close(&cached);
}

static void close_keeping(mb_device_cache *cache) {
    mb_cache_release(cache);
    separate_close(cache->device);
}

static void pause_for(long milliseconds) {
    struct timespec time = {.tv_nsec = milliseconds * 1000000};
    nanosleep(&time, NULL);
}

static void wait_for_concurrent_uploads(int count) {
    for (int i = 0; i < 30000 && separate_concurrent_uploads() < count; i++)
        pause_for(1);
    assert_true(separate_concurrent_uploads() >= count);
}

// ---- what the thread does, called here --------------------------------------------------------

static void fetch(mb_device_cache *cache, int h) {
    static const atomic_bool never = false;
    mb_cache_fetch(cache, &hosts[h].dataset, &never);
}

static void test_fetched_is_not_uploaded_again(void **state) {
    (void)state;
    mb_device_cache *cache = open_keeping(1 << 20);
    fetch(cache, 0);
    fetch(cache, 0);
    assert_int_equal(separate.concurrent_uploads, ARRAYS);
    touch(cache, 0);
    assert_int_equal(separate.uploads, 0);
    touch(cache, 1);
    fetch(cache, 1); // already on the device
    assert_int_equal(separate.concurrent_uploads, ARRAYS);
    assert_int_equal(separate.uploads, ARRAYS);
    close_keeping(cache);
}

// Copies in use are not freed, and unused ones are not freed if that would not help.
static void test_no_room(void **state) {
    (void)state;
    const size_t full = 2 * BYTES; // no memory that could stay free
    mb_device_cache *cache = open_keeping(full);
    mb_cached_dataset used = use(cache, 0);
    fetch(cache, 1);
    assert_int_equal(separate.concurrent_uploads, 0);
    assert_int_equal(separate.refusals, 0);
    assert_int_equal(separate.used, BYTES);
    touch(cache, 1);
    fetch(cache, 2); // it would fit instead of 1, but would leave nothing free
    assert_int_equal(separate.concurrent_uploads, 0);
    assert_int_equal(separate.used, full);
    int uploads = separate.uploads;
    touch(cache, 1);
    assert_int_equal(separate.uploads, uploads);
    mb_cached_dataset_close(&used);
    close_keeping(cache);
}

// The least recently used copies are freed, and no more than necessary.
static void test_room_is_made(void **state) {
    (void)state;
    mb_device_cache *cache = open_keeping(3 * BYTES + BYTES / 2);
    mb_cached_dataset used = use(cache, 0);
    touch(cache, 1);
    touch(cache, 2);
    fetch(cache, 3);
    assert_int_equal(separate.concurrent_uploads, ARRAYS);
    assert_int_equal(separate.refusals, 0);
    int uploads = separate.uploads;
    touch(cache, 3);
    touch(cache, 2);
    assert_int_equal(separate.uploads, uploads);
    touch(cache, 1);
    assert_true(separate.uploads > uploads);
    assert_true(separate_owns(used.dataset.emotions));
    mb_cached_dataset_close(&used);
    close_keeping(cache);
}

static mb_status fail_third(mb_error *error) {
    static int calls;
    return ++calls == 3 ? mb_fail(error, MB_FAILED, "the device is gone") : MB_OK;
}

// A failure is not reported; arrays uploaded before it are kept, and none is left incomplete.
static void test_failure(void **state) {
    (void)state;
    mb_device_cache *cache = open_keeping(1 << 20);
    separate.before_upload = fail_third;
    fetch(cache, 0);
    assert_int_equal(separate.concurrent_uploads, 2);
    assert_true(separate.used < BYTES);
    touch(cache, 0);
    assert_int_equal(separate.uploads, 1);
    close_keeping(cache);
}

static void test_cancelled(void **state) {
    (void)state;
    const atomic_bool now = true;
    mb_device_cache *cache = open_keeping(1 << 20);
    mb_cache_fetch(cache, &hosts[0].dataset, &now);
    assert_int_equal(separate.concurrent_uploads, 0);
    assert_int_equal(separate.used, 0);
    close_keeping(cache);
}

// ---- the thread ---------------------------------------------------------------------------------

static void begin_prefetch(mb_device_cache *cache, int h) {
    mb_cache_expect(cache, &hosts[h].dataset);
    mb_cache_prefetch(cache);
}

static atomic_int entered; // number of uploads that have begun

static mb_status upload_slowly(mb_error *error) {
    (void)error;
    atomic_fetch_add(&entered, 1);
    pause_for(100);
    return MB_OK;
}

static mb_device_cache *open_slowly(size_t limit) {
    mb_device_cache *cache = open_keeping(limit);
    atomic_store(&entered, 0);
    separate.before_upload = upload_slowly;
    return cache;
}

static void wait_until_entered(void) {
    for (int i = 0; i < 30000 && atomic_load(&entered) == 0; i++)
        pause_for(1);
    assert_true(atomic_load(&entered) > 0);
}

// The expected dataset is uploaded only after mb_cache_prefetch, and once.
static void test_brings_what_is_expected(void **state) {
    (void)state;
    mb_device_cache *cache = open_keeping(1 << 20);
    mb_cached_dataset used = use(cache, 0);
    mb_cache_expect(cache, &hosts[2].dataset);
    mb_cache_expect(cache, &hosts[1].dataset);
    pause_for(5);
    assert_int_equal(separate_concurrent_uploads(), 0);
    mb_cache_prefetch(cache);
    wait_for_concurrent_uploads(ARRAYS);
    mb_cached_dataset_close(&used);
    touch(cache, 1);
    mb_cache_prefetch(cache); // no dataset is expected now
    pause_for(5);
    assert_int_equal(separate_concurrent_uploads(), ARRAYS);
    assert_int_equal(separate.uploads, ARRAYS); // of the first dataset
    close_keeping(cache);
}

// Opening a dataset that is being uploaded waits for it.
static void test_opened_on_its_way(void **state) {
    (void)state;
    mb_device_cache *cache = open_slowly(1 << 20);
    begin_prefetch(cache, 1);
    wait_until_entered();
    touch(cache, 1);
    assert_int_equal(separate_concurrent_uploads(), ARRAYS);
    assert_int_equal(separate.uploads, 0);
    close_keeping(cache);
}

// An upload is given up when another dataset or memory is needed, and at the end.
static void test_gives_way(void **state) {
    (void)state;
    mb_device_cache *cache = open_slowly(1 << 20);
    begin_prefetch(cache, 1);
    wait_until_entered();
    touch(cache, 0);
    assert_true(separate_concurrent_uploads() < ARRAYS);
    assert_int_equal(separate.uploads, ARRAYS);
    close_keeping(cache);

    cache = open_slowly(2 * BYTES);
    mb_error error = {.message = ""};
    void *memory = NULL;
    begin_prefetch(cache, 1);
    wait_until_entered();
    assert_int_equal(mb_cache_allocate(cache, 2 * BYTES, &memory, &error), MB_OK);
    assert_true(separate_concurrent_uploads() < ARRAYS);
    separate_release(cache->device, memory);
    close_keeping(cache);

    cache = open_slowly(1 << 20);
    begin_prefetch(cache, 1);
    wait_until_entered();
    close_keeping(cache);
    assert_true(separate.concurrent_uploads < ARRAYS);
}

// Datasets in use always have the right contents, and the end frees everything.
static void test_many_times(void **state) {
    (void)state;
    unsigned random = 7;
    mb_device_cache *cache = open_keeping(2 * BYTES + BYTES / 4 * 3);
    mb_error error = {.message = ""};
    for (int i = 0; i < 2000; i++) {
        void *memory = NULL;
        random = random * 1664525u + 1013904223u;
        int now = (int)(random >> 28) % DATASETS, next = (int)(random >> 24) % DATASETS;
        mb_cached_dataset used = use(cache, now);
        assert_int_equal(mb_cache_allocate(cache, BYTES / 2, &memory, &error), MB_OK);
        begin_prefetch(cache, next);
        if (i % 8 == 0)
            pause_for(1);
        separate_release(cache->device, memory);
        mb_cached_dataset_close(&used);
        if (i % 5 == 0)
            mb_cache_trim(cache);
    }
    assert_true(separate_concurrent_uploads() > 0);
    assert_true(separate.refusals > 0); // memory was short
    close_keeping(cache);
}

static void test_without_keeping(void **state) {
    (void)state;
    mb_device_cache here = {.device = separate_open(1 << 20)}, *cache = &here;
    begin_prefetch(cache, 0);
    mb_cache_trim(cache);
    assert_int_equal(separate.concurrent_uploads, 0);
    separate_close(cache->device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetched_is_not_uploaded_again),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_room_is_made),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_brings_what_is_expected),
        cmocka_unit_test(test_opened_on_its_way),
        cmocka_unit_test(test_gives_way),
        cmocka_unit_test(test_many_times),
        cmocka_unit_test(test_without_keeping),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
