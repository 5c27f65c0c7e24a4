// Tables of a sweep: feature combinations (rows) by datasets or models (columns), mean ± standard
// deviation over seeds. With several of both, a row is a combination and a model. The same results
// give the same bytes.
#ifndef MB_REPORT_TABLE_H
#define MB_REPORT_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "merbench/status.h"
#include "sweep/ledger.h"

typedef enum mb_table_format {
    MB_TABLE_TEXT,
    MB_TABLE_MARKDOWN,
    MB_TABLE_LATEX,
    MB_TABLE_CSV,
    MB_TABLE_JSON,
} mb_table_format;

typedef enum mb_table_phase {
    MB_TABLE_FINAL,  // the final seeds; if a cell has none, the search seeds of its best setting
    MB_TABLE_SEARCH, // the seeds of the best setting of the search
} mb_table_phase;

// Of a score over n seeds: with n - 1 or with n below the sum of squares.
typedef enum mb_table_deviation { MB_DEVIATION_SAMPLE, MB_DEVIATION_POPULATION } mb_table_deviation;
extern const char *const mb_deviation_names[2]; // "sample", "population"

typedef struct mb_table_options {
    mb_table_format format;
    mb_table_phase phase;
    const char *plan;   // name, or at least 6 digits of the digest; NULL: the plan that ran last
    const char *metric; // one of mb_score_names; NULL: "waf"
    mb_table_deviation deviation;
    bool all_settings; // list every setting of the search, not only the best one
} mb_table_options;

// Prints the tables of a plan. MB_BAD_INPUT: there is no such plan, or the ledger has none at all.
// MB_USAGE: there is no such metric.
mb_status mb_table_print(mb_ledger *ledger, const mb_table_options *options, FILE *out,
                         mb_error *error);

#endif
