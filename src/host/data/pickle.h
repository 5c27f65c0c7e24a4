// Reads the pickles that numpy writes for label files, and no others: numbers, strings, bytes,
// tuples, lists, dicts, numpy scalars and arrays of objects, in protocols 2 to 5.
//
// Nothing is executed. Any other opcode or name is refused, with its offset.
#ifndef MB_DATA_PICKLE_H
#define MB_DATA_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "merbench/status.h"

typedef enum mb_python_kind {
    MB_PYTHON_NONE,
    MB_PYTHON_BOOL,
    MB_PYTHON_INTEGER,
    MB_PYTHON_REAL,
    MB_PYTHON_TEXT,
    MB_PYTHON_BYTES,
    MB_PYTHON_TUPLE,
    MB_PYTHON_LIST,
    MB_PYTHON_DICT,   // items: key, value, key, value ... in the order of insertion
    MB_PYTHON_ARRAY,  // numpy array of objects: items
    MB_PYTHON_DTYPE,  // numpy dtype
    MB_PYTHON_GLOBAL, // one of the few known names, MB_GLOBAL_...
} mb_python_kind;

typedef struct mb_python {
    mb_python_kind kind;
    union {
        bool truth;
        int64_t integer;
        double real;
        struct {
            const char *text; // zero-terminated; UTF-8 for MB_PYTHON_TEXT
            size_t length;
        };
        struct {
            struct mb_python **items;
            size_t count, capacity;
        };
        struct {
            char type; // 'f', 'i', 'u', 'b', 'U', 'O'
            int32_t size;
            bool big_endian;
        } dtype;
        int32_t global;
    };
} mb_python;

// Owns every value of one pickle. Values may refer to each other in cycles.
typedef struct mb_pickle mb_pickle;

// Reads bytes[0..size), which must hold one pickle and nothing else. A pickle that needs more than
// `memory` bytes is refused, or one that needs more than its size makes plausible. `file` and
// `offset` (of the first byte) are for messages. *value lives as long as the pickle.
mb_status mb_pickle_read(const unsigned char *bytes, size_t size, size_t memory, const char *file,
                         size_t offset, mb_pickle **pickle, const mb_python **value,
                         mb_error *error);
void mb_pickle_free(mb_pickle *pickle);

// The number of bytes that were read.
size_t mb_pickle_size(const mb_pickle *pickle);

// "a dict", "an integer" ... for messages.
const char *mb_python_kind_name(mb_python_kind kind);

// The value that belongs to a string key, or NULL.
const mb_python *mb_python_get(const mb_python *dict, const char *key);

#endif
