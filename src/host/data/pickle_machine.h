// Shared by the files that implement pickle.h. No other file includes this.
#ifndef MB_DATA_PICKLE_MACHINE_H
#define MB_DATA_PICKLE_MACHINE_H

#include "data/pickle.h"

typedef struct python_list {
    mb_python **items;
    size_t count, capacity;
} python_list;

// A pickle is a program for a small machine with a stack, marks on the stack, and a memo.
struct mb_pickle {
    const unsigned char *bytes;
    size_t size, position;
    const char *file;
    size_t offset; // of bytes[0], for messages
    size_t opcode; // position of the current opcode
    mb_error *error;
    struct chunk *chunks; // the memory of all values
    python_list stack, memo;
    size_t *marks; // the height of the stack at each mark
    size_t mark_count, mark_capacity;
    size_t budget;  // bytes that may still be allocated, for values as well as stack and memo
    bool exhausted; // an allocation exceeded the budget
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

// Returns MB_BAD_INPUT; the message is prefixed with the file and the offset of the current opcode.
mb_status mb_pickle_fail(mb_pickle *pickle, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// pickle_stack.c: zeroed memory that lives as long as the pickle. NULL when out of memory, or when
// the budget is exhausted.
void *mb_pickle_allocate(mb_pickle *pickle, size_t size);
mb_status mb_pickle_no_memory(mb_pickle *pickle);
mb_status mb_pickle_append(mb_pickle *pickle, mb_python *list, mb_python *item);
mb_status mb_pickle_push(mb_pickle *pickle, mb_python value);
mb_python *mb_pickle_pop(mb_pickle *pickle);
mb_python *mb_pickle_top(mb_pickle *pickle);
// Fails if there are fewer than `count` values above the last mark.
mb_status mb_pickle_need(mb_pickle *pickle, size_t count);
mb_status mb_pickle_mark(mb_pickle *pickle);
// Removes the last mark and the values above it, which stay readable until the next push.
mb_status mb_pickle_pop_mark(mb_pickle *pickle, mb_python ***items, size_t *count);
mb_status mb_pickle_memoize(mb_pickle *pickle, uint64_t index);
mb_status mb_pickle_recall(mb_pickle *pickle, uint64_t index);

// pickle_numpy.c: the known names and what they stand for.
mb_status mb_pickle_global(mb_pickle *pickle, const char *module, size_t module_length,
                           const char *name, size_t name_length, mb_python *value);
mb_status mb_pickle_reduce(mb_pickle *pickle, const mb_python *function, const mb_python *arguments,
                           mb_python *value);
mb_status mb_pickle_build(mb_pickle *pickle, mb_python *object, const mb_python *state);

#endif
