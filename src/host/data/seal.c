#include "data/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define MAGIC "merbench corpus, format "
#define FORMAT "1"

enum {
    SMALLEST_BLOCK = 512,
    LARGEST_BLOCK = 1 << 20,
    LONGEST_LINE = 64, // "apart " and two numbers
    CHUNK = 1 << 20,
};

int64_t mb_seal_block_size(int extent_count) {
    int64_t needed = (int64_t)(extent_count + 5) * LONGEST_LINE, size = SMALLEST_BLOCK;
    while (size < needed)
        size *= 2;
    return size;
}

// Reads `size` bytes, or as many as there are before the end of the file, at `offset`; -1 with
// errno.
static ssize_t read_at(int file, int64_t offset, char *bytes, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file, bytes + done, size - done, offset + (int64_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static mb_status hash_range(int file, const char *path, int64_t start, int64_t end, char *chunk,
                            mb_hasher *hasher, mb_error *error) {
    while (start < end) {
        size_t wanted = end - start < CHUNK ? (size_t)(end - start) : CHUNK;
        ssize_t got = read_at(file, start, chunk, wanted);
        if (got < 0)
            return mb_fail_errno(error, errno, "%s: cannot read", path);
        if (got == 0)
            return mb_fail(error, MB_BAD_INPUT, "%s: cannot read: the file became shorter", path);
        mb_hasher_add(hasher, chunk, (size_t)got);
        start += got;
    }
    return MB_OK;
}

// The digest of the seal's text and of the bytes from `start` to `length` outside all extents.
static mb_status digest(int file, const char *path, const char *text, size_t text_length,
                        int64_t start, int64_t length, const mb_extent *extents, int extent_count,
                        char hex[33], mb_error *error) {
    char *chunk = malloc(length < CHUNK ? (size_t)length + 1 : CHUNK);
    mb_hasher *hasher = chunk != NULL ? mb_hasher_create() : NULL;
    if (hasher == NULL) {
        free(chunk);
        return mb_out_of_memory(error, path);
    }
    mb_hasher_add(hasher, text, text_length);
    mb_status status = MB_OK;
    for (int i = 0; i <= extent_count && status == MB_OK; i++) {
        int64_t end = i < extent_count ? extents[i].start : length;
        status = hash_range(file, path, start, end, chunk, hasher, error);
        if (i < extent_count)
            start = extents[i].start + extents[i].length;
    }
    mb_hasher_finish(hasher, hex);
    free(chunk);
    return status;
}

mb_status mb_seal_write(int file, const char *path, const mb_extent *extents, int extent_count,
                        mb_error *error) {
    int64_t size = mb_seal_block_size(extent_count);
    struct stat info;
    if (fstat(file, &info) != 0)
        return mb_fail(error, MB_FAILED, "%s: cannot write: %s", path, strerror(errno));
    char *block = calloc(1, (size_t)size);
    if (block == NULL)
        return mb_out_of_memory(error, path);
    int used =
        snprintf(block, (size_t)size, MAGIC FORMAT "\nblock %" PRId64 "\nlength %" PRId64 "\n",
                 size, (int64_t)info.st_size);
    for (int i = 0; i < extent_count; i++)
        used += snprintf(block + used, (size_t)(size - used), "apart %" PRId64 " %" PRId64 "\n",
                         extents[i].start, extents[i].length);
    char hex[33];
    mb_status status = digest(file, path, block, (size_t)used, size, info.st_size, extents,
                              extent_count, hex, error);
    if (status == MB_OK) {
        snprintf(block + used, (size_t)(size - used), "seal %s\n", hex);
        if (pwrite(file, block, (size_t)size, 0) != size)
            status = mb_fail(error, MB_FAILED, "%s: cannot write: %s", path, strerror(errno));
    }
    free(block);
    return status;
}

// ---- checking ---------------------------------------------------------------------------------

typedef struct parsed_seal {
    int64_t block, length;
    mb_extent *extents;
    int extent_count;
    size_t text_length; // bytes before the line "seal"
    char hex[33];
} parsed_seal;

// Reads an unsigned number, without leading blanks, that is followed by the character `end`, and
// moves the cursor past both.
static bool take_number(const char **cursor, char end, int64_t *value) {
    char *stop;
    if (**cursor < '0' || **cursor > '9')
        return false;
    errno = 0;
    *value = strtoll(*cursor, &stop, 10);
    if (errno != 0 || *stop != end)
        return false;
    *cursor = stop + 1;
    return true;
}

static bool take_word(const char **cursor, const char *word) {
    size_t length = strlen(word);
    if (strncmp(*cursor, word, length) != 0)
        return false;
    *cursor += length;
    return true;
}

// Parses a block that ends with a zero byte. There is room for the extents.
static bool parse(const char *text, parsed_seal *seal) {
    const char *cursor = text;
    if (!take_word(&cursor, MAGIC FORMAT "\nblock ") || !take_number(&cursor, '\n', &seal->block) ||
        !take_word(&cursor, "length ") || !take_number(&cursor, '\n', &seal->length))
        return false;
    int64_t previous_end = seal->block;
    while (take_word(&cursor, "apart ")) {
        mb_extent extent;
        if (!take_number(&cursor, ' ', &extent.start) ||
            !take_number(&cursor, '\n', &extent.length) || extent.start < previous_end ||
            extent.start > seal->length || extent.length > seal->length - extent.start)
            return false;
        previous_end = extent.start + extent.length;
        seal->extents[seal->extent_count++] = extent; // fits: a line has at least 10 bytes
    }
    seal->text_length = (size_t)(cursor - text);
    if (!take_word(&cursor, "seal ") || strnlen(cursor, 33) < 33 || cursor[32] != '\n')
        return false;
    memcpy(seal->hex, cursor, 32);
    seal->hex[32] = '\0';
    // The digest does not cover the rest of the block, so it must be empty.
    for (const char *rest = cursor + 33, *end = text + seal->block; rest < end; rest++)
        if (*rest != '\0')
            return false;
    return true;
}

static mb_status damaged(const char *path, mb_error *error) {
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: offset 0: the seal of the corpus is truncated or damaged", path);
}

// Reads the first `size` bytes of the file.
static mb_status read_start(int file, const char *path, char *bytes, size_t size, mb_error *error) {
    ssize_t got = read_at(file, 0, bytes, size);
    if (got < 0)
        return mb_fail_errno(error, errno, "%s: cannot read", path);
    return (size_t)got == size ? MB_OK : damaged(path, error);
}

// Reads the block; its first 512 bytes say how long it is. The caller frees it, and the extents,
// for which it makes room.
static mb_status read_block(int file, const char *path, int64_t file_size, char **block,
                            parsed_seal *seal, mb_error *error) {
    char start[SMALLEST_BLOCK + 1] = {0};
    const char *cursor = start;
    int64_t size;
    mb_status status = read_start(file, path, start, SMALLEST_BLOCK, error);
    if (status != MB_OK)
        return status;
    if (!take_word(&cursor, MAGIC FORMAT "\nblock ") || !take_number(&cursor, '\n', &size) ||
        size < SMALLEST_BLOCK || size > LARGEST_BLOCK || size > file_size)
        return damaged(path, error);
    seal->block = size;
    *block = calloc(1, (size_t)size + 1);
    seal->extents = calloc((size_t)(size / LONGEST_LINE) * 8 + 1, sizeof *seal->extents);
    if (*block == NULL || seal->extents == NULL)
        return mb_out_of_memory(error, path);
    return read_start(file, path, *block, (size_t)size, error);
}

static mb_status check_magic(int file, const char *path, mb_error *error) {
    char start[sizeof MAGIC + 8] = {0};
    ssize_t got = read_at(file, 0, start, sizeof start - 1);
    if (got < 0)
        return mb_fail_errno(error, errno, "%s: cannot read", path);
    if (got == 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected a merbench corpus, found an empty file",
                       path);
    if (got < (ssize_t)strlen(MAGIC) || strncmp(start, MAGIC, strlen(MAGIC)) != 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: expected a merbench corpus (made by 'merbench import'), found %s", path,
                       got > 4 && memcmp(start, "\x89HDF", 4) == 0 ? "another kind of HDF5 file"
                                                                   : "another format");
    const char *version = start + strlen(MAGIC);
    size_t length = strcspn(version, "\n");
    if (strlen(FORMAT) != length || strncmp(version, FORMAT, length) != 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: expected corpus format " FORMAT ", found format %.*s; import it again",
                       path, (int)length, version);
    return MB_OK;
}

static mb_status check_open_file(int file, const char *path, int64_t file_size, mb_error *error) {
    mb_status status = check_magic(file, path, error);
    if (status != MB_OK)
        return status;
    parsed_seal found = {0};
    char hex[33], *block = NULL;
    status = read_block(file, path, file_size, &block, &found, error);
    if (status == MB_OK && !parse(block, &found)) {
        status = damaged(path, error);
    } else if (status == MB_OK && found.length != file_size) {
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s: the corpus is %s: expected %" PRId64 " bytes, found %" PRId64, path,
                         found.length > file_size ? "truncated" : "followed by foreign data",
                         found.length, file_size);
    } else if (status == MB_OK) {
        status = digest(file, path, block, found.text_length, found.block, found.length,
                        found.extents, found.extent_count, hex, error);
        if (status == MB_OK && strcmp(hex, found.hex) != 0)
            status =
                mb_fail(error, MB_BAD_INPUT,
                        "%s: the corpus is damaged or was changed: expected digest %s, found %s",
                        path, found.hex, hex);
    }
    free(found.extents);
    free(block);
    return status;
}

mb_status mb_seal_check(const char *path, mb_error *error) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (file < 0)
        return mb_fail_errno(error, errno, "%s: cannot open", path);
    mb_status status;
    if (fstat(file, &info) != 0)
        status = mb_fail_errno(error, errno, "%s: cannot open", path);
    else if (S_ISREG(info.st_mode))
        status = check_open_file(file, path, info.st_size, error);
    else
        status =
            mb_fail(error, MB_BAD_INPUT, "%s: expected a merbench corpus, found %s", path,
                    S_ISDIR(info.st_mode) ? "a folder" : "something other than a regular file");
    close(file);
    return status;
}
