// Reads all rows of a table, also of a damaged file.
#ifndef MB_SWEEP_LEDGER_SCAN_H
#define MB_SWEEP_LEDGER_SCAN_H

#include "sweep/ledger_internal.h"

typedef struct mb_ledger_rows {
    int64_t good;
    int64_t lost;    // that were found, but are damaged
    bool torn;       // some cannot be found
    char first[200]; // the first damage; "" = none
} mb_ledger_rows;

typedef struct mb_ledger_scan {
    mb_ledger *ledger;
    mb_ledger_table_index table;
    bool tolerant; // look for all damage and go on after it; otherwise the first ends the scan
    // Takes a row with its columns; NULL = only check it. *good is true at first; false = count it
    // as lost.
    mb_status (*visit)(void *context, sqlite3_stmt *row, int columns, bool *good, mb_error *error);
    void *context;
} mb_ledger_scan;

// Visits the rows in the order of their numbers or keys, each at most once.
mb_status mb_ledger_scan_table(const mb_ledger_scan *scan, mb_ledger_rows *rows, mb_error *error);

#endif
