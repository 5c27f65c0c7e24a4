#include "base/memory_stream.h"

#include <stdlib.h>

bool mb_memory_stream_end(FILE *stream, char **text) {
    // fclose gives back what is left over of the memory. If that fails, glibc sets the text to NULL
    // and returns 0.
    if (fclose(stream) == 0 && *text != NULL)
        return true;
    free(*text);
    *text = NULL;
    return false;
}
