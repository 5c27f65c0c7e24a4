// The thread that brings the next dataset to a device while the one at hand is in use.
#include "apart_support.h"

#include <stdatomic.h>
#include <time.h>

#include "merbench/terms.h"
#include "train/cached_arrays.h"

enum { UTTERANCES = 16, DIMENSION = 4, ARRAYS = 3, DATASETS = 4 };

// Vectors of audio and labels; no array is shared.
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
    *cache = (mb_device_cache){.device = apart_open(limit)};
    mb_error error = {.message = ""};
    assert_int_equal(mb_cache_keep(cache, &error), MB_OK);
    return cache;
}

// In use, with the right contents.
static mb_cached_dataset use(mb_device_cache *cache, int h) {
    mb_cached_dataset cached;
    mb_error error = {.message = ""};
    if (mb_cached_dataset_open(cache, &hosts[h].dataset, &cached, &error) != MB_OK)
        fail_msg("%s", error.message);
    const mb_dataset *there = &cached.dataset;
    assert_true(apart_owns(there->emotions));
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
    apart_close(cache->device);
}

static void pause_for(long milliseconds) {
    struct timespec time = {.tv_nsec = milliseconds * 1000000};
    nanosleep(&time, NULL);
}

static void wait_until_beside(int count) {
    for (int i = 0; i < 30000 && apart_beside() < count; i++)
        pause_for(1);
    assert_true(apart_beside() >= count);
}

// ---- what the thread does, in this one ----------------------------------------------------------

static void fetch(mb_device_cache *cache, int h) {
    static const atomic_bool never = false;
    mb_cache_fetch(cache, &hosts[h].dataset, &never);
}

static void test_fetched_is_not_uploaded_again(void **state) {
    (void)state;
    mb_device_cache *cache = open_keeping(1 << 20);
    fetch(cache, 0);
    fetch(cache, 0);
    assert_int_equal(apart.beside, ARRAYS);
    touch(cache, 0);
    assert_int_equal(apart.uploads, 0);
    touch(cache, 1);
    fetch(cache, 1); // there already
    assert_int_equal(apart.beside, ARRAYS);
    assert_int_equal(apart.uploads, ARRAYS);
    close_keeping(cache);
}

// What is in use stays, and so does what nobody uses where that would not help.
static void test_no_room(void **state) {
    (void)state;
    const size_t full = 2 * BYTES; // without a part that stays free
    mb_device_cache *cache = open_keeping(full);
    mb_cached_dataset used = use(cache, 0);
    fetch(cache, 1);
    assert_int_equal(apart.beside, 0);
    assert_int_equal(apart.refusals, 0);
    assert_int_equal(apart.used, BYTES);
    touch(cache, 1);
    fetch(cache, 2); // in place of 1 it would fit, but leave nothing free
    assert_int_equal(apart.beside, 0);
    assert_int_equal(apart.used, full);
    int uploads = apart.uploads;
    touch(cache, 1);
    assert_int_equal(apart.uploads, uploads);
    mb_cached_dataset_close(&used);
    close_keeping(cache);
}

// The longest unused goes, and no more than is needed.
static void test_room_is_made(void **state) {
    (void)state;
    mb_device_cache *cache = open_keeping(3 * BYTES + BYTES / 2);
    mb_cached_dataset used = use(cache, 0);
    touch(cache, 1);
    touch(cache, 2);
    fetch(cache, 3);
    assert_int_equal(apart.beside, ARRAYS);
    assert_int_equal(apart.refusals, 0);
    int uploads = apart.uploads;
    touch(cache, 3);
    touch(cache, 2);
    assert_int_equal(apart.uploads, uploads);
    touch(cache, 1);
    assert_true(apart.uploads > uploads);
    assert_true(apart_owns(used.dataset.emotions));
    mb_cached_dataset_close(&used);
    close_keeping(cache);
}

static mb_status fail_third(mb_error *error) {
    static int calls;
    return ++calls == 3 ? mb_fail(error, MB_FAILED, "the device is gone") : MB_OK;
}

// Nobody is told; what was there before the failure counts, the rest is not left half done.
static void test_failure(void **state) {
    (void)state;
    mb_device_cache *cache = open_keeping(1 << 20);
    apart.before_beside = fail_third;
    fetch(cache, 0);
    assert_int_equal(apart.beside, 2);
    assert_true(apart.used < BYTES);
    touch(cache, 0);
    assert_int_equal(apart.uploads, 1);
    close_keeping(cache);
}

