// A table as data: the collector fills it in from the ledger, and the printers read it.
#ifndef MB_REPORT_TABLE_DATA_H
#define MB_REPORT_TABLE_DATA_H

#include "merbench/metrics.h"
#include "report/table.h"

// The seeds of one setting of a cell.
typedef struct mb_table_value {
    char *settings;   // "dropout=0.3 hidden_dim=64"; "" if nothing was searched
    int32_t asked;    // seeds that the plan asks for
    int32_t finished; // of these: trained, including diverged ones
    int32_t diverged; // of these: diverged
    int32_t counted;  // seeds in mean and deviation: finished, not diverged, with a score
    double mean;      // NaN if no seed counts
    double deviation; // sample standard deviation (n - 1); NaN if fewer than two seeds count
    double selection; // mean over the finished seeds; -infinity if one diverged; NaN = none
    char part[32];    // the part that was scored: "test", "folds"; "" = nothing yet
    bool final;       // these are final seeds, not seeds of the search
    bool chosen;      // this is the best setting of the search
    int32_t rank;     // 1 = best, 2 = second best of its column, 0 = others
} mb_table_value;

typedef struct mb_table_cell {
    const mb_ledger_cell *cell;
    int32_t row, column;
    int32_t search_finished, search_asked; // trials
    int32_t value_count;                   // 1, or the number of settings of the search
    mb_table_value *values;
} mb_table_cell;

typedef struct mb_table {
    mb_table_options options;
    int32_t metric; // index in scores.def
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
void mb_table_free(mb_table *table); // must be called also after a failure

// Whether all seeds that the plan asks for are finished and counted. Only then is an entry ranked.
bool mb_table_complete(const mb_table_cell *cell, const mb_table_value *value);

// Fills in the values of a cell from its trials.
mb_status mb_table_collect_cell(mb_ledger *ledger, const mb_table *table, mb_table_cell *cell,
                                mb_error *error);
// Assigns rows and columns to the cells and makes their headings.
mb_status mb_table_arrange(mb_table *table, mb_error *error);

// Makes readable settings, "dropout=0.3 hidden_dim=64", from a JSON object. Nested objects are
// flattened. *text is malloc'ed.
mb_status mb_settings_text(const char *json, char **text, mb_error *error);

// Groups of trials that differ in nothing but their seed. groups[i] is the group of trial i; groups
// are numbered from 0 in the order of their first trials. texts[group] has the settings in the form
// of mb_settings_text.
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
