// Tables of options, for those who parse by them and print them.
#ifndef MB_BASE_COMMAND_OPTIONS_H
#define MB_BASE_COMMAND_OPTIONS_H

#include <stddef.h>

#include "base/command_line.h"

enum { MB_MOST_COMMAND_OPTIONS = 48 };

// The options of a table and of those that it names, in their order.
typedef struct mb_option_list {
    int32_t count;
    const mb_command_option *items[MB_MOST_COMMAND_OPTIONS];
} mb_option_list;

void mb_option_list_add(mb_option_list *list, const mb_command_option *table);

// What an option takes: "cpu, cuda or auto", "1..8", "above 0 and up to 2"; "" where anything goes.
void mb_option_describe(const mb_command_option *option, char *text, size_t size);

#endif