static void test_cancelled(void **state) {
    (void)state;
    const atomic_bool now = true;
    mb_device_cache *cache = open_keeping(1 << 20);
    mb_cache_fetch(cache, &hosts[0].dataset, &now);
    assert_int_equal(apart.beside, 0);
    assert_int_equal(apart.used, 0);
    close_keeping(cache);
}

// ---- the thread ---------------------------------------------------------------------------------

static void begin_prefetch(mb_device_cache *cache, int h) {
    mb_cache_expect(cache, &hosts[h].dataset);
    mb_cache_prefetch(cache);
}

static atomic_int entered; // uploads that began

static mb_status upload_slowly(mb_error *error) {
    (void)error;
    atomic_fetch_add(&entered, 1);
    pause_for(100);
    return MB_OK;
}

static mb_device_cache *open_slowly(size_t limit) {
    mb_device_cache *cache = open_keeping(limit);
    atomic_store(&entered, 0);
    apart.before_beside = upload_slowly;
    return cache;
}

static void wait_until_entered(void) {
    for (int i = 0; i < 30000 && atomic_load(&entered) == 0; i++)
        pause_for(1);
    assert_true(atomic_load(&entered) > 0);
}

// Nothing comes before it is said that it may, and then once.
static void test_brings_what_is_expected(void **state) {
    (void)state;
    mb_device_cache *cache = open_keeping(1 << 20);
    mb_cached_dataset used = use(cache, 0);
    mb_cache_expect(cache, &hosts[2].dataset);
    mb_cache_expect(cache, &hosts[1].dataset);
    pause_for(5);
    assert_int_equal(apart_beside(), 0);
    mb_cache_prefetch(cache);
    wait_until_beside(ARRAYS);
    mb_cached_dataset_close(&used);
    touch(cache, 1);
    mb_cache_prefetch(cache); // nothing more is expected
    pause_for(5);
    assert_int_equal(apart_beside(), ARRAYS);
    assert_int_equal(apart.uploads, ARRAYS); // of the first
    close_keeping(cache);
}

// Who wants what is being brought waits for it.
static void test_opened_on_its_way(void **state) {
    (void)state;
    mb_device_cache *cache = open_slowly(1 << 20);
    begin_prefetch(cache, 1);
    wait_until_entered();
    touch(cache, 1);
    assert_int_equal(apart_beside(), ARRAYS);
    assert_int_equal(apart.uploads, 0);
    close_keeping(cache);
}

// For another dataset, for memory and at the end it is given up.
static void test_gives_way(void **state) {
    (void)state;
    mb_device_cache *cache = open_slowly(1 << 20);
    begin_prefetch(cache, 1);
    wait_until_entered();
    touch(cache, 0);
    assert_true(apart_beside() < ARRAYS);
    assert_int_equal(apart.uploads, ARRAYS);
    close_keeping(cache);

    cache = open_slowly(2 * BYTES);
    mb_error error = {.message = ""};
    void *memory = NULL;
    begin_prefetch(cache, 1);
    wait_until_entered();
    assert_int_equal(mb_cache_allocate(cache, 2 * BYTES, &memory, &error), MB_OK);
    assert_true(apart_beside() < ARRAYS);
    apart_release(cache->device, memory);
    close_keeping(cache);

    cache = open_slowly(1 << 20);
    begin_prefetch(cache, 1);
    wait_until_entered();
    close_keeping(cache);
    assert_true(apart.beside < ARRAYS);
}

// Whatever comes and goes, what is in use is right, and the end leaves nothing.
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
        apart_release(cache->device, memory);
        mb_cached_dataset_close(&used);
        if (i % 5 == 0)
            mb_cache_trim(cache);
    }
    assert_true(apart_beside() > 0);
    assert_true(apart.refusals > 0); // there was little memory
    close_keeping(cache);
}

static void test_without_keeping(void **state) {
    (void)state;
    mb_device_cache here = {.device = apart_open(1 << 20)}, *cache = &here;
    begin_prefetch(cache, 0);
    mb_cache_trim(cache);
    assert_int_equal(apart.beside, 0);
    apart_close(cache->device);
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
