// The small corpus as a file, which tests change and seal again.
#ifndef MB_TESTS_CORPUS_FILES_H
#define MB_TESTS_CORPUS_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hdf5.h>

#include "corpus_support.h"
#include "data/seal.h"

static inline unsigned char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    unsigned char *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static inline void write_bytes(const char *path, const unsigned char *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void write_small(const small_corpus *small) {
    mb_source sources[2] = {{"label.npz", "0123"}, {"features/words-FRA", "4567"}};
    mb_error error = {.message = ""};
    if (mb_corpus_write(&small->corpus, sources, 2, small->path, true, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static inline void expect_refused(const char *path, const char *part) {
    mb_corpus corpus;
    mb_error error = {.message = ""};
    mb_status status = mb_corpus_open(path, &corpus, &error);
    mb_corpus_close(&corpus);
    if (status != MB_BAD_INPUT || strstr(error.message, part) == NULL ||
        strstr(error.message, path) == NULL)
        fail_msg("status %d, expected '%s', found: %s", status, part, error.message);
}

// Makes one change to a sealed file through HDF5 and seals it again.
typedef void change_file(hid_t file);

static inline void expect_change_refused(small_corpus *small, change_file *change,
                                         const char *part) {
    write_small(small);
    hid_t file = H5Fopen(small->path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    change(file);
    H5Fclose(file);
    FILE *stream = fopen(small->path, "r+b");
    assert_non_null(stream);
    mb_error error = {.message = ""};
    assert_int_equal(mb_seal_write(fileno(stream), small->path, NULL, 0, &error), MB_OK);
    fclose(stream);
    expect_refused(small->path, part);
}

#endif
