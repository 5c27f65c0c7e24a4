#include "data/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "data/float_bits.h"

// ---- the header: a Python dict of three known keys --------------------------------------------

typedef struct cursor {
    const unsigned char *bytes;
    size_t position, end;
    const char *file;
    mb_error *error;
} cursor;

static mb_status expected(const cursor *at, const char *what) {
    if (at->position >= at->end)
        return mb_fail(at->error, MB_BAD_INPUT,
                       "%s: offset %zu: expected %s, found the header's end", at->file,
                       at->position, what);
    return mb_fail(at->error, MB_BAD_INPUT, "%s: offset %zu: expected %s, found byte 0x%02x",
                   at->file, at->position, what, at->bytes[at->position]);
}

static void skip_blanks(cursor *at) {
    while (at->position < at->end && strchr(" \t\r\n", at->bytes[at->position]) != NULL &&
           at->bytes[at->position] != 0)
        at->position++;
}

static bool take(cursor *at, char letter) {
    skip_blanks(at);
    if (at->position >= at->end || at->bytes[at->position] != (unsigned char)letter)
        return false;
    at->position++;
    return true;
}

// A quoted string without escapes.
static mb_status take_string(cursor *at, const char *what, char *text, size_t capacity) {
    skip_blanks(at);
    char quote = at->position < at->end ? (char)at->bytes[at->position] : 0;
    if (quote != '\'' && quote != '"')
        return expected(at, what);
    size_t length = 0, position = at->position + 1;
    while (position < at->end && at->bytes[position] != (unsigned char)quote &&
           length + 1 < capacity && at->bytes[position] != '\\' && at->bytes[position] >= ' ')
        text[length++] = (char)at->bytes[position++];
    if (position >= at->end || at->bytes[position] != (unsigned char)quote)
        return expected(at, what);
    text[length] = '\0';
    at->position = position + 1;
    return MB_OK;
}

static mb_status take_shape(cursor *at, mb_npy_header *header) {
    if (!take(at, '('))
        return expected(at, "a shape in parentheses");
    header->rank = 0;
    while (!take(at, ')')) {
        int64_t dim = 0;
        size_t digits = 0;
        if (header->rank == MB_NPY_MAX_DIMS)
            return expected(at, "at most 32 dimensions");
        for (; at->position < at->end && at->bytes[at->position] >= '0' &&
               at->bytes[at->position] <= '9';
             at->position++, digits++)
            if (digits > 15)
                return expected(at, "a dimension of at most 16 digits");
            else
                dim = dim * 10 + (at->bytes[at->position] - '0');
        if (digits == 0)
            return expected(at, "a dimension");
        if (at->position < at->end && at->bytes[at->position] == 'L')
            at->position++; // a long integer as written by Python 2
        header->dims[header->rank++] = dim;
        if (!take(at, ',')) {
            if (!take(at, ')'))
                return expected(at, "',' or ')'");
            break;
        }
        skip_blanks(at);
    }
    return MB_OK;
}

static mb_status take_type(cursor *at, mb_npy_header *header) {
    char descr[32];
    skip_blanks(at);
    size_t start = at->position;
    mb_status status = take_string(at, "a dtype of one field", descr, sizeof descr);
    if (status != MB_OK)
        return status;
    const char *type = descr + (descr[0] != '\0' && strchr("<>=|", descr[0]) != NULL);
    char *end;
    long size = strtol(*type != '\0' ? type + 1 : type, &end, 10);
    if (*type == '\0' || *end != '\0' || size < 0 || size > 4096)
        return mb_fail(at->error, MB_BAD_INPUT, "%s: offset %zu: unknown dtype '%s'", at->file,
                       start, descr);
    header->kind = *type;
    header->item_size = (int32_t)size;
    header->big_endian = descr[0] == '>';
    return MB_OK;
}

static mb_status take_truth(cursor *at, bool *truth) {
    skip_blanks(at);
    size_t left = at->end - at->position;
    const unsigned char *here = at->bytes + at->position;
    *truth = left >= 4 && memcmp(here, "True", 4) == 0;
    if (!*truth && !(left >= 5 && memcmp(here, "False", 5) == 0))
        return expected(at, "True or False");
    at->position += *truth ? 4 : 5;
    return MB_OK;
}

