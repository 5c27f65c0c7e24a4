// Any bytes as a pickle; values that were read are walked through to a limited depth.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void walk(const mb_python *value, int depth) {
    switch (value->kind) {
    case MB_PYTHON_TEXT:
    case MB_PYTHON_BYTES:
        if (strlen(value->text) > value->length)
            abort();
        break;
    case MB_PYTHON_DICT:
        if (value->count % 2 != 0)
            abort();
        (void)mb_python_get(value, "emo");
        // fall through
    case MB_PYTHON_TUPLE:
    case MB_PYTHON_LIST:
    case MB_PYTHON_ARRAY:
        for (size_t i = 0; depth > 0 && i < value->count && i < 100; i++)
            walk(value->items[i], depth - 1);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    mb_pickle *pickle;
    const mb_python *value;
    mb_error error = {.message = ""};
    mb_status status = mb_pickle_read(bytes, size, SIZE_MAX, "input", 0, &pickle, &value, &error);
    if (status == MB_OK)
        walk(value, 3);
    else if (status != MB_BAD_INPUT || error.message[0] == '\0')
        abort();
    mb_pickle_free(pickle);
    return 0;
}
