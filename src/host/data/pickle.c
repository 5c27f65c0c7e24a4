#include "data/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "base/utf8.h"
#include "data/float_bits.h"
#include "data/pickle_machine.h"

// The values, the stack and the memo of a regular pickle need less memory than this multiple of its
// size. The limit stops small files that expand to a huge number of values.
enum { BUDGET_RATIO = 128, BUDGET_LEAST = 1 << 16 };

// ---- operands ---------------------------------------------------------------------------------

static mb_status take(mb_pickle *pickle, size_t count, const unsigned char **bytes) {
    *bytes = NULL;
    if (pickle->size - pickle->position < count)
        return mb_pickle_fail(pickle, "truncated: the opcode's operand has %zu %s, %zu are left",
                              count, mb_plural((long long)count, "byte", "bytes"),
                              pickle->size - pickle->position);
    *bytes = pickle->bytes + pickle->position;
    pickle->position += count;
    return MB_OK;
}

static mb_status take_number(mb_pickle *pickle, int size, uint64_t *number) {
    const unsigned char *bytes = NULL;
    mb_status status = take(pickle, (size_t)size, &bytes);
    if (status == MB_OK)
        *number = mb_bits_from_bytes(bytes, size, false);
    return status;
}

// A string or bytes, preceded by their length in `size` bytes.
static mb_status push_text(mb_pickle *pickle, int size, mb_python_kind kind) {
    uint64_t length = 0;
    const unsigned char *bytes = NULL;
    mb_status status = take_number(pickle, size, &length);
    if (status == MB_OK && length > pickle->size - pickle->position)
        status = mb_pickle_fail(pickle, "truncated: the opcode's operand has %llu %s, %zu are left",
                                (unsigned long long)length,
                                mb_plural((long long)length, "byte", "bytes"),
                                pickle->size - pickle->position);
    if (status == MB_OK)
        status = take(pickle, (size_t)length, &bytes);
    if (status != MB_OK)
        return status;
    if (kind == MB_PYTHON_TEXT && !mb_is_utf8((const char *)bytes, (size_t)length))
        return mb_pickle_fail(pickle, "a string is not UTF-8");
    char *copy = mb_pickle_allocate(pickle, (size_t)length + 1);
    if (copy == NULL)
        return mb_pickle_no_memory(pickle);
    memcpy(copy, bytes, (size_t)length);
    return mb_pickle_push(pickle,
                          (mb_python){.kind = kind, .text = copy, .length = (size_t)length});
}

static mb_status push_integer(mb_pickle *pickle, int size) {
    uint64_t bits = 0;
    mb_status status = take_number(pickle, size, &bits);
    if (status != MB_OK)
        return status;
    int64_t integer = size == 4 ? (int32_t)bits : (int64_t)bits; // only BININT is signed
    return mb_pickle_push(pickle, (mb_python){.kind = MB_PYTHON_INTEGER, .integer = integer});
}

static mb_status push_long(mb_pickle *pickle) {
    uint64_t size = 0, bits = 0;
    mb_status status = take_number(pickle, 1, &size);
    if (status == MB_OK && size > 8)
        status = mb_pickle_fail(pickle, "an integer of %d bytes is too large", (int)size);
    if (status == MB_OK)
        status = take_number(pickle, (int)size, &bits);
    if (status != MB_OK)
        return status;
    if (size > 0 && size < 8 && (bits >> (8 * size - 1) & 1) != 0)
        bits |= ~UINT64_C(0) << 8 * size;
    return mb_pickle_push(pickle, (mb_python){.kind = MB_PYTHON_INTEGER, .integer = (int64_t)bits});
}

static mb_status push_real(mb_pickle *pickle) {
    const unsigned char *bytes = NULL;
    mb_status status = take(pickle, 8, &bytes);
    if (status != MB_OK)
        return status;
    return mb_pickle_push(
        pickle, (mb_python){.kind = MB_PYTHON_REAL, .real = mb_float_from_bytes(bytes, 8, true)});
}

// ---- containers -------------------------------------------------------------------------------

static mb_status append_all(mb_pickle *pickle, mb_python *list, mb_python **items, size_t count) {
    mb_status status = MB_OK;
    for (size_t i = 0; i < count && status == MB_OK; i++)
        status = mb_pickle_append(pickle, list, items[i]);
    return status;
}

