#include "data/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/corpus_file.h"
#include "data/float_bits.h"
#include "data/pickle_machine.h"

// An opcode makes at most one value, so memory is bounded by the size of the file.
enum { BLOCK_SIZE = 1 << 16, MOST_MARKS = 1000 };

struct block {
    struct block *next;
    size_t used, room;
    max_align_t memory[];
};

void *mb_pickle_allocate(mb_pickle *pickle, size_t size) {
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct block *block = pickle->blocks;
    if (block == NULL || block->room - block->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = malloc(sizeof *block + room);
        if (block == NULL)
            return NULL;
        *block = (struct block){pickle->blocks, 0, room};
        pickle->blocks = block;
    }
    void *memory = (char *)block->memory + block->used;
    block->used += size;
    return memset(memory, 0, size);
}

mb_status mb_pickle_fail(mb_pickle *pickle, const char *format, ...) {
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return mb_fail(pickle->error, MB_BAD_INPUT, "%s: offset %zu: %s", pickle->file,
                   pickle->offset + pickle->opcode, what);
}

static mb_status no_memory(mb_pickle *pickle) {
    return mb_out_of_memory(pickle->error, pickle->file);
}

// Doubles a list outside the blocks.
static bool grow(void **items, size_t *room, size_t item_size, size_t needed) {
    if (needed <= *room)
        return true;
    size_t larger = needed < 32 ? 64 : 2 * needed;
    void *moved = realloc(*items, larger * item_size);
    if (moved == NULL)
        return false;
    *items = moved;
    *room = larger;
    return true;
}

