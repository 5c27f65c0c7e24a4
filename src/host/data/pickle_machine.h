// Shared by the files that implement pickle.h; nobody else includes this.
#ifndef MB_DATA_PICKLE_MACHINE_H
#define MB_DATA_PICKLE_MACHINE_H

#include "data/pickle.h"

typedef struct python_list {
    mb_python **items;
    size_t count, room;
} python_list;

// The machine that a pickle is a program for: a stack, marks on it, and a memo.
struct mb_pickle {
    const unsigned char *bytes;
    size_t size, position;
    const char *file;
    size_t offset; // of bytes[0], for messages
    size_t opcode; // where the opcode that is being executed begins
    mb_error *error;
    struct block *blocks; // all memory of values
    python_list stack, memo;
    size_t *marks; // heights of the stack
    size_t mark_count, mark_room;
    size_t budget; // bytes that values may still take
    bool exhausted;
    bool stopped;
};

// The names that a pickle may refer to.
enum {
    MB_GLOBAL_RECONSTRUCT,
    MB_GLOBAL_SCALAR,
    MB_GLOBAL_NDARRAY,
    MB_GLOBAL_DTYPE,
    MB_GLOBAL_ENCODE,
};

// A message with the place of the opcode.
mb_status mb_pickle_fail(mb_pickle *pickle, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// pickle_stack.c. Memory that lives as long as the pickle, zeroed; NULL when there is none.
void *mb_pickle_allocate(mb_pickle *pickle, size_t size);
mb_status mb_pickle_no_memory(mb_pickle *pickle);
mb_status mb_pickle_append(mb_pickle *pickle, mb_python *list, mb_python *item);
mb_status mb_pickle_push(mb_pickle *pickle, mb_python value);
mb_python *mb_pickle_pop(mb_pickle *pickle);
mb_python *mb_pickle_top(mb_pickle *pickle);
// Fails when fewer values lie above the last mark.
mb_status mb_pickle_need(mb_pickle *pickle, size_t count);
mb_status mb_pickle_mark(mb_pickle *pickle);
// Takes the values above the last mark and the mark away; they stay readable until the next push.
mb_status mb_pickle_pop_mark(mb_pickle *pickle, mb_python ***items, size_t *count);
mb_status mb_pickle_memoize(mb_pickle *pickle, uint64_t index);
mb_status mb_pickle_recall(mb_pickle *pickle, uint64_t index);

// pickle_numpy.c: what the names do.
mb_status mb_pickle_global(mb_pickle *pickle, const char *module, size_t module_length,
                           const char *name, size_t name_length, mb_python *value);
mb_status mb_pickle_reduce(mb_pickle *pickle, const mb_python *function, const mb_python *arguments,
                           mb_python *value);
mb_status mb_pickle_build(mb_pickle *pickle, mb_python *object, const mb_python *state);

#endif
