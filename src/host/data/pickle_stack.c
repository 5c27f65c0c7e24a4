// The memory, the stack and the memo of the pickle machine.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plain.h"
#include "base/plural.h"
#include "data/pickle_machine.h"

enum { CHUNK_SIZE = 1 << 16, MOST_MARKS = 1000 };

struct chunk {
    struct chunk *next;
    size_t used, capacity;
    max_align_t memory[];
};

void *mb_pickle_allocate(mb_pickle *pickle, size_t size) {
    if (size > pickle->budget) {
        pickle->exhausted = true;
        return NULL;
    }
    pickle->budget -= size;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct chunk *chunk = pickle->chunks;
    if (chunk == NULL || chunk->capacity - chunk->used < size) {
        size_t capacity = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        chunk = malloc(sizeof *chunk + capacity);
        if (chunk == NULL)
            return NULL;
        *chunk = (struct chunk){pickle->chunks, 0, capacity};
        pickle->chunks = chunk;
    }
    void *memory = (char *)chunk->memory + chunk->used;
    chunk->used += size;
    return memset(memory, 0, size);
}

mb_status mb_pickle_fail(mb_pickle *pickle, const char *format, ...) {
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    mb_format_plain_list(what, sizeof what, format, arguments);
    va_end(arguments);
    return mb_fail(pickle->error, MB_BAD_INPUT, "%s: offset %zu: %s", pickle->file,
                   pickle->offset + pickle->opcode, what);
}

mb_status mb_pickle_no_memory(mb_pickle *pickle) {
    if (pickle->exhausted)
        return mb_pickle_fail(pickle, "the values of the pickle need too much memory for its size");
    return mb_out_of_memory(pickle->error, pickle->file);
}

// Grows a list that is not part of the chunks.
static bool grow(mb_pickle *pickle, void **items, size_t *capacity, size_t item_size,
                 size_t needed) {
    if (needed <= *capacity)
        return true;
    size_t larger = needed < 32 ? 64 : 2 * needed, more = (larger - *capacity) * item_size;
    if (more > pickle->budget) {
        pickle->exhausted = true;
        return false;
    }
    void *moved = realloc(*items, larger * item_size);
    if (moved == NULL)
        return false;
    pickle->budget -= more;
    *items = moved;
    *capacity = larger;
    return true;
}

mb_status mb_pickle_append(mb_pickle *pickle, mb_python *list, mb_python *item) {
    if (list->count == list->capacity) { // the old memory is not reused: at most as much again
        size_t capacity = list->capacity < 4 ? 4 : 2 * list->capacity;
        mb_python **items = mb_pickle_allocate(pickle, capacity * sizeof *items);
        if (items == NULL)
            return mb_pickle_no_memory(pickle);
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return MB_OK;
}

// ---- the stack --------------------------------------------------------------------------------

mb_status mb_pickle_push(mb_pickle *pickle, mb_python value) {
    mb_python *kept = mb_pickle_allocate(pickle, sizeof *kept);
    python_list *stack = &pickle->stack;
    if (kept == NULL || !grow(pickle, (void **)&stack->items, &stack->capacity,
                              sizeof *stack->items, stack->count + 1))
        return mb_pickle_no_memory(pickle);
    *kept = value;
    stack->items[stack->count++] = kept;
    return MB_OK;
}

// The number of values above the last mark.
static size_t above_mark(const mb_pickle *pickle) {
    size_t floor = pickle->mark_count > 0 ? pickle->marks[pickle->mark_count - 1] : 0;
    return pickle->stack.count - floor;
}

mb_status mb_pickle_need(mb_pickle *pickle, size_t count) {
    if (above_mark(pickle) >= count)
        return MB_OK;
    return mb_pickle_fail(pickle, "the opcode needs %zu %s, found %zu", count,
                          mb_plural((long long)count, "value", "values"), above_mark(pickle));
}

mb_python *mb_pickle_pop(mb_pickle *pickle) {
    return pickle->stack.items[--pickle->stack.count];
}

mb_python *mb_pickle_top(mb_pickle *pickle) {
    return pickle->stack.items[pickle->stack.count - 1];
}

mb_status mb_pickle_mark(mb_pickle *pickle) {
    if (pickle->mark_count == MOST_MARKS)
        return mb_pickle_fail(pickle, "values are nested more than %d deep", MOST_MARKS);
    if (!grow(pickle, (void **)&pickle->marks, &pickle->mark_capacity, sizeof *pickle->marks,
              pickle->mark_count + 1))
        return mb_pickle_no_memory(pickle);
    pickle->marks[pickle->mark_count++] = pickle->stack.count;
    return MB_OK;
}

mb_status mb_pickle_pop_mark(mb_pickle *pickle, mb_python ***items, size_t *count) {
    if (pickle->mark_count == 0)
        return mb_pickle_fail(pickle, "the opcode needs a mark, there is none");
    *count = above_mark(pickle);
    *items = *count > 0 ? pickle->stack.items + (pickle->stack.count - *count) : NULL;
    pickle->stack.count -= *count;
    pickle->mark_count--;
    return MB_OK;
}

// ---- the memo ---------------------------------------------------------------------------------

mb_status mb_pickle_memoize(mb_pickle *pickle, uint64_t index) {
    python_list *memo = &pickle->memo;
    mb_status status = mb_pickle_need(pickle, 1);
    if (status != MB_OK)
        return status;
    if (index > pickle->size) // picklers count up from 0, with at least one byte per index
        return mb_pickle_fail(pickle, "expected a memo index of at most %zu, found %llu",
                              pickle->size, (unsigned long long)index);
    if (!grow(pickle, (void **)&memo->items, &memo->capacity, sizeof *memo->items,
              (size_t)index + 1))
        return mb_pickle_no_memory(pickle);
    while (memo->count <= index)
        memo->items[memo->count++] = NULL;
    memo->items[index] = mb_pickle_top(pickle);
    return MB_OK;
}

mb_status mb_pickle_recall(mb_pickle *pickle, uint64_t index) {
    python_list *stack = &pickle->stack;
    if (index >= pickle->memo.count || pickle->memo.items[index] == NULL)
        return mb_pickle_fail(pickle, "nothing was stored in the memo at %llu",
                              (unsigned long long)index);
    if (!grow(pickle, (void **)&stack->items, &stack->capacity, sizeof *stack->items,
              stack->count + 1))
        return mb_pickle_no_memory(pickle);
    stack->items[stack->count++] = pickle->memo.items[index];
    return MB_OK;
}

void mb_pickle_free(mb_pickle *pickle) {
    if (pickle == NULL)
        return;
    while (pickle->chunks != NULL) {
        struct chunk *next = pickle->chunks->next;
        free(pickle->chunks);
        pickle->chunks = next;
    }
    free(pickle->stack.items);
    free(pickle->memo.items);
    free(pickle->marks);
    free(pickle);
}