static mb_status take_dict(cursor *at, mb_npy_header *header) {
    enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
    int seen = 0;
    if (!take(at, '{'))
        return expected(at, "'{'");
    while (!take(at, '}')) {
        char key[16];
        size_t start = at->position;
        mb_status status = take_string(at, "'descr', 'fortran_order' or 'shape'", key, sizeof key);
        if (status != MB_OK)
            return status;
        int now = strcmp(key, "descr") == 0           ? DESCR
                  : strcmp(key, "fortran_order") == 0 ? ORDER
                  : strcmp(key, "shape") == 0         ? SHAPE
                                                      : 0;
        if (now == 0 || (seen & now) != 0)
            return mb_fail(at->error, MB_BAD_INPUT, "%s: offset %zu: %s key '%s'", at->file, start,
                           now == 0 ? "unknown" : "repeated", key);
        seen |= now;
        if (!take(at, ':'))
            return expected(at, "':'");
        status = now == DESCR   ? take_type(at, header)
                 : now == ORDER ? take_truth(at, &header->fortran_order)
                                : take_shape(at, header);
        if (status != MB_OK)
            return status;
        if (!take(at, ',')) {
            if (!take(at, '}'))
                return expected(at, "',' or '}'");
            break;
        }
        skip_blanks(at);
    }
    skip_blanks(at);
    if (at->position != at->end)
        return expected(at, "the end of the header");
    if (seen != ALL)
        return mb_fail(at->error, MB_BAD_INPUT, "%s: offset %zu: the header lacks '%s'", at->file,
                       at->position,
                       !(seen & DESCR)   ? "descr"
                       : !(seen & ORDER) ? "fortran_order"
                                         : "shape");
    return MB_OK;
}

mb_status mb_npy_parse_header(const unsigned char *bytes, size_t size, const char *file,
                              mb_npy_header *header, mb_error *error) {
    *header = (mb_npy_header){0};
    if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: offset 0: expected an .npy file, found %s", file,
                       size == 0   ? "an empty file"
                       : size < 10 ? "a truncated file"
                                   : "another format");
    int version = bytes[6];
    if (version < 1 || version > 3 || bytes[7] != 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: offset 6: expected .npy format 1.0 to 3.0, found %d.%d", file, version,
                       bytes[7]);
    size_t start = version == 1 ? 10 : 12;
    size_t length = bytes[8] | (size_t)bytes[9] << 8;
    if (version > 1 && size >= 12)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (size < start || length > size - start)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: offset 8: the header of %zu bytes is longer than the file", file,
                       length);
    cursor at = {bytes, start, start + length, file, error};
    header->data = start + length;
    return take_dict(&at, header);
}

// ---- values -----------------------------------------------------------------------------------

static mb_status count_values(const mb_npy_header *header, const char *file, int64_t *count,
                              mb_error *error) {
    *count = 1;
    for (int32_t i = 0; i < header->rank; i++)
        if (__builtin_mul_overflow(*count, header->dims[i], count) || *count > INT64_MAX / 8)
            return mb_fail(error, MB_BAD_INPUT, "%s: the shape is too large", file);
    if (*count == 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: the array has no values", file);
    return MB_OK;
}

// Drops axes of size 1. The remaining axes are (D) or (T, D).
static mb_status squeeze(const mb_npy_header *header, const char *file, mb_frames *frames,
                         mb_error *error) {
    int64_t dims[MB_NPY_MAX_DIMS];
    int32_t rank = 0;
    for (int32_t i = 0; i < header->rank; i++)
        if (header->dims[i] != 1)
            dims[rank++] = header->dims[i];
    if (rank > 2)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected one or two axes longer than 1, found %d",
                       file, rank);
    int64_t dimension = rank == 0 ? 1 : dims[rank - 1];
    if (dimension > INT32_MAX)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: expected frames of at most %d values, found %" PRId64, file, INT32_MAX,
                       dimension);
    frames->count = rank == 2 ? dims[0] : 1;
    frames->dimension = (int32_t)dimension;
    return MB_OK;
}

mb_status mb_npy_frames(const unsigned char *bytes, size_t size, const char *file,
                        mb_frames *frames, mb_error *error) {
    *frames = (mb_frames){0};
    mb_npy_header header;
    int64_t count;
    mb_status status = mb_npy_parse_header(bytes, size, file, &header, error);
    if (status == MB_OK &&
        !(header.kind == 'f' &&
          (header.item_size == 2 || header.item_size == 4 || header.item_size == 8)))
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s: expected floating-point values of 2, 4 or 8 bytes, found dtype %c%d",
                         file, header.kind, header.item_size);
    if (status == MB_OK)
        status = count_values(&header, file, &count, error);
    if (status == MB_OK)
        status = squeeze(&header, file, frames, error);
    if (status != MB_OK)
        return status;
    uint64_t found = size - header.data, wanted = (uint64_t)count * (uint64_t)header.item_size;
    if (found != wanted)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: offset %zu: expected %" PRIu64 " %s of values, found %" PRIu64 " (%s)",
                       file, header.data, wanted, mb_plural((long long)wanted, "byte", "bytes"),
                       found, found < wanted ? "truncated" : "trailing garbage");
    frames->values = malloc((size_t)count * sizeof *frames->values);
    if (frames->values == NULL)
        return mb_out_of_memory(error, file);
    const unsigned char *values = bytes + header.data;
    if (header.item_size == 4 && !header.big_endian && !header.fortran_order) {
        memcpy(frames->values, values, wanted);
        return MB_OK;
    }
    for (int64_t t = 0, i = 0; t < frames->count; t++)
        for (int64_t d = 0; d < frames->dimension; d++, i++) {
            int64_t from = header.fortran_order ? d * frames->count + t : i;
            frames->values[i] = (float)mb_float_from_bytes(values + from * header.item_size,
                                                           header.item_size, header.big_endian);
        }
    return MB_OK;
}
