// The quotient that the CUDA kernels use for tallies has the same bits as a division.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "score/tally_row.h"

enum { MANY = 5000000 };

// Marsaglia's xorshift, because many numbers are drawn.
static uint64_t draw(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// A whole number of 1 to 31 bits.
static double draw_count(uint64_t *state) {
    uint64_t random = draw(state);
    uint64_t bits = 1 + (random >> 32) % 31;
    return (double)((random & ((1u << bits) - 1)) | 1u << (bits - 1));
}

// Any 53 bits, and an exponent from `least` to `most`.
static double draw_number(uint64_t *state, int least, int most) {
    uint64_t random = draw(state);
    double significand = 1.0 + (double)(random >> 12) * 0x1p-52;
    int exponent = least + (int)(draw(state) % (uint64_t)(most - least + 1));
    return ldexp((random & 1) != 0 ? significand : -significand, exponent);
}

static void check(double d, double n) {
    double found = mb_row_quotient(d, n, 1.0 / n), expected = d / n;
    if (!mb_row_divides(d))
        fail_msg("%a was to be in range", d);
    if (found != expected)
        fail_msg("%a / %a: found %a, expected %a", d, n, found, expected);
}

static void test_any_numbers(void **state) {
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int32_t i = 0; i < MANY; i++)
        check(draw_number(&random, -900, 899), draw_count(&random));
    for (int32_t i = 0; i < MANY; i++) // differences of values
        check(draw_number(&random, -30, 8), draw_count(&random));
}

// Quotients close to representable numbers, and close to the midpoints between two of them.
static void test_close_calls(void **state) {
    (void)state;
    uint64_t random = 362436069362436069u;
    for (int32_t i = 0; i < MANY / 4; i++) {
        double n = draw_count(&random), q = draw_number(&random, -20, 20);
        double half = ldexp(1.0, ilogb(q) - 53);
        double near[] = {q * n, fma(q, n, half * n), fma(q, n, -half * n)};
        for (size_t k = 0; k < sizeof near / sizeof *near; k++) {
            check(near[k], n);
            check(nextafter(near[k], INFINITY), n);
            check(nextafter(near[k], -INFINITY), n);
        }
    }
}

static void test_ends_of_the_range(void **state) {
    (void)state;
    static const double numbers[] = {0.0,        -0.0,    0x1p-900, 0x1.fffffffffffffp-900,
                                     0x1p-149,   1.0,     0x1p128,  0x1.fffffffffffffp899,
                                     -0x1p900,   0x1p900, 0x1p-126, 0x1.fffffep127,
                                     -0x1.8p-300};
    static const double outside[] = {0x1p-901,  -0x1p-1074, 0x1.0000000000001p900,
                                     -INFINITY, INFINITY,   NAN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (uint32_t bit = 0; bit < 31; bit++) {
            check(numbers[i], (double)(1u << bit));
            check(numbers[i], (double)((1u << bit) + 1));
            check(numbers[i], (double)((2u << bit) - 1));
        }
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        assert_false(mb_row_divides(outside[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_numbers),
        cmocka_unit_test(test_close_calls),
        cmocka_unit_test(test_ends_of_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
