#include "cli/ledger_file.h"

#include <stdio.h>
#include <string.h>

#include "base/plain.h"

mb_status mb_open_ledger(const char *path, mb_ledger_mode mode, mb_ledger **ledger,
                         mb_error *error) {
    mb_status status = mb_ledger_open(path, mode, ledger, error);
    const char *line = status == MB_OK ? mb_ledger_warnings(*ledger) : "";
    while (*line != '\0') {
        size_t length = strcspn(line, "\n");
        mb_print_plain_to(stderr, "warning: %.*s\n", (int)length, line);
        line += length + 1;
    }
    return status;
}
