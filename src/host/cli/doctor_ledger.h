// The part of merbench doctor that looks at a results file.
#ifndef MB_CLI_DOCTOR_LEDGER_H
#define MB_CLI_DOCTOR_LEDGER_H

#include <stdbool.h>

#include "merbench/status.h"

// Whether the file is an SQLite database. A file that cannot be read is none.
bool mb_is_database(const char *path);

// Checks a ledger and prints its schema version and contents. With `upgrade`, it is then copied
// into this new file, with the schema of this program.
mb_status mb_doctor_ledger(const char *path, const char *upgrade, mb_error *error);

#endif