// Pushes a tuple of `count` values, which have been popped from the stack.
static mb_status push_tuple(mb_pickle *pickle, mb_python **items, size_t count) {
    mb_python tuple = {.kind = MB_PYTHON_TUPLE};
    mb_status status = append_all(pickle, &tuple, items, count);
    return status == MB_OK ? mb_pickle_push(pickle, tuple) : status;
}

static mb_status short_tuple(mb_pickle *pickle, size_t count) {
    mb_status status = mb_pickle_need(pickle, count);
    if (status != MB_OK)
        return status;
    pickle->stack.count -= count;
    return push_tuple(pickle, pickle->stack.items + pickle->stack.count, count);
}

static mb_status long_tuple(mb_pickle *pickle) {
    mb_python **items;
    size_t count;
    mb_status status = mb_pickle_pop_mark(pickle, &items, &count);
    return status == MB_OK ? push_tuple(pickle, items, count) : status;
}

static mb_status extend(mb_pickle *pickle, mb_python_kind kind, mb_python **items, size_t count) {
    mb_status status = mb_pickle_need(pickle, 1);
    if (status != MB_OK)
        return status;
    if (mb_pickle_top(pickle)->kind != kind)
        return mb_pickle_fail(pickle, "expected %s to extend, found %s", mb_python_kind_name(kind),
                              mb_python_kind_name(mb_pickle_top(pickle)->kind));
    if (kind == MB_PYTHON_DICT && count % 2 != 0)
        return mb_pickle_fail(pickle, "a key has no value");
    return append_all(pickle, mb_pickle_top(pickle), items, count);
}

static mb_status extend_by(mb_pickle *pickle, mb_python_kind kind, size_t count) {
    mb_status status = mb_pickle_need(pickle, count + 1);
    if (status != MB_OK)
        return status;
    pickle->stack.count -= count;
    return extend(pickle, kind, pickle->stack.items + pickle->stack.count, count);
}

static mb_status extend_from_mark(mb_pickle *pickle, mb_python_kind kind) {
    mb_python **items;
    size_t count;
    mb_status status = mb_pickle_pop_mark(pickle, &items, &count);
    return status == MB_OK ? extend(pickle, kind, items, count) : status;
}

// ---- memo -------------------------------------------------------------------------------------

static mb_status memo_opcode(mb_pickle *pickle, int size,
                             mb_status (*action)(mb_pickle *, uint64_t)) {
    uint64_t index = 0;
    mb_status status = take_number(pickle, size, &index);
    return status == MB_OK ? action(pickle, index) : status;
}

// ---- names ------------------------------------------------------------------------------------

// "module\nname\n".
static mb_status global(mb_pickle *pickle) {
    const char *lines[2];
    size_t lengths[2];
    for (int i = 0; i < 2; i++) {
        lines[i] = (const char *)pickle->bytes + pickle->position;
        const char *end = memchr(lines[i], '\n', pickle->size - pickle->position);
        if (end == NULL)
            return mb_pickle_fail(pickle, "truncated: a name does not end");
        lengths[i] = (size_t)(end - lines[i]);
        pickle->position += lengths[i] + 1;
    }
    mb_python value;
    mb_status status = mb_pickle_global(pickle, lines[0], lengths[0], lines[1], lengths[1], &value);
    return status == MB_OK ? mb_pickle_push(pickle, value) : status;
}

static mb_status stack_global(mb_pickle *pickle) {
    mb_status status = mb_pickle_need(pickle, 2);
    if (status != MB_OK)
        return status;
    const mb_python *name = mb_pickle_pop(pickle), *module = mb_pickle_pop(pickle);
    if (name->kind != MB_PYTHON_TEXT || module->kind != MB_PYTHON_TEXT)
        return mb_pickle_fail(pickle, "a name is not a string");
    mb_python value;
    status =
        mb_pickle_global(pickle, module->text, module->length, name->text, name->length, &value);
    return status == MB_OK ? mb_pickle_push(pickle, value) : status;
}

