// Philox against the known answers of its authors (Random123), and the numbers made from it.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "merbench/philox.h"

static void check(const uint32_t counter[4], const uint32_t key[2], const uint32_t expected[4]) {
    mb_random4 random = mb_random((mb_key){{key[0], key[1]}}, counter[3], counter[2],
                                  (uint64_t)counter[1] << 32 | counter[0]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(random.words[i], expected[i]);
}

static void test_known_answers(void **state) {
    (void)state;
    check((uint32_t[]){0, 0, 0, 0}, (uint32_t[]){0, 0},
          (uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    check((uint32_t[]){~0u, ~0u, ~0u, ~0u}, (uint32_t[]){~0u, ~0u},
          (uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    check((uint32_t[]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
          (uint32_t[]){0xa4093822, 0x299f31d0},
          (uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

static void test_moments(void **state) {
    (void)state;
    enum { COUNT = 200000 };
    mb_key key = mb_key_make(7, 1);
    double uniform = 0, normal = 0, square = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        float u = mb_random_uniform(key, MB_RANDOM_INITIAL, 0, i);
        double z = mb_random_normal(key, MB_RANDOM_INITIAL, 1, i);
        assert_true(u >= 0.0f && u < 1.0f);
        uniform += (double)u;
        normal += z;
        square += z * z;
    }
    assert_true(fabs(uniform / COUNT - 0.5) < 0.003);
    assert_true(fabs(normal / COUNT) < 0.01);
    assert_true(fabs(square / COUNT - 1.0) < 0.02);
}

static void test_shuffle_is_a_permutation(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    int32_t values[COUNT], seen[COUNT] = {0}, moved = 0;
    for (int32_t i = 0; i < COUNT; i++)
        values[i] = i;
    mb_random_shuffle(mb_key_make(3, 0), MB_RANDOM_SHUFFLE, 5, values, COUNT);
    for (int32_t i = 0; i < COUNT; i++) {
        seen[values[i]]++;
        moved += values[i] != i;
    }
    for (int32_t i = 0; i < COUNT; i++)
        assert_int_equal(seen[i], 1);
    assert_true(moved > COUNT / 2);
}

static void test_streams_differ(void **state) {
    (void)state;
    mb_key a = mb_key_make(1, 0), b = mb_key_make(1, 1);
    assert_int_not_equal(mb_random(a, 1, 0, 0).words[0], mb_random(b, 1, 0, 0).words[0]);
    assert_int_not_equal(mb_random(a, 1, 0, 0).words[0], mb_random(a, 2, 0, 0).words[0]);
    assert_int_not_equal(mb_random(a, 1, 0, 0).words[0], mb_random(a, 1, 1, 0).words[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_shuffle_is_a_permutation),
        cmocka_unit_test(test_streams_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
