// A table before it is printed: what the collector finds in the ledger and the printers read.
#ifndef MB_REPORT_TABLE_DATA_H
#define MB_REPORT_TABLE_DATA_H

#include "merbench/metrics.h"
#include "report/table.h"

// The seeds of one setting of a cell.
typedef struct mb_table_value {
    char *settings;   // "dropout=0.3 hidden_dim=64"; "" when nothing was searched
    int32_t asked;    // seeds that the plan asks for
    int32_t finished; // of these, diverged ones included
    int32_t diverged;
    int32_t counted;  // finished, not diverged, with a score: what mean and deviation are over
    double mean;      // NaN when nothing counts
    double deviation; // sample standard deviation (n - 1); NaN below two seeds
    double selection; // mean over finished seeds; minus infinity when one diverged; NaN = none
    char part[32];    // what the score was measured on: "test", "folds"; "" = nothing yet
    bool final;       // of the final seeds, not of the search
    bool chosen;      // the best setting of the search
    int32_t rank;     // 1 best, 2 second best of its column, 0 otherwise
} mb_table_value;

typedef struct mb_table_cell {
    const mb_ledger_cell *cell;
    int32_t row, column;
    int32_t search_finished, search_asked; // trials
    int32_t value_count;                   // 1, or every setting of the search
    mb_table_value *values;
} mb_table_cell;

typedef struct mb_table {
    mb_table_options options;
    int32_t metric; // position in scores.def
    const mb_score_facts *facts;
    const mb_ledger_plan *plan; // owned by `plans`
    mb_ledger_plan *plans;
    int32_t plan_count;
    bool several_datasets, several_models, several_protocols;
    int32_t cell_count, row_count, column_count;
    mb_table_cell *cells;
    char **rows, **columns; // headings
} mb_table;

mb_status mb_table_collect(mb_ledger *ledger, const mb_table_options *options, mb_table *table,
                           mb_error *error);
void mb_table_free(mb_table *table); // also after a failure

// Whether every seed that was asked for is there and counts: only then is an entry ranked.
bool mb_table_complete(const mb_table_cell *cell, const mb_table_value *value);

// Fills in the values of a cell from its trials.
mb_status mb_table_collect_cell(mb_ledger *ledger, const mb_table *table, mb_table_cell *cell,
                                mb_error *error);
// Gives rows, columns and their headings to the cells.
mb_status mb_table_arrange(mb_table *table, mb_error *error);

// Settings as people read them: "dropout=0.3 hidden_dim=64" from a JSON object; objects inside it
// are flattened. *text is malloc'ed.
mb_status mb_settings_text(const char *json, char **text, mb_error *error);

// Groups trials that differ in their seed only: groups[i] of trial i counts from 0 in the order of
// first appearance. texts[group] tells all settings, as mb_settings_text tells chosen ones.
typedef struct mb_setting_groups {
    int32_t count;
    int32_t *groups;
    char **texts;
} mb_setting_groups;
mb_status mb_setting_groups_make(const mb_ledger_entry *entries, int32_t count,
                                 mb_setting_groups *groups, mb_error *error);
void mb_setting_groups_free(mb_setting_groups *groups);

void mb_table_print_csv(const mb_table *table, FILE *out);
void mb_table_print_json(const mb_table *table, FILE *out);

#endif
