// The reader of .npy files: dtypes, byte and index orders, squeezing, and wrong files of
// every kind.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/float_bits.h"
#include "data/npy.h"

typedef struct file {
    unsigned char bytes[1024];
    size_t size;
} file;

// An .npy file with this header text and these values.
static file make(int version, const char *header, const void *values, size_t size) {
    file made = {{0}, 0};
    size_t length = strlen(header), start = version == 1 ? 10 : 12;
    memcpy(made.bytes, "\x93NUMPY", 6);
    made.bytes[6] = (unsigned char)version;
    made.bytes[8] = (unsigned char)(length & 255);
    made.bytes[9] = (unsigned char)(length >> 8);
    memcpy(made.bytes + start, header, length);
    if (size > 0)
        memcpy(made.bytes + start + length, values, size);
    made.size = start + length + size;
    return made;
}

// The bytes are copied to memory of their exact size, so that the sanitizer notices reads past
// the end.
static mb_status read(const unsigned char *bytes, size_t size, mb_frames *frames, mb_error *error) {
    unsigned char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    mb_status status = mb_npy_frames(copy, size, "a.npy", frames, error);
    free(copy);
    return status;
}

static void expect(const file *made, int64_t count, int32_t dimension, const float *values) {
    mb_frames frames;
    mb_error error = {.message = ""};
    if (read(made->bytes, made->size, &frames, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(frames.count, count);
    assert_int_equal(frames.dimension, dimension);
    assert_memory_equal(frames.values, values, (size_t)(count * dimension) * sizeof *values);
    free(frames.values);
}

static void refuse(const file *made, const char *part) {
    mb_frames frames;
    mb_error error = {.message = ""};
    mb_status status = read(made->bytes, made->size, &frames, &error);
    free(frames.values);
    if (status != MB_BAD_INPUT || strstr(error.message, part) == NULL ||
        strncmp(error.message, "a.npy: ", 7) != 0)
        fail_msg("status %d, expected '%s', found: %s", status, part, error.message);
}

static const float six[6] = {1, 2, 3, -4, 0.5f, 6};

static void test_shapes(void **state) {
    (void)state;
    static const struct {
        const char *shape;
        int64_t count;
        int32_t dimension;
    } shapes[] = {{"(6,)", 1, 6},        {"(2, 3)", 2, 3},   {"(2, 3,)", 2, 3},
                  {"(1, 6)", 1, 6},      {"(6, 1)", 1, 6},   {"(1,2,1,3,1)", 2, 3},
                  {" ( 3 , 2 ) ", 3, 2}, {"(3L, 2L)", 3, 2}, {"(1,1,6)", 1, 6}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        char header[128];
        snprintf(header, sizeof header,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }  \n", shapes[i].shape);
        file made = make(1, header, six, sizeof six);
        expect(&made, shapes[i].count, shapes[i].dimension, six);
    }
    file one = make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': ()}", six, 4);
    expect(&one, 1, 1, six);
    file order =
        make(3, "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"=f4\"}", six, sizeof six);
    expect(&order, 2, 3, six);
}

static void test_fortran_order(void **state) {
    (void)state;
    const float stored[6] = {1, -4, 2, 0.5f, 3, 6};
    file made =
        make(2, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", stored, sizeof stored);
    expect(&made, 2, 3, six);
    file squeezed = make(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2, 1, 3)}",
                         stored, sizeof stored);
    expect(&squeezed, 2, 3, six);
    file flat = make(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (6,)}", six, sizeof six);
    expect(&flat, 1, 6, six);
}

static void test_types(void **state) {
    (void)state;
    const double wide[6] = {1, 2, 3, -4, 0.5, 6};
    file doubles =
        make(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (6,)}", wide, sizeof wide);
    expect(&doubles, 1, 6, six);
    unsigned char swapped[24];
    for (int i = 0; i < 6; i++)
        for (int b = 0; b < 4; b++)
            swapped[4 * i + b] = ((const unsigned char *)six)[4 * i + 3 - b];
    file big = make(1, "{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}", swapped, 24);
    expect(&big, 1, 6, six);
    const uint16_t halves[6] = {0x3C00, 0x4000, 0x4200, 0xC400, 0x3800, 0x4600};
    file half = make(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (2,3)}", halves, 12);
    expect(&half, 2, 3, six);
}

static void test_halves(void **state) {
    (void)state;
    assert_true(mb_half_from_bits(0x0001) == ldexp(1, -24));
    assert_true(mb_half_from_bits(0x03FF) == ldexp(1023, -24));
    assert_true(mb_half_from_bits(0x0400) == ldexp(1, -14));
    assert_true(mb_half_from_bits(0x7BFF) == 65504);
    assert_true(mb_half_from_bits(0xFBFF) == -65504);
    assert_true(mb_half_from_bits(0x7C00) == INFINITY && mb_half_from_bits(0xFC00) == -INFINITY);
    assert_true(isnan(mb_half_from_bits(0x7C01)));
    assert_true(mb_half_from_bits(0x8000) == 0 && signbit(mb_half_from_bits(0x8000)));
}

static void test_wrong_headers(void **state) {
    (void)state;
    static const struct {
        const char *header, *part;
    } wrong[] = {
        {"", "expected '{'"},
        {"['descr']", "expected '{'"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (6,)}", "found dtype i4"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (6,)}", "found dtype O0"},
        {"{'descr': '<f16', 'fortran_order': False, 'shape': (6,)}", "found dtype f16"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (6,)}", "found dtype c8"},
        {"{'descr': 'bogus', 'fortran_order': False, 'shape': (6,)}", "unknown dtype 'bogus'"},
        {"{'descr': '', 'fortran_order': False, 'shape': (6,)}", "unknown dtype ''"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}",
         "a dtype of one field"},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (6,)}", "expected True or False"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 6}", "a shape in parentheses"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}", "expected a dimension"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6 6)}", "expected ',' or ')'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 6)}", "no values"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
         "at most 16 digits"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999, 999999999999999)}",
         "the shape is too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 1)}",
         "expected frames of at most 2147483647 values, found 9999999999"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4)}", "one or two axes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}",
         "expected 28 bytes of values, found 24"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", "trailing garbage"},
        {"{'descr': '<f4', 'fortran_order': False}", "lacks 'shape'"},
        {"{'fortran_order': False, 'shape': (6,)}", "lacks 'descr'"},
        {"{'descr': '<f4', 'shape': (6,)}", "lacks 'fortran_order'"},
        {"{'descr': '<f4', 'descr': '<f4', 'shape': (6,)}", "repeated key 'descr'"},
        {"{'other': '<f4'}", "unknown key 'other'"},
        {"{'descr' '<f4'}", "expected ':'"},
        {"{'descr': '<f4", "expected a dtype"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x", "the end of the header"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        file made = make(1, wrong[i].header, six, sizeof six);
        refuse(&made, wrong[i].part);
    }
    file ranks =
        make(1, "{'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}",
             six, 24);
    refuse(&ranks, "at most 32 dimensions");
}

