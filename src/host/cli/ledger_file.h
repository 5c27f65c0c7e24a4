// Opens a ledger for a command.
#ifndef MB_CLI_LEDGER_FILE_H
#define MB_CLI_LEDGER_FILE_H

#include "sweep/ledger.h"

// As mb_ledger_open; prints its warnings on stderr.
mb_status mb_open_ledger(const char *path, mb_ledger_mode mode, mb_ledger **ledger,
                         mb_error *error);

#endif
