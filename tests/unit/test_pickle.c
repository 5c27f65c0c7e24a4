// The restricted pickle reader: it reads the pickles of numpy and refuses everything else by name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/npz.h"
#include "data/pickle.h"

static mb_status read_pickle(const char *bytes, size_t size, mb_pickle **pickle,
                             const mb_python **value, mb_error *error) {
    unsigned char *copy = malloc(size > 0 ? size : 1); // exact size, for the sanitizer
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    mb_status status = mb_pickle_read(copy, size, SIZE_MAX, "p", 100, pickle, value, error);
    free(copy);
    return status;
}

#define REFUSE(bytes, part) refuse(bytes, sizeof bytes - 1, part)

static void refuse(const char *bytes, size_t size, const char *part) {
    mb_pickle *pickle;
    const mb_python *value;
    mb_error error = {.message = ""};
    mb_status status = read_pickle(bytes, size, &pickle, &value, &error);
    mb_pickle_free(pickle);
    if (status != MB_BAD_INPUT || strstr(error.message, part) == NULL ||
        strncmp(error.message, "p: offset ", 10) != 0)
        fail_msg("status %d, expected '%s', found: %s", status, part, error.message);
}

static void test_simple_values(void **state) {
    (void)state;
    mb_pickle *pickle;
    const mb_python *value;
    mb_error error;
    const char integer[] = "\x80\x02J\xff\xff\xff\xff.";
    assert_int_equal(read_pickle(integer, sizeof integer - 1, &pickle, &value, &error), MB_OK);
    assert_int_equal(value->kind, MB_PYTHON_INTEGER);
    assert_int_equal(value->integer, -1);
    mb_pickle_free(pickle);
    const char dict[] = "\x80\x04\x95\x0c\0\0\0\0\0\0\0}\x94(\x8c\x01"
                        "aK\x07\x8c\x01"
                        "bNu.";
    assert_int_equal(read_pickle(dict, sizeof dict - 1, &pickle, &value, &error), MB_OK);
    assert_int_equal(value->kind, MB_PYTHON_DICT);
    assert_int_equal(mb_python_get(value, "a")->integer, 7);
    assert_int_equal(mb_python_get(value, "b")->kind, MB_PYTHON_NONE);
    assert_null(mb_python_get(value, "c"));
    mb_pickle_free(pickle);
}

static void test_refused_opcodes(void **state) {
    (void)state;
    REFUSE("\x80\x02"
           "cos\nsystem\n(X\x02\0\0\0lstR.",
           "offset 102: the name os.system");
    REFUSE("\x80\x04\x8c\x05posix\x8c\x06system\x93.", "the name posix.system");
    REFUSE("\x80\x02"
           "cnumpy\nload\n.",
           "the name numpy.load");
    REFUSE("\x80\x02"
           "cbuiltins\neval\n.",
           "builtins.eval");
    REFUSE("\x80\x02(i", "opcode 0x69 (INST)");
    REFUSE("\x80\x02)o", "(OBJ)");
    REFUSE("\x80\x02)\x81", "(NEWOBJ)");
    REFUSE("\x80\x04)\x92", "(NEWOBJ_EX)");
    REFUSE("\x80\x02\x82\x01", "(EXT1)");
    REFUSE("\x80\x02P1\n", "(PERSID)");
    REFUSE("\x80\x02NQ", "(BINPERSID)");
    REFUSE("\x80\x05\x97", "(NEXT_BUFFER)");
    REFUSE("\x80\x02I1\n.", "(INT)");
    REFUSE("\x80\x04\x8f.", "(EMPTY_SET)");
    REFUSE("\x80\x02\xff", "(unknown)");
    REFUSE("(lp0\n.", "expected a pickle of protocol 2 to 5");
    REFUSE("\x80\x01N.", "found protocol 1");
    REFUSE("\x80\x06N.", "found protocol 6");
    REFUSE("\x80\x02N\x80\x02.", "expected one pickle");
}

static void test_calls(void **state) {
    (void)state;
    REFUSE("\x80\x02K\x01)R.", "expected a function and a tuple, found an integer");
    REFUSE("\x80\x02"
           "cnumpy\ndtype\nK\x01R.",
           "found a function and an integer");
    REFUSE("\x80\x02"
           "cnumpy\nndarray\n)R.",
           "expected a function to call, found the class numpy.ndarray");
    REFUSE("\x80\x02"
           "cnumpy\ndtype\n)R.",
           "a numpy dtype has no name");
    REFUSE("\x80\x02"
           "cnumpy\ndtype\nU\x01V\x85R.",
           "the numpy dtype 'V'");
    REFUSE("\x80\x02"
           "cnumpy.core.multiarray\nscalar\n)R.",
           "needs a dtype and bytes");
    REFUSE("\x80\x02"
           "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02"
           "f8\x85RC\x04"
           "abcd\x86R.",
           "dtype f8 has 4 bytes");
    REFUSE("\x80\x02"
           "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02"
           "f1\x85RC\x01"
           "a\x86R.",
           "no numpy float of 1 byte");
    REFUSE("\x80\x02"
           "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02"
           "f3\x85RC\x03"
           "abc\x86R.",
           "dtype f3 is not needed");
    REFUSE("\x80\x02"
           "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02"
           "O8\x85RC\x08"
           "abcdefgh\x86R.",
           "dtype O8 is not needed");
    REFUSE("\x80\x02"
           "cnumpy.core.multiarray\n_reconstruct\n)R.",
           "expected a plain numpy array");
    REFUSE("\x80\x02"
           "c_codecs\nencode\nU\x01"
           "aU\x05utf-8\x86R.",
           "expected a string and 'latin1'");
    REFUSE("\x80\x02]Nb.", "a list has no state");
    REFUSE("\x80\x02"
           "cnumpy\ndtype\nU\x02"
           "f8\x85RNb.",
           "the state of a numpy dtype");
}