static mb_status reduce(mb_pickle *pickle) {
    mb_status status = mb_pickle_need(pickle, 2);
    if (status != MB_OK)
        return status;
    const mb_python *arguments = mb_pickle_pop(pickle), *function = mb_pickle_pop(pickle);
    mb_python value = {0};
    status = mb_pickle_reduce(pickle, function, arguments, &value);
    return status == MB_OK ? mb_pickle_push(pickle, value) : status;
}

static mb_status build(mb_pickle *pickle) {
    mb_status status = mb_pickle_need(pickle, 2);
    if (status != MB_OK)
        return status;
    const mb_python *state = mb_pickle_pop(pickle);
    return mb_pickle_build(pickle, mb_pickle_top(pickle), state);
}

// ---- the machine ------------------------------------------------------------------------------

// Names of opcodes that are refused, for messages.
static const char *opcode_name(unsigned char opcode) {
    static const char *const names[256] = {
        ['0'] = "POP",          ['1'] = "POP_MARK",
        ['2'] = "DUP",          ['F'] = "FLOAT",
        ['I'] = "INT",          ['L'] = "LONG",
        ['P'] = "PERSID",       ['Q'] = "BINPERSID",
        ['S'] = "STRING",       ['V'] = "UNICODE",
        ['d'] = "DICT",         ['g'] = "GET",
        ['i'] = "INST",         ['l'] = "LIST",
        ['o'] = "OBJ",          ['p'] = "PUT",
        [0x81] = "NEWOBJ",      [0x82] = "EXT1",
        [0x83] = "EXT2",        [0x84] = "EXT4",
        [0x8b] = "LONG4",       [0x8f] = "EMPTY_SET",
        [0x90] = "ADDITEMS",    [0x91] = "FROZENSET",
        [0x92] = "NEWOBJ_EX",   [0x96] = "BYTEARRAY8",
        [0x97] = "NEXT_BUFFER", [0x98] = "READONLY_BUFFER",
    };
    return names[opcode] != NULL ? names[opcode] : "unknown";
}

static mb_status protocol(mb_pickle *pickle) {
    uint64_t version = 0;
    mb_status status = take_number(pickle, 1, &version);
    if (status == MB_OK && (version < 2 || version > 5 || pickle->opcode != 0))
        status = mb_pickle_fail(pickle, "expected one pickle of protocol 2 to 5, found protocol %d",
                                (int)version);
    return status;
}

static mb_status frame(mb_pickle *pickle) {
    uint64_t length = 0;
    mb_status status = take_number(pickle, 8, &length);
    if (status == MB_OK && length > pickle->size - pickle->position)
        status = mb_pickle_fail(
            pickle, "truncated: a frame has %llu %s, %zu are left", (unsigned long long)length,
            mb_plural((long long)length, "byte", "bytes"), pickle->size - pickle->position);
    return status;
}