mb_status mb_pickle_append(mb_pickle *pickle, mb_python *list, mb_python *item) {
    if (list->count == list->room) { // the old memory stays with the pickle: at most as much again
        size_t room = list->room < 4 ? 4 : 2 * list->room;
        mb_python **items = mb_pickle_allocate(pickle, room * sizeof *items);
        if (items == NULL)
            return no_memory(pickle);
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = item;
    return MB_OK;
}

// ---- the stack
// -------------------------------------------------------------------------------------

static mb_status push(mb_pickle *pickle, mb_python value) {
    mb_python *kept = mb_pickle_allocate(pickle, sizeof *kept);
    python_list *stack = &pickle->stack;
    if (kept == NULL ||
        !grow((void **)&stack->items, &stack->room, sizeof *stack->items, stack->count + 1))
        return no_memory(pickle);
    *kept = value;
    stack->items[stack->count++] = kept;
    return MB_OK;
}

// How many values lie above the last mark.
static size_t above_mark(const mb_pickle *pickle) {
    size_t floor = pickle->mark_count > 0 ? pickle->marks[pickle->mark_count - 1] : 0;
    return pickle->stack.count - floor;
}

static mb_status need(mb_pickle *pickle, size_t count) {
    if (above_mark(pickle) >= count)
        return MB_OK;
    return mb_pickle_fail(pickle, "the opcode needs %zu values, there are %zu", count,
                          above_mark(pickle));
}

static mb_python *pop(mb_pickle *pickle) {
    return pickle->stack.items[--pickle->stack.count];
}

static mb_python *top(mb_pickle *pickle) {
    return pickle->stack.items[pickle->stack.count - 1];
}

static mb_status mark(mb_pickle *pickle) {
    if (pickle->mark_count == MOST_MARKS)
        return mb_pickle_fail(pickle, "values are nested more than %d deep", MOST_MARKS);
    if (!grow((void **)&pickle->marks, &pickle->mark_room, sizeof *pickle->marks,
              pickle->mark_count + 1))
        return no_memory(pickle);
    pickle->marks[pickle->mark_count++] = pickle->stack.count;
    return MB_OK;
}

// Takes the values above the last mark and the mark away; they stay readable until the next push.
static mb_status pop_mark(mb_pickle *pickle, mb_python ***items, size_t *count) {
    if (pickle->mark_count == 0)
        return mb_pickle_fail(pickle, "the opcode needs a mark, there is none");
    *count = above_mark(pickle);
    *items = pickle->stack.items + (pickle->stack.count - *count);
    pickle->stack.count -= *count;
    pickle->mark_count--;
    return MB_OK;
}

// ---- operands
// --------------------------------------------------------------------------------------

static mb_status take(mb_pickle *pickle, size_t count, const unsigned char **bytes) {
    if (pickle->size - pickle->position < count)
        return mb_pickle_fail(pickle, "truncated: the opcode's operand has %zu bytes, %zu are left",
                              count, pickle->size - pickle->position);
    *bytes = pickle->bytes + pickle->position;
    pickle->position += count;
    return MB_OK;
}

static mb_status take_number(mb_pickle *pickle, int size, uint64_t *number) {
    const unsigned char *bytes;
    mb_status status = take(pickle, (size_t)size, &bytes);
    if (status == MB_OK)
        *number = mb_bits_from_bytes(bytes, size, false);
    return status;
}

// A string or bytes with a length of `size` bytes in front.
static mb_status push_text(mb_pickle *pickle, int size, mb_python_kind kind) {
    uint64_t length;
    const unsigned char *bytes;
    mb_status status = take_number(pickle, size, &length);
    if (status == MB_OK && length > pickle->size - pickle->position)
        status =
            mb_pickle_fail(pickle, "truncated: the opcode's operand has %llu bytes, %zu are left",
                           (unsigned long long)length, pickle->size - pickle->position);
    if (status == MB_OK)
        status = take(pickle, (size_t)length, &bytes);
    if (status != MB_OK)
        return status;
    if (kind == MB_PYTHON_TEXT && !mb_is_utf8((const char *)bytes, (size_t)length))
        return mb_pickle_fail(pickle, "a string is not UTF-8");
    if (kind == MB_PYTHON_TEXT && memchr(bytes, 0, (size_t)length) != NULL)
        return mb_pickle_fail(pickle, "a string holds a zero byte");
    char *copy = mb_pickle_allocate(pickle, (size_t)length + 1);
    if (copy == NULL)
        return no_memory(pickle);
    memcpy(copy, bytes, (size_t)length);
    return push(pickle, (mb_python){.kind = kind, .text = copy, .length = (size_t)length});
}

static mb_status push_integer(mb_pickle *pickle, int size) {
    uint64_t bits;
    mb_status status = take_number(pickle, size, &bits);
    if (status != MB_OK)
        return status;
    int64_t integer = size == 4 ? (int32_t)bits : (int64_t)bits; // BININT has a sign
    return push(pickle, (mb_python){.kind = MB_PYTHON_INTEGER, .integer = integer});
}

static mb_status push_long(mb_pickle *pickle) {
    uint64_t size, bits;
    mb_status status = take_number(pickle, 1, &size);
    if (status == MB_OK && size > 8)
        status = mb_pickle_fail(pickle, "an integer of %d bytes is too large", (int)size);
    if (status == MB_OK)
        status = take_number(pickle, (int)size, &bits);
    if (status != MB_OK)
        return status;
    if (size > 0 && size < 8 && (bits >> (8 * size - 1) & 1) != 0)
        bits |= ~UINT64_C(0) << 8 * size;
    return push(pickle, (mb_python){.kind = MB_PYTHON_INTEGER, .integer = (int64_t)bits});
}

static mb_status push_real(mb_pickle *pickle) {
    const unsigned char *bytes;
    mb_status status = take(pickle, 8, &bytes);
    if (status != MB_OK)
        return status;
    return push(pickle,
                (mb_python){.kind = MB_PYTHON_REAL, .real = mb_float_from_bytes(bytes, 8, true)});
}

// ---- containers
// ------------------------------------------------------------------------------------

static mb_status append_all(mb_pickle *pickle, mb_python *list, mb_python **items, size_t count) {
    mb_status status = MB_OK;
    for (size_t i = 0; i < count && status == MB_OK; i++)
        status = mb_pickle_append(pickle, list, items[i]);
    return status;
}

// A tuple of the last `count` values, which are then taken from the stack.
static mb_status push_tuple(mb_pickle *pickle, mb_python **items, size_t count) {
    mb_python tuple = {.kind = MB_PYTHON_TUPLE};
    mb_status status = append_all(pickle, &tuple, items, count);
    return status == MB_OK ? push(pickle, tuple) : status;
}

static mb_status short_tuple(mb_pickle *pickle, size_t count) {
    mb_status status = need(pickle, count);
    if (status != MB_OK)
        return status;
    pickle->stack.count -= count;
    return push_tuple(pickle, pickle->stack.items + pickle->stack.count, count);
}

static mb_status long_tuple(mb_pickle *pickle) {
    mb_python **items;
    size_t count;
    mb_status status = pop_mark(pickle, &items, &count);
    return status == MB_OK ? push_tuple(pickle, items, count) : status;
}

static mb_status extend(mb_pickle *pickle, mb_python_kind kind, mb_python **items, size_t count) {
    mb_status status = need(pickle, 1);
    if (status != MB_OK)
        return status;
    if (top(pickle)->kind != kind)
        return mb_pickle_fail(pickle, "expected %s to add to, found %s", mb_python_kind_name(kind),
                              mb_python_kind_name(top(pickle)->kind));
    if (kind == MB_PYTHON_DICT && count % 2 != 0)
        return mb_pickle_fail(pickle, "a key has no value");
    return append_all(pickle, top(pickle), items, count);
}

static mb_status extend_by(mb_pickle *pickle, mb_python_kind kind, size_t count) {
    mb_status status = need(pickle, count + 1);
    if (status != MB_OK)
        return status;
    pickle->stack.count -= count;
    return extend(pickle, kind, pickle->stack.items + pickle->stack.count, count);
}

static mb_status extend_from_mark(mb_pickle *pickle, mb_python_kind kind) {
    mb_python **items;
    size_t count;
    mb_status status = pop_mark(pickle, &items, &count);
    return status == MB_OK ? extend(pickle, kind, items, count) : status;
}

// ---- memo
// ------------------------------------------------------------------------------------------

static mb_status memoize(mb_pickle *pickle, uint64_t index) {
    python_list *memo = &pickle->memo;
    mb_status status = need(pickle, 1);
    if (status != MB_OK)
        return status;
    if (index > pickle->size) // whoever counts up cannot get there
        return mb_pickle_fail(pickle, "absurd memo index %llu", (unsigned long long)index);
    if (!grow((void **)&memo->items, &memo->room, sizeof *memo->items, (size_t)index + 1))
        return no_memory(pickle);
    while (memo->count <= index)
        memo->items[memo->count++] = NULL;
    memo->items[index] = top(pickle);
    return MB_OK;
}

static mb_status recall(mb_pickle *pickle, uint64_t index) {
    python_list *stack = &pickle->stack;
    if (index >= pickle->memo.count || pickle->memo.items[index] == NULL)
        return mb_pickle_fail(pickle, "nothing was stored in the memo at %llu",
                              (unsigned long long)index);
    if (!grow((void **)&stack->items, &stack->room, sizeof *stack->items, stack->count + 1))
        return no_memory(pickle);
    stack->items[stack->count++] = pickle->memo.items[index];
    return MB_OK;
}

static mb_status memo_opcode(mb_pickle *pickle, int size,
                             mb_status (*action)(mb_pickle *, uint64_t)) {
    uint64_t index;
    mb_status status = take_number(pickle, size, &index);
    return status == MB_OK ? action(pickle, index) : status;
}

// ---- names
// -----------------------------------------------------------------------------------------

// "module\nname\n".
static mb_status global(mb_pickle *pickle) {
    const char *lines[2];
    size_t lengths[2];
    for (int i = 0; i < 2; i++) {
        lines[i] = (const char *)pickle->bytes + pickle->position;
        const char *end = memchr(lines[i], '\n', pickle->size - pickle->position);
        if (end == NULL)
            return mb_pickle_fail(pickle, "truncated: a name has no end");
        lengths[i] = (size_t)(end - lines[i]);
        pickle->position += lengths[i] + 1;
    }
    mb_python value;
    mb_status status = mb_pickle_global(pickle, lines[0], lengths[0], lines[1], lengths[1], &value);
    return status == MB_OK ? push(pickle, value) : status;
}

static mb_status stack_global(mb_pickle *pickle) {
    mb_status status = need(pickle, 2);
    if (status != MB_OK)
        return status;
    const mb_python *name = pop(pickle), *module = pop(pickle);
    if (name->kind != MB_PYTHON_TEXT || module->kind != MB_PYTHON_TEXT)
        return mb_pickle_fail(pickle, "a name is no string");
    mb_python value;
    status =
        mb_pickle_global(pickle, module->text, module->length, name->text, name->length, &value);
    return status == MB_OK ? push(pickle, value) : status;
}

static mb_status reduce(mb_pickle *pickle) {
    mb_status status = need(pickle, 2);
    if (status != MB_OK)
        return status;
    const mb_python *arguments = pop(pickle), *function = pop(pickle);
    mb_python value = {0};
    status = mb_pickle_reduce(pickle, function, arguments, &value);
    return status == MB_OK ? push(pickle, value) : status;
}

static mb_status build(mb_pickle *pickle) {
    mb_status status = need(pickle, 2);
    if (status != MB_OK)
        return status;
    const mb_python *state = pop(pickle);
    return mb_pickle_build(pickle, top(pickle), state);
}

// ---- the machine
// -----------------------------------------------------------------------------------

static const char *opcode_name(unsigned char opcode) {
    static const struct {
        char letter;
        const char *name;
    } known[] = {
        {'0', "POP"},
        {'1', "POP_MARK"},
        {'2', "DUP"},
        {'F', "FLOAT"},
        {'I', "INT"},
        {'L', "LONG"},
        {'P', "PERSID"},
        {'Q', "BINPERSID"},
        {'S', "STRING"},
        {'V', "UNICODE"},
        {'d', "DICT"},
        {'g', "GET"},
        {'i', "INST"},
        {'l', "LIST"},
        {'o', "OBJ"},
        {'p', "PUT"},
        {'\x81', "NEWOBJ"},
        {'\x82', "EXT1"},
        {'\x83', "EXT2"},
        {'\x84', "EXT4"},
        {'\x8b', "LONG4"},
        {'\x8f', "EMPTY_SET"},
        {'\x90', "ADDITEMS"},
        {'\x91', "FROZENSET"},
        {'\x92', "NEWOBJ_EX"},
        {'\x96', "BYTEARRAY8"},
        {'\x97', "NEXT_BUFFER"},
        {'\x98', "READONLY_BUFFER"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((unsigned char)known[i].letter == opcode)
            return known[i].name;
    return "unknown";
}

static mb_status protocol(mb_pickle *pickle) {
    uint64_t version;
    mb_status status = take_number(pickle, 1, &version);
    if (status == MB_OK && (version < 2 || version > 5 || pickle->opcode != 0))
        status = mb_pickle_fail(pickle, "expected one pickle of protocol 2 to 5, found protocol %d",
                                (int)version);
    return status;
}

static mb_status frame(mb_pickle *pickle) {
    uint64_t length;
    mb_status status = take_number(pickle, 8, &length);
    if (status == MB_OK && length > pickle->size - pickle->position)
        status = mb_pickle_fail(pickle, "truncated: a frame has %llu bytes, %zu are left",
                                (unsigned long long)length, pickle->size - pickle->position);
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
        return need(pickle, 1);
    case '(':
        return mark(pickle);
    case 'N':
        return push(pickle, (mb_python){.kind = MB_PYTHON_NONE});
    case 0x88:
    case 0x89:
        return push(pickle, (mb_python){.kind = MB_PYTHON_BOOL, .truth = opcode == 0x88});
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
        return push(pickle, (mb_python){.kind = MB_PYTHON_TUPLE});
    case 't':
        return long_tuple(pickle);
    case 0x85:
    case 0x86:
    case 0x87:
        return short_tuple(pickle, opcode - 0x84u);
    case ']':
        return push(pickle, (mb_python){.kind = MB_PYTHON_LIST});
    case 'a':
        return extend_by(pickle, MB_PYTHON_LIST, 1);
    case 'e':
        return extend_from_mark(pickle, MB_PYTHON_LIST);
    case '}':
        return push(pickle, (mb_python){.kind = MB_PYTHON_DICT});
    case 's':
        return extend_by(pickle, MB_PYTHON_DICT, 2);
    case 'u':
        return extend_from_mark(pickle, MB_PYTHON_DICT);
    case 'q':
        return memo_opcode(pickle, 1, memoize);
    case 'r':
        return memo_opcode(pickle, 4, memoize);
    case 0x94:
        return memoize(pickle, pickle->memo.count);
    case 'h':
        return memo_opcode(pickle, 1, recall);
    case 'j':
        return memo_opcode(pickle, 4, recall);
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

mb_status mb_pickle_read(const unsigned char *bytes, size_t size, const char *file, size_t offset,
                         mb_pickle **pickle, const mb_python **value, mb_error *error) {
    *pickle = NULL, *value = NULL;
    mb_pickle *machine = calloc(1, sizeof *machine);
    if (machine == NULL)
        return mb_out_of_memory(error, file);
    *machine =
        (mb_pickle){.bytes = bytes, .size = size, .file = file, .offset = offset, .error = error};
    mb_status status = MB_OK;
    if (size == 0 || bytes[0] != 0x80)
        status = mb_pickle_fail(machine, "expected a pickle of protocol 2 to 5");
    while (status == MB_OK && !machine->stopped) {
        machine->opcode = machine->position;
        if (machine->position == size)
            status = mb_pickle_fail(machine, "truncated: the pickle has no end");
        else
            status = execute(machine, bytes[machine->position++]);
    }
    if (status == MB_OK && (machine->stack.count != 1 || machine->mark_count != 0))
        status = mb_pickle_fail(machine, "expected one value at the end, found %zu",
                                machine->stack.count);
    if (status == MB_OK && machine->position != size)
        status =
            mb_pickle_fail(machine, "%zu bytes follow the pickle's end", size - machine->position);
    if (status != MB_OK) {
        mb_pickle_free(machine);
        return status;
    }
    *value = machine->stack.items[0];
    *pickle = machine;
    return MB_OK;
}

void mb_pickle_free(mb_pickle *pickle) {
    if (pickle == NULL)
        return;
    while (pickle->blocks != NULL) {
        struct block *next = pickle->blocks->next;
        free(pickle->blocks);
        pickle->blocks = next;
    }
    free(pickle->stack.items);
    free(pickle->memo.items);
    free(pickle->marks);
    free(pickle);
}

const char *mb_python_kind_name(mb_python_kind kind) {
    static const char *const names[] = {
        "None",    "a truth value", "an integer", "a real number", "a string",      "bytes",
        "a tuple", "a list",        "a dict",     "an array",      "a numpy dtype", "a function"};
    return names[kind];
}

const mb_python *mb_python_get(const mb_python *dict, const char *key) {
    for (size_t i = 0; i + 1 < dict->count; i += 2)
        if (dict->items[i]->kind == MB_PYTHON_TEXT && strcmp(dict->items[i]->text, key) == 0)
            return dict->items[i + 1];
    return NULL;
}
