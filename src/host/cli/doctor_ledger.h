// Audits a results file, and copies it into a new one.
#ifndef MB_CLI_DOCTOR_LEDGER_H
#define MB_CLI_DOCTOR_LEDGER_H

#include <stdbool.h>

#include "merbench/status.h"

// Whether a file begins like a SQLite database. A file that does not exist does not. MB_FAILED: it
// cannot be read.
mb_status mb_is_database(const char *path, bool *is, mb_error *error);

typedef struct mb_doctor_ledger_options {
    const char *upgrade; // new file for a ledger of an older version; NULL = none
    const char *save;    // new file for what is not damaged; NULL = none
    bool json;
    int entries; // the number of findings that are listed
} mb_doctor_ledger_options;

// Looks for damage, then copies. MB_BAD_INPUT: not a ledger, damaged, or nothing in it to copy.
mb_status mb_doctor_ledger(const char *path, const mb_doctor_ledger_options *options,
                           mb_error *error);

#endif