static void test_damaged(void **state) {
    (void)state;
    REFUSE("", "expected a pickle");
    REFUSE("\x80\x02", "the pickle does not end");
    REFUSE("\x80\x02.", "needs 1 value, found 0");
    REFUSE("\x80\x02NN.", "expected one value at the end, found 2");
    REFUSE("\x80\x02N.N", "1 byte follows");
    REFUSE("\x80\x02(N.", "expected one value at the end");
    REFUSE("\x80\x02t.", "needs a mark");
    REFUSE("\x80\x02h\x05.", "nothing was stored in the memo at 5");
    REFUSE("\x80\x02Nr\xff\xff\xff\x7f.", "expected a memo index of at most");
    REFUSE("\x80\x02q\x01.", "needs 1 value,");
    REFUSE("\x80\x02X\xff\xff\xff\x7fyes", "truncated");
    REFUSE("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "truncated");
    REFUSE("\x80\x04\x95\xff\0\0\0\0\0\0\0N.", "a frame has 255 bytes");
    REFUSE("\x80\x02U\x02\xc3\x28.", "not UTF-8");
    REFUSE("\x80\x02\x8a\x09"
           "123456789.",
           "of 9 bytes is too large");
    REFUSE("\x80\x02}K\x01\x85"
           "a.",
           "expected a list to extend, found a dict");
    REFUSE("\x80\x02](K\x01u.", "expected a dict to extend, found a list");
    REFUSE("\x80\x02}(K\x01u.", "a key has no value");
    REFUSE("\x80\x02}(K\x01s.", "needs 3 values, found 1");
    REFUSE("\x80\x02"
           "cnumpy",
           "a name does not end");
    REFUSE("\x80\x02NN\x93.", "a name is not a string");
    char deep[2003] = "\x80\x02";
    memset(deep + 2, '(', 2000);
    refuse(deep, 2002, "nested more than 1000 deep");
}

// A list that contains itself many times needs finite memory and is freed without endless loops.
static void test_circles(void **state) {
    (void)state;
    mb_pickle *pickle;
    const mb_python *value;
    mb_error error = {.message = ""};
    const char circle[] = "\x80\x02]q\x01h\x01"
                          "ah\x01"
                          "a.";
    assert_int_equal(read_pickle(circle, sizeof circle - 1, &pickle, &value, &error), MB_OK);
    assert_ptr_equal(value->items[0], value);
    mb_pickle_free(pickle);
}

// A small file could fill the memory by copying a long text again and again.
static void test_unfolding(void **state) {
    (void)state;
    enum { TEXT = 20000, CALLS = 20000 };
    static const char encode[] = "c_codecs\nencode\nq\x01X";
    char *bytes = malloc(TEXT + CALLS * 16 + 200), *end = bytes;
    assert_non_null(bytes);
    end = (char *)memcpy(end, "\x80\x02(", 3) + 3;
    end = (char *)memcpy(end, encode, sizeof encode - 1) + sizeof encode - 1;
    const unsigned char length[4] = {TEXT & 255, TEXT >> 8, 0, 0};
    end = (char *)memcpy(end, length, 4) + 4;
    end = (char *)memset(end, 'x', TEXT) + TEXT;
    end = (char *)memcpy(end, "q\x02X\x06\0\0\0latin1q\x03", 15) + 15;
    for (int i = 0; i < CALLS; i++)
        end = (char *)memcpy(end, "h\x01h\x02h\x03\x86R", 8) + 8;
    *end++ = 't';
    *end++ = '.';
    refuse(bytes, (size_t)(end - bytes), "too much memory for its size");
    free(bytes);
}

// ---- files written by numpy -------------------------------------------------------------------

static double number(const mb_python *values, const char *key) {
    const mb_python *value = mb_python_get(values, key);
    assert_non_null(value);
    if (value->kind == MB_PYTHON_INTEGER)
        return (double)value->integer;
    assert_int_equal(value->kind, MB_PYTHON_REAL);
    return value->real;
}

static void check_values(const mb_python *values) {
    assert_int_equal(values->kind, MB_PYTHON_DICT);
    assert_int_equal(values->count, 2 * 26);
    assert_string_equal(values->items[0]->text, "none"); // the order is kept
    assert_string_equal(values->items[50]->text, "str");
    assert_int_equal(mb_python_get(values, "none")->kind, MB_PYTHON_NONE);
    assert_true(mb_python_get(values, "true")->truth);
    assert_true(mb_python_get(values, "bool")->truth);
    assert_true(number(values, "zero") == 0 && number(values, "byte") == 255);
    assert_true(number(values, "short") == 65535 && number(values, "int") == -70000);
    assert_true(number(values, "long") == -1099511627776.0 && number(values, "real") == -0.1);
    assert_true(number(values, "f2") == 0.5 && number(values, "f4") == (double)0.1f);
    assert_true(number(values, "f8") == -1e300);
    assert_true(number(values, "i1") == -3 && number(values, "i2") == -300);
    assert_true(number(values, "i4") == -70000 && number(values, "i8") == -1099511627776.0);
    assert_true(number(values, "u1") == 200 && number(values, "u2") == 60000);
    assert_true(number(values, "u4") == 4000000000.0);
    assert_true(number(values, "u8") == 1152921504606846976.0);
    assert_string_equal(mb_python_get(values, "text")->text, "\xc3\xbc\xe4\xbd\xa0");
    assert_string_equal(mb_python_get(values, "str")->text, "\xe6\xb5\x8b\xe8\xaf\x95");
    const mb_python *bytes = mb_python_get(values, "bytes");
    assert_int_equal(bytes->kind, MB_PYTHON_BYTES);
    assert_int_equal(bytes->length, 2);
    assert_memory_equal(bytes->text, "\0\xff", 2);
    assert_int_equal(mb_python_get(values, "tuple")->count, 4);
    assert_string_equal(mb_python_get(values, "list")->items[1]->text, "a");
    assert_int_equal(mb_python_get(values, "empty")->count, 3);
}

static void test_numpy_files(void **state) {
    (void)state;
    static const char *const files[] = {"protocol2", "protocol3", "protocol4", "protocol5",
                                        "stored"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/mertools/pickles/%s.npz", MB_FIXTURES, files[i]);
        mb_npz *npz;
        mb_pickle *pickle;
        const mb_python *value;
        mb_error error = {.message = ""};
        if (mb_npz_open(path, &npz, &error) != MB_OK)
            fail_msg("%s", error.message);
        assert_int_equal(mb_npz_count(npz), 1);
        assert_string_equal(mb_npz_name(npz, 0), "values");
        if (mb_npz_read_object(npz, 0, &pickle, &value, &error) != MB_OK)
            fail_msg("%s", error.message);
        check_values(value);
        mb_pickle_free(pickle);
        mb_npz_close(npz);
    }
}

static unsigned char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    unsigned char *bytes = malloc(1 << 16);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    return bytes;
}

