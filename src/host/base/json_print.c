// Prints JSON. What a terminal would obey is escaped as \\u, also where JSON does not require it.
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

// Prints the code units of UTF-16: characters beyond 0xffff take two.
static void put_escape(int32_t character, FILE *out) {
    if (character > 0xffff) {
        fprintf(out, "\\u%04x", (unsigned)(0xd800 + ((character - 0x10000) >> 10)));
        character = 0xdc00 + (character & 0x3ff);
    }
    fprintf(out, "\\u%04x", (unsigned)character);
}

void mb_json_put_text(const char *text, FILE *out) {
    fputc('"', out);
    const char *end = text + strlen(text);
    while (text < end) {
        const char *start = text;
        int32_t character = mb_utf8_next(&text, end);
        if (character < 0 || character == 0xfffd) // invalid bytes, and the replacement character
            fputs("\\ufffd", out);
        else if (mb_is_control(character))
            put_escape(character, out);
        else if (character == '"' || character == '\\')
            fprintf(out, "\\%c", (int)character);
        else
            fwrite(start, 1, (size_t)(text - start), out);
    }
    fputc('"', out);
}

// ---- documents --------------------------------------------------------------------------------

// cJSON leaves out what it has no memory for, and whoever adds a member is told by a result that
// nobody would look at in each of a hundred lines. So its allocations are watched.
static _Thread_local bool lacked_memory;

static void *allocate(size_t size) {
    void *memory = malloc(size);
    lacked_memory |= memory == NULL;
    return memory;
}

void mb_json_watch_memory(void) {
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = allocate, .free_fn = free});
}

// cJSON escapes what is below a blank; what else must be escaped occurs in strings alone.
mb_status mb_json_print(cJSON *document, const char *what, mb_error *error) {
    char *printed = document != NULL ? cJSON_Print(document) : NULL;
    cJSON_Delete(document);
    if (printed == NULL || lacked_memory) {
        free(printed);
        return mb_out_of_memory(error, what);
    }
    const char *text = printed, *end = printed + strlen(printed);
    while (text < end) {
        const char *start = text;
        int32_t character = mb_utf8_next(&text, end);
        if (character < 0)
            fputs("\\ufffd", stdout);
        else if (character >= 0x7f && mb_is_control(character))
            put_escape(character, stdout);
        else
            fwrite(start, 1, (size_t)(text - start), stdout);
    }
    putchar('\n');
    free(printed);
    return MB_OK;
}
