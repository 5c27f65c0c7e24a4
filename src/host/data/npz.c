#include "data/npz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/hash.h"
#include "base/plural.h"
#include "data/file_bytes.h"
#include "data/npy.h"

enum {
    LARGEST_FILE = 256 << 20,
    LARGEST_MEMBER = 1 << 30,
    BEST_RATIO = 1100, // of deflate; a member that claims more is a zip bomb
    MOST_MEMBERS = 1000,
    // What a file may need relative to its size, beyond an amount that any may need: bytes of all
    // members together, and memory for the values of one.
    EXPANDED_RATIO = 32,
    EXPANDED_LEAST = 16 << 20,
    MEMORY_RATIO = 32,
    MEMORY_LEAST = 64 << 20,
};

struct mb_npz {
    zip_t *zip;
    mb_file_bytes file; // the bytes that `zip` reads
    char *path;
    char digest[33];
    char **names;
    int count;
    size_t expanded; // bytes of the members that were read
};

// `cause` is the reason of libzip, whose source is memory: no call of the system can have failed
// but an allocation. libzip does not always say so; errno was 0 before.
static mb_status damaged(const mb_npz *npz, const char *what, zip_error_t *cause, mb_error *error) {
    if (zip_error_code_zip(cause) == ZIP_ER_MEMORY || errno == ENOMEM)
        return mb_out_of_memory(error, npz->path);
    return mb_fail(error, MB_BAD_INPUT, "%s: %s: %s", npz->path, what, zip_error_strerror(cause));
}

static mb_status open_zip(mb_npz *npz, mb_error *error) {
    zip_error_t cause;
    if (npz->file.size == 0) // libzip would accept it as a zip without members
        return mb_fail(error, MB_BAD_INPUT, "%s: expected an .npz file, found an empty file",
                       npz->path);
    zip_error_init(&cause);
    errno = 0;
    zip_source_t *source = zip_source_buffer_create(npz->file.bytes, npz->file.size, 0, &cause);
    if (source != NULL)
        npz->zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &cause);
    mb_status status = MB_OK;
    if (npz->zip == NULL) {
        zip_source_free(source);
        status = damaged(npz, "expected an .npz file (zip)", &cause, error);
    }
    zip_error_fini(&cause);
    return status;
}

static mb_status list_members(mb_npz *npz, mb_error *error) {
    zip_int64_t count = zip_get_num_entries(npz->zip, 0);
    if (count < 1 || count > MOST_MEMBERS)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected 1 to %d members, found %" PRId64,
                       npz->path, MOST_MEMBERS, (int64_t)count);
    npz->names = calloc((size_t)count, sizeof *npz->names);
    if (npz->names == NULL)
        return mb_out_of_memory(error, npz->path);
    for (zip_int64_t i = 0; i < count; i++) {
        const char *name = zip_get_name(npz->zip, (zip_uint64_t)i, ZIP_FL_ENC_GUESS);
        size_t length = name != NULL ? strlen(name) : 0;
        if (length < 5 || strcmp(name + length - 4, ".npy") != 0)
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: member '%s': expected the name of an .npy file", npz->path,
                           name != NULL ? name : "?");
        npz->names[i] = strndup(name, length - 4);
        if (npz->names[i] == NULL)
            return mb_out_of_memory(error, npz->path);
        npz->count++;
    }
    return MB_OK;
}

mb_status mb_npz_open(const char *path, mb_npz **npz, mb_error *error) {
    *npz = NULL;
    mb_npz *opened = calloc(1, sizeof *opened);
    if (opened == NULL || (opened->path = strdup(path)) == NULL) {
        free(opened);
        return mb_out_of_memory(error, path);
    }
    mb_status status = mb_file_read(path, LARGEST_FILE, &opened->file, error);
    if (status == MB_OK) {
        mb_hash(opened->file.bytes, opened->file.size, opened->digest);
        status = open_zip(opened, error);
    }
    if (status == MB_OK)
        status = list_members(opened, error);
    if (status != MB_OK) {
        mb_npz_close(opened);
        return status;
    }
    *npz = opened;
    return MB_OK;
}

void mb_npz_close(mb_npz *npz) {
    if (npz == NULL)
        return;
    if (npz->zip != NULL)
        zip_discard(npz->zip);
    for (int i = 0; i < npz->count; i++)
        free(npz->names[i]);
    free(npz->names);
    free(npz->file.bytes);
    free(npz->path);
    free(npz);
}

const char *mb_npz_digest(const mb_npz *npz) {
    return npz->digest;
}

int mb_npz_count(const mb_npz *npz) {
    return npz->count;
}

const char *mb_npz_name(const mb_npz *npz, int member) {
    return npz->names[member];
}

