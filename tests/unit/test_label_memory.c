// Label files that are small and need much memory: pickles that unfold, and zip files that inflate.
// Each is read by a child whose memory is limited; the reader must refuse it with a message.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <zip.h>

#include "data/mertools_labels.h"

// Sanitizers need address space without limit. This is how gcc and clang tell that they are there.
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { LIMITS_MEMORY = 0 };
#else
enum { LIMITS_MEMORY = 1 };
#endif

enum { MEBI = 1 << 20, MEMORY = 256 * MEBI, MOST_FILE = 1 * MEBI };
enum { FILLER = 7 * MEBI / 10 };

typedef struct text {
    char *bytes;
    size_t length, capacity;
} text;

static void add(text *to, const void *bytes, size_t count) {
    if (to->length + count > to->capacity) {
        to->capacity = 2 * (to->length + count);
        to->bytes = realloc(to->bytes, to->capacity);
        assert_non_null(to->bytes);
    }
    memcpy(to->bytes + to->length, bytes, count);
    to->length += count;
}

#define ADD(to, literal) add(to, literal, sizeof(literal) - 1)

static void repeat(text *to, const void *bytes, size_t count, size_t times) {
    for (size_t i = 0; i < times; i++)
        add(to, bytes, count);
}

#define REPEAT(to, literal, times) repeat(to, literal, sizeof(literal) - 1, times)

static void add_length(text *to, uint32_t length) {
    const unsigned char bytes[4] = {(unsigned char)length, (unsigned char)(length >> 8),
                                    (unsigned char)(length >> 16), (unsigned char)(length >> 24)};
    add(to, bytes, 4);
}

// A text of one letter, stored in the memo.
static void add_text(text *to, uint32_t length) {
    ADD(to, "X");
    add_length(to, length);
    repeat(to, "x", 1, length);
    ADD(to, "\x94");
}

// ---- files ------------------------------------------------------------------------------------

typedef void make_values(text *to, size_t times);

// The pickle of an array with one object, as numpy writes it: `make` adds the object.
static text make_member(make_values *make, size_t times) {
    text member = {0};
    static const char header[] = "{'descr': '|O', 'fortran_order': False, 'shape': (), }\n";
    const unsigned char length[2] = {sizeof header - 1, 0};
    ADD(&member, "\x93NUMPY\x01");
    add(&member, "\0", 1);
    add(&member, length, 2);
    ADD(&member, header);
    ADD(&member, "\x80\x04"
                 "cnumpy.core.multiarray\n_reconstruct\n"
                 "cnumpy\nndarray\nK\0\x85"
                 "C\1b\x87R(K\1)cnumpy\ndtype\nX\2\0\0\0O8K\0K\1\x87R\x89]");
    make(&member, times);
    ADD(&member, "atb.");
    return member;
}

// A second member makes a file with one large, since a larger file may need more memory.
static void write_file(const char *path, const text *members, int count) {
    static char filler[FILLER];
    int failed = 0;
    unlink(path);
    zip_t *zip = zip_open(path, ZIP_CREATE, &failed);
    assert_non_null(zip);
    for (int i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, i == 0 ? "train_corpus.npy" : "test%d_corpus.npy", i);
        zip_source_t *source = zip_source_buffer(zip, members[i].bytes, members[i].length, 0);
        zip_int64_t index = zip_file_add(zip, name, source, 0);
        assert_true(index >= 0);
        zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_DEFLATE, 9);
    }
    if (count > 1) {
        assert_int_equal(zip_close(zip), 0);
        return;
    }
    zip_source_t *source = zip_source_buffer(zip, filler, FILLER, 0);
    zip_int64_t index = zip_file_add(zip, "zero_corpus.npy", source, 0);
    zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0);
    assert_int_equal(zip_close(zip), 0);
}

static size_t file_size(const char *path) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    fclose(file);
    return (size_t)size;
}

// Reads the labels; the memory is limited where no sanitizer needs it all. Returns the status and
// the message through the pipe.
static void read_limited(const char *path, int out) {
    const struct rlimit limit = {MEMORY, MEMORY};
    if (LIMITS_MEMORY)
        setrlimit(RLIMIT_AS, &limit);
    struct {
        mb_status status;
        mb_error error;
    } result = {.error.message = ""};
    mb_corpus corpus = {.rules = mb_dataset_find("MER2023")};
    mb_ignored_labels ignored;
    char digest[33];
    result.status = mb_mertools_labels(path, &corpus, &ignored, digest, &result.error);
    if (write(out, &result, sizeof result) != sizeof result)
        _exit(1);
    _exit(0);
}

static mb_status read_labels(const char *path, mb_error *error) {
    struct {
        mb_status status;
        mb_error error;
    } result;
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        read_limited(path, ends[1]);
    close(ends[1]);
    ssize_t got = read(ends[0], &result, sizeof result);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(got, sizeof result);
    *error = result.error;
    return result.status;
}