static mb_status execute(mb_pickle *pickle, unsigned char opcode) {
    switch (opcode) {
    case 0x80:
        return protocol(pickle);
    case 0x95:
        return frame(pickle);
    case '.':
        pickle->stopped = true;
        return mb_pickle_need(pickle, 1);
    case '(':
        return mb_pickle_mark(pickle);
    case 'N':
        return mb_pickle_push(pickle, (mb_python){.kind = MB_PYTHON_NONE});
    case 0x88:
    case 0x89:
        return mb_pickle_push(pickle, (mb_python){.kind = MB_PYTHON_BOOL, .truth = opcode == 0x88});
    case 'J':
        return push_integer(pickle, 4);
    case 'K':
        return push_integer(pickle, 1);
    case 'M':
        return push_integer(pickle, 2);
    case 0x8a:
        return push_long(pickle);
    case 'G':
        return push_real(pickle);
    case 'X':
    case 'T':
        return push_text(pickle, 4, MB_PYTHON_TEXT);
    case 0x8c:
    case 'U':
        return push_text(pickle, 1, MB_PYTHON_TEXT);
    case 0x8d:
        return push_text(pickle, 8, MB_PYTHON_TEXT);
    case 'B':
        return push_text(pickle, 4, MB_PYTHON_BYTES);
    case 'C':
        return push_text(pickle, 1, MB_PYTHON_BYTES);
    case 0x8e:
        return push_text(pickle, 8, MB_PYTHON_BYTES);
    case ')':
        return mb_pickle_push(pickle, (mb_python){.kind = MB_PYTHON_TUPLE});
    case 't':
        return long_tuple(pickle);
    case 0x85:
    case 0x86:
    case 0x87:
        return short_tuple(pickle, opcode - 0x84u);
    case ']':
        return mb_pickle_push(pickle, (mb_python){.kind = MB_PYTHON_LIST});
    case 'a':
        return extend_by(pickle, MB_PYTHON_LIST, 1);
    case 'e':
        return extend_from_mark(pickle, MB_PYTHON_LIST);
    case '}':
        return mb_pickle_push(pickle, (mb_python){.kind = MB_PYTHON_DICT});
    case 's':
        return extend_by(pickle, MB_PYTHON_DICT, 2);
    case 'u':
        return extend_from_mark(pickle, MB_PYTHON_DICT);
    case 'q':
        return memo_opcode(pickle, 1, mb_pickle_memoize);
    case 'r':
        return memo_opcode(pickle, 4, mb_pickle_memoize);
    case 0x94:
        return mb_pickle_memoize(pickle, pickle->memo.count);
    case 'h':
        return memo_opcode(pickle, 1, mb_pickle_recall);
    case 'j':
        return memo_opcode(pickle, 4, mb_pickle_recall);
    case 'c':
        return global(pickle);
    case 0x93:
        return stack_global(pickle);
    case 'R':
        return reduce(pickle);
    case 'b':
        return build(pickle);
    default:
        return mb_pickle_fail(pickle,
                              "opcode 0x%02x (%s) is not needed for labels and is refused; nothing "
                              "was executed",
                              opcode, opcode_name(opcode));
    }
}

mb_status mb_pickle_read(const unsigned char *bytes, size_t size, size_t memory, const char *file,
                         size_t offset, mb_pickle **pickle, const mb_python **value,
                         mb_error *error) {
    *pickle = NULL, *value = NULL;
    size_t plausible = BUDGET_RATIO * size + BUDGET_LEAST;
    mb_pickle *machine = calloc(1, sizeof *machine);
    if (machine == NULL)
        return mb_out_of_memory(error, file);
    *machine = (mb_pickle){.bytes = bytes,
                           .size = size,
                           .budget = memory < plausible ? memory : plausible,
                           .file = file,
                           .offset = offset,
                           .error = error};
    mb_status status = MB_OK;
    if (size == 0 || bytes[0] != 0x80)
        status = mb_pickle_fail(machine, "expected a pickle of protocol 2 to 5");
    while (status == MB_OK && !machine->stopped) {
        machine->opcode = machine->position;
        if (machine->position == size)
            status = mb_pickle_fail(machine, "truncated: the pickle does not end");
        else
            status = execute(machine, bytes[machine->position++]);
    }
    if (status == MB_OK && (machine->stack.count != 1 || machine->mark_count != 0))
        status = mb_pickle_fail(machine, "expected one value at the end, found %zu",
                                machine->stack.count);
    if (status == MB_OK && machine->position != size)
        status = mb_pickle_fail(
            machine, "%zu %s the pickle's end", size - machine->position,
            mb_plural((long long)(size - machine->position), "byte follows", "bytes follow"));
    if (status != MB_OK) {
        mb_pickle_free(machine);
        return status;
    }
    *value = machine->stack.items[0];
    *pickle = machine;
    return MB_OK;
}

size_t mb_pickle_size(const mb_pickle *pickle) {
    return pickle->size;
}

const char *mb_python_kind_name(mb_python_kind kind) {
    static const char *const names[] = {
        "None",    "a truth value", "an integer", "a real number", "a string",      "bytes",
        "a tuple", "a list",        "a dict",     "an array",      "a numpy dtype", "a function"};
    return names[kind];
}

const mb_python *mb_python_get(const mb_python *dict, const char *key) {
    for (size_t i = 0; i + 1 < dict->count; i += 2)
        if (dict->items[i]->kind == MB_PYTHON_TEXT && dict->items[i]->length == strlen(key) &&
            memcmp(dict->items[i]->text, key, strlen(key)) == 0)
            return dict->items[i + 1];
    return NULL;
}