static mb_status check_size(const mb_npz *npz, int member, zip_stat_t *stat, mb_error *error) {
    if (zip_stat_index(npz->zip, (zip_uint64_t)member, 0, stat) != 0 ||
        (stat->valid & (ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE)) !=
            (ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE))
        return mb_fail(error, MB_BAD_INPUT, "%s: member '%s': unreadable directory entry",
                       npz->path, npz->names[member]);
    if (stat->size > LARGEST_MEMBER || stat->size / BEST_RATIO > stat->comp_size ||
        stat->comp_size > npz->file.size)
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: member '%s': expected at most %d bytes and a ratio of at most %d, found %" PRIu64
            " bytes compressed to %" PRIu64,
            npz->path, npz->names[member], LARGEST_MEMBER, BEST_RATIO, (uint64_t)stat->size,
            (uint64_t)stat->comp_size);
    size_t most = EXPANDED_LEAST + EXPANDED_RATIO * npz->file.size;
    if (stat->size > most - npz->expanded)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: member '%s': expected members of at most %zu bytes together, as the "
                       "file has %zu bytes, found more",
                       npz->path, npz->names[member], most, npz->file.size);
    return MB_OK;
}

// Reads to the very end of the member, because that is where libzip compares its checksum.
static mb_status inflate(mb_npz *npz, int member, size_t size, unsigned char *bytes,
                         mb_error *error) {
    errno = 0;
    zip_file_t *file = zip_fopen_index(npz->zip, (zip_uint64_t)member, 0);
    char where[512];
    snprintf(where, sizeof where, "member '%.400s'", npz->names[member]);
    if (file == NULL)
        return damaged(npz, where, zip_get_error(npz->zip), error);
    size_t position = 0;
    zip_int64_t got;
    while ((got = zip_fread(file, bytes + position, size + 1 - position)) > 0 && position <= size)
        position += (size_t)got;
    mb_status status = MB_OK;
    if (got < 0) {
        size_t length = strlen(where);
        snprintf(where + length, sizeof where - length, ", offset %zu", position);
        status = damaged(npz, where, zip_file_get_error(file), error);
    } else if (position != size) {
        status =
            mb_fail(error, MB_BAD_INPUT, "%s: member '%s': expected %zu %s, found %s", npz->path,
                    npz->names[member], size, mb_plural((long long)size, "byte", "bytes"),
                    position < size ? "fewer" : "more");
    }
    zip_fclose(file);
    return status;
}

static mb_status parse_object(const unsigned char *bytes, size_t size, size_t memory,
                              const char *file, mb_pickle **pickle, const mb_python **value,
                              mb_error *error) {
    mb_npy_header header;
    mb_status status = mb_npy_parse_header(bytes, size, file, &header, error);
    if (status != MB_OK)
        return status;
    int64_t count = 1;
    for (int32_t i = 0; i < header.rank; i++)
        count = header.dims[i] == 1 ? count : 0;
    if (header.kind != 'O' || count != 1)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: expected one object, found an array of %d %s with dtype %c%d", file,
                       header.rank, mb_plural(header.rank, "dimension", "dimensions"), header.kind,
                       header.item_size);
    status = mb_pickle_read(bytes + header.data, size - header.data, memory, file, header.data,
                            pickle, value, error);
    if (status != MB_OK)
        return status;
    if ((*value)->kind != MB_PYTHON_ARRAY || (*value)->count != 1) {
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s: offset %zu: expected an array of one object, found %s", file,
                         header.data, mb_python_kind_name((*value)->kind));
        mb_pickle_free(*pickle);
        *pickle = NULL;
        return status;
    }
    *value = (*value)->items[0];
    return MB_OK;
}

mb_status mb_npz_read_object(mb_npz *npz, int member, mb_pickle **pickle, const mb_python **value,
                             mb_error *error) {
    zip_stat_t stat;
    *pickle = NULL, *value = NULL;
    mb_status status = check_size(npz, member, &stat, error);
    if (status != MB_OK)
        return status;
    npz->expanded += (size_t)stat.size;
    size_t size = (size_t)stat.size, memory = MEMORY_LEAST + MEMORY_RATIO * npz->file.size;
    size_t capacity = strlen(npz->path) + strlen(npz->names[member]) + 32;
    unsigned char *bytes = malloc(size + 1);
    char *file = malloc(capacity);
    if (bytes == NULL || file == NULL) {
        status = mb_out_of_memory(error, npz->path);
    } else {
        snprintf(file, capacity, "%s: member '%s'", npz->path, npz->names[member]);
        status = inflate(npz, member, size, bytes, error);
    }
    if (status == MB_OK)
        status = parse_object(bytes, size, memory, file, pickle, value, error);
    free(file);
    free(bytes);
    return status;
}
