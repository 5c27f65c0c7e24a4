// Flattened tables of options, shared by the parser and the help.
#ifndef MB_BASE_COMMAND_OPTIONS_H
#define MB_BASE_COMMAND_OPTIONS_H

#include <stddef.h>

#include "base/command_line.h"

enum { MB_MOST_COMMAND_OPTIONS = 48 };

// The options of a table and of the tables that it includes, in order.
typedef struct mb_option_list {
    int32_t count;
    const mb_command_option *items[MB_MOST_COMMAND_OPTIONS];
} mb_option_list;

void mb_option_list_add(mb_option_list *list, const mb_command_option *table);

// The values of an option: "cpu, cuda or auto", "1..8", "above 0 and up to 2"; "" if any text
// will do.
void mb_option_describe(const mb_command_option *option, char *text, size_t size);

#endif
