#include "cli/threads.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"

int32_t mb_default_threads(void) {
    int32_t count = mb_processors();
    return count > MB_MAX_THREADS ? MB_MAX_THREADS : count;
}

mb_status mb_take_threads(const char *text, int32_t *threads, mb_error *error) {
    char *end = NULL;
    errno = 0;
    unsigned long number = isdigit((unsigned char)text[0]) ? strtoul(text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || errno != 0 || number < 1 || number > MB_MAX_THREADS)
        return mb_fail(error, MB_USAGE, "--threads: expected a whole number 1..%d, found '%s'",
                       MB_MAX_THREADS, text);
    *threads = (int32_t)number;
    return MB_OK;
}
