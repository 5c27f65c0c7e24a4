// The few names that the pickles of numpy refer to, and what they stand for.
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "base/utf8.h"
#include "data/float_bits.h"
#include "data/pickle_machine.h"

static bool is(const char *text, size_t length, const char *expected) {
    return strlen(expected) == length && memcmp(text, expected, length) == 0;
}

mb_status mb_pickle_global(mb_pickle *pickle, const char *module, size_t module_length,
                           const char *name, size_t name_length, mb_python *value) {
    static const struct {
        const char *module, *name;
        int32_t global;
    } known[] = {
        {"numpy.core.multiarray", "_reconstruct", MB_GLOBAL_RECONSTRUCT},
        {"numpy._core.multiarray", "_reconstruct", MB_GLOBAL_RECONSTRUCT},
        {"numpy.core.multiarray", "scalar", MB_GLOBAL_SCALAR},
        {"numpy._core.multiarray", "scalar", MB_GLOBAL_SCALAR},
        {"numpy", "ndarray", MB_GLOBAL_NDARRAY},
        {"numpy", "dtype", MB_GLOBAL_DTYPE},
        {"_codecs", "encode", MB_GLOBAL_ENCODE}, // used for bytes by protocol 2
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (is(module, module_length, known[i].module) && is(name, name_length, known[i].name)) {
            *value = (mb_python){.kind = MB_PYTHON_GLOBAL, .global = known[i].global};
            return MB_OK;
        }
    return mb_pickle_fail(pickle,
                          "the name %.*s.%.*s is not needed for labels and is refused; nothing was "
                          "executed",
                          (int)(module_length < 100 ? module_length : 100), module,
                          (int)(name_length < 100 ? name_length : 100), name);
}

// dtype('f8', False, True)
static mb_status make_dtype(mb_pickle *pickle, const mb_python *arguments, mb_python *value) {
    if (arguments->count < 1 || arguments->items[0]->kind != MB_PYTHON_TEXT)
        return mb_pickle_fail(pickle, "a numpy dtype has no name");
    const char *name = arguments->items[0]->text;
    const char *type = name + (name[0] != '\0' && strchr("<>|=", name[0]) != NULL);
    char *end = NULL;
    long size = *type != '\0' ? strtol(type + 1, &end, 10) : 0;
    if (*type == '\0' || *end != '\0' || strchr("fiubUO?", *type) == NULL || size < 0 ||
        size > 1 << 20)
        return mb_pickle_fail(pickle, "the numpy dtype '%.20s' is not needed for labels", name);
    *value = (mb_python){.kind = MB_PYTHON_DTYPE};
    value->dtype.type = *type == '?' ? 'b' : *type;
    value->dtype.size = *type == '?' ? 1 : (int32_t)size;
    value->dtype.big_endian = name[0] == '>';
    return MB_OK;
}

// numpy.str_: UTF-32, padded with zeros.
static mb_status make_text(mb_pickle *pickle, const mb_python *dtype, const mb_python *bytes,
                           mb_python *value) {
    size_t letters = bytes->length / 4;
    char *text = mb_pickle_allocate(pickle, bytes->length + 1);
    if (text == NULL)
        return mb_pickle_no_memory(pickle);
    size_t length = 0;
    for (size_t i = 0; i < letters; i++) {
        const unsigned char *letter = (const unsigned char *)bytes->text + 4 * i;
        uint32_t code = (uint32_t)mb_bits_from_bytes(letter, 4, dtype->dtype.big_endian);
        if (code == 0)
            break;
        size_t written = mb_utf8_write((int32_t)code, text + length);
        if (written == 0)
            return mb_pickle_fail(pickle, "a numpy string is not valid Unicode");
        length += written;
    }
    *value = (mb_python){.kind = MB_PYTHON_TEXT, .text = text, .length = length};
    return MB_OK;
}

static mb_status make_number(mb_pickle *pickle, const mb_python *dtype, const mb_python *bytes,
                             mb_python *value) {
    int size = dtype->dtype.size;
    const unsigned char *raw = (const unsigned char *)bytes->text;
    if (dtype->dtype.type == 'f' && size > 1) {
        double real = mb_float_from_bytes(raw, size, dtype->dtype.big_endian);
        *value = (mb_python){.kind = MB_PYTHON_REAL, .real = real};
        return MB_OK;
    }
    if (dtype->dtype.type == 'f')
        return mb_pickle_fail(pickle, "there is no numpy float of %d %s", size,
                              mb_plural(size, "byte", "bytes"));
    uint64_t bits = mb_bits_from_bytes(raw, size, dtype->dtype.big_endian);
    if (dtype->dtype.type == 'b') {
        *value = (mb_python){.kind = MB_PYTHON_BOOL, .truth = bits != 0};
        return MB_OK;
    }
    if (dtype->dtype.type == 'i' && size < 8 && (bits >> (8 * size - 1) & 1) != 0)
        bits |= ~UINT64_C(0) << 8 * size;
    if (dtype->dtype.type == 'u' && bits > INT64_MAX)
        return mb_pickle_fail(pickle, "an integer is too large");
    *value = (mb_python){.kind = MB_PYTHON_INTEGER, .integer = (int64_t)bits};
    return MB_OK;
}

// scalar(dtype, bytes)
static mb_status make_scalar(mb_pickle *pickle, const mb_python *arguments, mb_python *value) {
    const mb_python *dtype = arguments->count == 2 ? arguments->items[0] : NULL;
    const mb_python *bytes = arguments->count == 2 ? arguments->items[1] : NULL;
    if (dtype == NULL || dtype->kind != MB_PYTHON_DTYPE || bytes->kind != MB_PYTHON_BYTES)
        return mb_pickle_fail(pickle, "a numpy scalar needs a dtype and bytes");
    size_t expected = (size_t)dtype->dtype.size * (dtype->dtype.type == 'U' ? 4 : 1);
    if (bytes->length != expected)
        return mb_pickle_fail(pickle, "a numpy scalar of dtype %c%d has %zu %s", dtype->dtype.type,
                              dtype->dtype.size, bytes->length,
                              mb_plural((long long)bytes->length, "byte", "bytes"));
    int size = dtype->dtype.size;
    switch (dtype->dtype.type) {
    case 'U':
        return make_text(pickle, dtype, bytes, value);
    case 'f':
    case 'i':
    case 'u':
    case 'b':
        if (size == 1 || size == 2 || size == 4 || size == 8)
            return make_number(pickle, dtype, bytes, value);
        break;
    default:
        break;
    }
    return mb_pickle_fail(pickle, "a numpy scalar of dtype %c%d is not needed for labels",
                          dtype->dtype.type, size);
}

// encode(text, 'latin1') is how protocol 2 writes bytes.
static mb_status encode(mb_pickle *pickle, const mb_python *arguments, mb_python *value) {
    if (arguments->count != 2 || arguments->items[0]->kind != MB_PYTHON_TEXT ||
        arguments->items[1]->kind != MB_PYTHON_TEXT ||
        strcmp(arguments->items[1]->text, "latin1") != 0)
        return mb_pickle_fail(pickle, "_codecs.encode: expected a string and 'latin1'");
    const char *text = arguments->items[0]->text;
    size_t length = arguments->items[0]->length, count = 0;
    char *bytes = mb_pickle_allocate(pickle, length + 1);
    if (bytes == NULL)
        return mb_pickle_no_memory(pickle);
    for (const char *end = text + length; text < end;) {
        int32_t letter = mb_utf8_next(&text, end);
        if (letter < 0 || letter > 0xFF)
            return mb_pickle_fail(pickle, "_codecs.encode: a character is not in latin1");
        bytes[count++] = (char)letter;
    }
    *value = (mb_python){.kind = MB_PYTHON_BYTES, .text = bytes, .length = count};
    return MB_OK;
}

mb_status mb_pickle_reduce(mb_pickle *pickle, const mb_python *function, const mb_python *arguments,
                           mb_python *value) {
    if (function->kind != MB_PYTHON_GLOBAL || arguments->kind != MB_PYTHON_TUPLE)
        return mb_pickle_fail(pickle, "expected a function and a tuple, found %s and %s",
                              mb_python_kind_name(function->kind),
                              mb_python_kind_name(arguments->kind));
    switch (function->global) {
    case MB_GLOBAL_RECONSTRUCT: // (ndarray, (0,), b'b'): the real shape follows with BUILD
        if (arguments->count != 3 || arguments->items[0]->kind != MB_PYTHON_GLOBAL ||
            arguments->items[0]->global != MB_GLOBAL_NDARRAY)
            return mb_pickle_fail(pickle, "expected a plain numpy array");
        *value = (mb_python){.kind = MB_PYTHON_ARRAY};
        return MB_OK;
    case MB_GLOBAL_SCALAR:
        return make_scalar(pickle, arguments, value);
    case MB_GLOBAL_DTYPE:
        return make_dtype(pickle, arguments, value);
    case MB_GLOBAL_ENCODE:
        return encode(pickle, arguments, value);
    default:
        return mb_pickle_fail(pickle, "expected a function to call, found the class numpy.ndarray");
    }
}

// The state is (3, '<', None, None, None, -1, -1, 0); only the byte order matters here.
static mb_status build_dtype(mb_pickle *pickle, mb_python *dtype, const mb_python *state) {
    if (state->kind != MB_PYTHON_TUPLE || state->count < 2 ||
        state->items[1]->kind != MB_PYTHON_TEXT || state->items[1]->length != 1 ||
        strchr("<>|=", state->items[1]->text[0]) == NULL)
        return mb_pickle_fail(pickle, "the state of a numpy dtype is not as expected");
    if (state->count > 2 && state->items[2]->kind != MB_PYTHON_NONE)
        return mb_pickle_fail(pickle, "numpy dtypes with fields are not needed for labels");
    dtype->dtype.big_endian = state->items[1]->text[0] == '>';
    return MB_OK;
}

// The state is (version, shape, dtype, fortran order, list of objects).
static mb_status build_array(mb_pickle *pickle, mb_python *array, const mb_python *state) {
    if (state->kind != MB_PYTHON_TUPLE || state->count != 5 ||
        state->items[1]->kind != MB_PYTHON_TUPLE || state->items[2]->kind != MB_PYTHON_DTYPE)
        return mb_pickle_fail(pickle, "the state of a numpy array is not as expected");
    const mb_python *shape = state->items[1], *values = state->items[4];
    if (state->items[2]->dtype.type != 'O' || values->kind != MB_PYTHON_LIST)
        return mb_pickle_fail(pickle, "expected a numpy array of objects, found one of numbers");
    size_t expected = 1;
    for (size_t i = 0; i < shape->count; i++)
        if (shape->items[i]->kind != MB_PYTHON_INTEGER || shape->items[i]->integer < 0 ||
            __builtin_mul_overflow(expected, (size_t)shape->items[i]->integer, &expected))
            return mb_pickle_fail(pickle, "the shape of a numpy array is not valid");
    if (values->count != expected)
        return mb_pickle_fail(pickle, "a numpy array of %zu %s has %zu %s", expected,
                              mb_plural((long long)expected, "object", "objects"), values->count,
                              mb_plural((long long)values->count, "value", "values"));
    // The list's memory is shared, not copied: a pickle could name the same list many times.
    *array = (mb_python){
        .kind = MB_PYTHON_ARRAY, .items = values->items, .count = values->count, .capacity = 0};
    return MB_OK;
}

mb_status mb_pickle_build(mb_pickle *pickle, mb_python *object, const mb_python *state) {
    if (object->kind == MB_PYTHON_DTYPE)
        return build_dtype(pickle, object, state);
    if (object->kind == MB_PYTHON_ARRAY)
        return build_array(pickle, object, state);
    return mb_pickle_fail(pickle, "%s has no state to set", mb_python_kind_name(object->kind));
}