static void test_wrong_starts(void **state) {
    (void)state;
    file empty = {{0}, 0};
    refuse(&empty, "an empty file");
    file text = {"name,emotion,valence", 20};
    refuse(&text, "another format");
    file newer = make(4, "{}", NULL, 0);
    refuse(&newer, "found 4.0");
    file longer = make(1, "{}", NULL, 0);
    longer.bytes[9] = 0xFF;
    refuse(&longer, "longer than the file");
    file huge = make(2, "{}", NULL, 0);
    huge.bytes[11] = 0xFF;
    refuse(&huge, "longer than the file");
}

// No truncated file is accepted, and no changed byte leads to a crash.
static void test_prefixes_and_changes(void **state) {
    (void)state;
    file made =
        make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", six, 24);
    for (size_t size = 0; size < made.size; size++) {
        file shorter = made;
        shorter.size = size;
        refuse(&shorter, "");
    }
    for (size_t i = 0; i < made.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            mb_frames frames;
            mb_error error = {.message = ""};
            made.bytes[i] ^= (unsigned char)(1 << bit);
            mb_status status = read(made.bytes, made.size, &frames, &error);
            assert_true(status == MB_OK || status == MB_BAD_INPUT);
            free(frames.values);
            made.bytes[i] ^= (unsigned char)(1 << bit);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_fortran_order),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_wrong_headers),
        cmocka_unit_test(test_wrong_starts),
        cmocka_unit_test(test_prefixes_and_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