static void expect_refused(const char *name, make_values *make, size_t times, int members,
                           const char *part) {
    char path[] = "/tmp/merbench-labels-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    text *all = calloc((size_t)members, sizeof *all);
    for (int i = 0; i < members; i++)
        all[i] = make_member(make, times);
    write_file(path, all, members);
    for (int i = 0; i < members; i++)
        free(all[i].bytes);
    free(all);
    size_t size = file_size(path);
    mb_error error;
    mb_status status = read_labels(path, &error);
    unlink(path);
    if (size > MOST_FILE || status != MB_BAD_INPUT || strstr(error.message, part) == NULL)
        fail_msg("%s: a file of %zu bytes: status %d, expected '%s', found: %s", name, size, status,
                 part, error.message);
}

// ---- objects ----------------------------------------------------------------------------------

static void lists(text *to, size_t times) {
    ADD(to, "(");
    REPEAT(to, "]", times);
    ADD(to, "t");
}

static void dicts_in_a_list(text *to, size_t times) {
    ADD(to, "](");
    REPEAT(to, "}", times);
    ADD(to, "e");
}

// One value, pushed again and again: two bytes each.
static void recalls(text *to, size_t times) {
    ADD(to, "]\x94(");
    REPEAT(to, "h\0", times);
    ADD(to, "e");
}

static void memo(text *to, size_t times) {
    ADD(to, "]");
    REPEAT(to, "\x94", times);
}

// The same long bytes become text again and again.
static void numpy_texts(text *to, size_t times) {
    uint32_t letters = 1000;
    char dtype[16];
    ADD(to, "](cnumpy.core.multiarray\nscalar\n\x94" // memo 0
            "cnumpy\ndtype\nX\5\0\0\0");
    snprintf(dtype, sizeof dtype, "U%u", letters);
    add(to, dtype, 5);
    ADD(to, "K\0K\1\x87R\x94" // memo 1
            "B");
    add_length(to, 4 * letters);
    repeat(to, "x\0\0\0", 4, letters);
    ADD(to, "\x94"); // memo 2
    REPEAT(to, "h\0h\1h\2\x86R", times);
    ADD(to, "e");
}

// A dict whose keys are the same long name.
static void same_name(text *to, size_t times) {
    ADD(to, "}(");
    add_text(to, 60000);
    ADD(to, "}\x94");
    REPEAT(to, "h\0h\1", times);
    ADD(to, "u");
}

static void short_name(text *to, size_t times) {
    ADD(to, "}(");
    add_text(to, 1);
    ADD(to, "}\x94");
    REPEAT(to, "h\0h\1", times);
    ADD(to, "u");
}

// Utterances that share a dict of many labels, each of which would be looked at again and again.
static void many_labels(text *to, size_t times) {
    ADD(to, "}(X\1\0\0\0n}(");
    for (size_t i = 0; i < times; i++) {
        char key[16];
        int length = snprintf(key, sizeof key, "%08zu", i);
        ADD(to, "X");
        add_length(to, (uint32_t)length);
        add(to, key, (size_t)length);
        ADD(to, "N");
    }
    ADD(to, "uu");
}

// A tuple of a tuple of a tuple, each with the one before it a thousand times.
static void nested(text *to, size_t times) {
    ADD(to, "()\x94");
    for (size_t i = 0; i < times; i++) {
        const char recall[2] = {'h', (char)i};
        ADD(to, "(");
        repeat(to, recall, 2, 1000);
        ADD(to, "t\x94");
    }
    ADD(to, "t");
}

static void test_pickles(void **state) {
    (void)state;
    static const char memory[] = "need too much memory", bytes[] = "bytes together";
    expect_refused("lists", lists, 30 * MEBI, 1, memory);
    expect_refused("dicts in a list", dicts_in_a_list, 16 * MEBI, 1, memory);
    expect_refused("recalls", recalls, 18 * MEBI, 1, memory);
    expect_refused("memo", memo, 30 * MEBI, 1, memory);
    expect_refused("numpy texts", numpy_texts, 4 * MEBI, 1, memory);
    expect_refused("the same long name", same_name, 250000, 1, "all different");
    expect_refused("the same short name", short_name, 250000, 1, "all different");
    expect_refused("many labels", many_labels, 50000, 1, "expected at most 100 labels");
    expect_refused("nested tuples", nested, 200, 1, "expected a dict of utterances, found a tuple");
    expect_refused("a large member", lists, 200 * MEBI, 1, bytes);
}

static void test_many_members(void **state) {
    (void)state;
    expect_refused("members", short_name, 5, 900, "utterance 'x' is in");
    expect_refused("large members", dicts_in_a_list, 500000, 60, "expected a dict of utterances");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pickles),
        cmocka_unit_test(test_many_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