// Opens and reads a changed copy of the file. It may be accepted or refused, but with the right
// status and without a crash.
static mb_status try_file(const char *path, const unsigned char *bytes, size_t size,
                          mb_error *error) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    mb_npz *npz;
    mb_pickle *pickle = NULL;
    const mb_python *value;
    mb_status status = mb_npz_open(path, &npz, error);
    if (status == MB_OK)
        status = mb_npz_read_object(npz, 0, &pickle, &value, error);
    mb_pickle_free(pickle);
    mb_npz_close(npz);
    return status;
}

static void test_damaged_npz(void **state) {
    (void)state;
    char path[] = "/tmp/mb-test-npz-XXXXXX";
    int made = mkstemp(path);
    assert_true(made >= 0);
    size_t size;
    mb_error error = {.message = ""};
    unsigned char *bytes = read_file(MB_FIXTURES "/mertools/pickles/stored.npz", &size);
    assert_int_equal(try_file(path, bytes, size, &error), MB_OK);
    for (size_t length = 0; length < size; length++)
        assert_int_equal(try_file(path, bytes, length, &error), MB_BAD_INPUT);
    size_t unnoticed = 0;
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x41;
        mb_status status = try_file(path, bytes, size, &error);
        assert_true(status == MB_OK || status == MB_BAD_INPUT);
        unnoticed += status == MB_OK;
        bytes[i] ^= 0x41;
    }
    assert_true(unnoticed <
                40); // dates, versions, attributes of the zip; the pickle has a checksum
    free(bytes);
    bytes = read_file(MB_FIXTURES "/mertools/pickles/evil.npz", &size);
    assert_int_equal(try_file(path, bytes, size, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "system is not needed for labels and is refused"));
    free(bytes);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_values), cmocka_unit_test(test_refused_opcodes),
        cmocka_unit_test(test_calls),         cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_circles),       cmocka_unit_test(test_unfolding),
        cmocka_unit_test(test_numpy_files),   cmocka_unit_test(test_damaged_npz),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
