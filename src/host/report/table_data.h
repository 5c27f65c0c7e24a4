// A table as data: the collector fills it in from the ledger, and the printers read it.
#ifndef MB_REPORT_TABLE_DATA_H
#define MB_REPORT_TABLE_DATA_H

#include "merbench/metrics.h"
#include "report/table.h"
#include "sweep/choice.h"

// The settings of a value on one fold, or on all folds.
typedef struct mb_table_setting {
    int32_t fold; // MB_EVERY_FOLD: all of them
    char *text;   // "dropout=0.3 hidden_dim=64"
} mb_table_setting;
enum { MB_EVERY_FOLD = -1 };

// Mean and deviation of a score over seeds.
typedef struct mb_table_mean {
    int32_t counted;  // seeds that are finished, not diverged, and have the score
    double mean;      // NaN if no seed counts
    double deviation; // NaN if fewer than two seeds count
} mb_table_mean;

// Means over seeds on one of the parts of a trial: "folds", "test1", "average".
typedef struct mb_table_part {
    char name[32];
    mb_table_mean scores[MB_SCORE_COUNT];
} mb_table_part;

// A run in which a number was not finite. It diverged or, under mertools, was scored nevertheless.
typedef struct mb_table_failure {
    char trial[33]; // the trial that has the run
    int64_t seed;
    int32_t fold, fold_count;
    int32_t epoch; // from 1; 0: unknown
    bool diverged;
    char cause[128]; // without the epoch
} mb_table_failure;

typedef struct mb_table_device {
    char text[MB_DEVICE_TEXT];
    int32_t runs;
} mb_table_device;

// The seeds of one setting of a cell.
typedef struct mb_table_value {
    int32_t setting_count; // 0: nothing was searched, or nothing is chosen yet; 1; or one per fold
    mb_table_setting *settings;
    int32_t chosen_count;  // folds that chose this setting, by the record of the search
    int32_t *chosen_folds; // (chosen_count)
    int32_t asked;         // seeds that the plan asks for
    int32_t finished;      // of these: trained, including diverged ones
    int32_t diverged;      // of these: diverged
    int32_t broken;        // of these: not diverged, but a number was not finite
    int32_t counted;       // as in mb_table_mean
    double mean, deviation;
    double selection; // mean over the finished seeds; -infinity if one diverged; NaN = none
    char part[32];    // the part that was scored: "test", "folds"; "" = nothing yet
    bool final;       // these are final seeds, not seeds of the search
    bool best;        // of the search: has the highest mean selection value
    bool chosen;      // final seeds: a setting is chosen; search: this one, for all folds or some
    int32_t rank;     // 1 = best, 2 = second best of its column, 0 = others
    int32_t part_count;
    mb_table_part *parts;
    int32_t failure_count;
    mb_table_failure *failures; // by seed and fold
    int32_t device_count;
    mb_table_device *devices; // of the runs of the seeds that did not diverge, by name
} mb_table_value;

typedef struct mb_table_cell {
    const mb_ledger_cell *cell;
    char *label;    // that of the cell, with " #2" where it stands twice
    char **choices; // (cell->choice_count): the chosen settings as readable texts
    bool split;     // folds chose different settings
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
    char *replaced;             // what 'merbench run' has replaced in it, in words; "": nothing
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

// The trials of one value.
typedef struct mb_table_seeds {
    const mb_ledger_entry *entries;
    int32_t count;
    const int32_t *groups; // (count), or NULL: all entries belong to the value
    int32_t group;
} mb_table_seeds;

// Mean and deviation of a score on a part; `part` NULL: on the part that stands in the table.
mb_table_mean mb_table_mean_of(const mb_table_seeds *seeds, const char *part, int32_t metric,
                               mb_table_deviation deviation);
// Fills in the counts, means and parts of a value. *candidate is what the choice of a setting
// needs.
mb_status mb_table_summarise(const mb_table *table, const mb_table_seeds *seeds,
                             mb_table_value *value, mb_candidate *candidate, mb_error *error);
// Reads the failures and devices of a value's runs.
mb_status mb_table_collect_runs(mb_ledger *ledger, const mb_table_seeds *seeds,
                                mb_table_value *value, mb_error *error);
void mb_table_value_free(mb_table_value *value);

const mb_table_part *mb_table_find_part(const mb_table_value *value, const char *name); // or NULL

// Whether a cell has several parts besides their average, so that a table of them is worth
// printing.
bool mb_table_has_parts(const mb_table_value *value);

// table_targets.c: the rules of the dataset that a cell is trained on, or NULL; whether it is
// scored on others; drops the scores of targets that are not the cell's, from trials of it.
const mb_dataset_rules *mb_table_rules(const mb_ledger_cell *cell);
bool mb_table_transfers(const mb_ledger_cell *cell);
mb_status mb_table_keep_targets(const mb_ledger_cell *cell, mb_ledger_entry *entries, int32_t count,
                                mb_error *error);

// The parts of all values that have several, in the order of their first appearance. The names
// belong to the table; free `names` itself.
typedef struct mb_part_names {
    int32_t count;
    const char **names;
} mb_part_names;
mb_status mb_part_names_make(const mb_table *table, mb_part_names *names, mb_error *error);
mb_table_mean mb_part_mean(const mb_table_value *value, const char *part, int32_t score);
// The scores of parts that are printed: WAF and MSE, as in the paper.
enum { MB_PART_SCORES = 2 };
extern const int32_t mb_part_scores_shown[MB_PART_SCORES];

// Fills in the values of a cell from its trials.
mb_status mb_table_collect_cell(mb_ledger *ledger, const mb_table *table, mb_table_cell *cell,
                                mb_error *error);
// Assigns rows and columns to the cells and makes their headings.
mb_status mb_table_arrange(mb_table *table, mb_error *error);

// Makes readable settings, "dropout=0.3 hidden_dim=64", from a JSON object. Nested objects are
// flattened. *text is malloc'ed.
mb_status mb_settings_text(const char *json, char **text, mb_error *error);

// "fold 2" or "folds 0, 1, 3". malloc'ed; NULL when out of memory.
char *mb_fold_list(const int32_t *folds, int32_t count);

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

// Readable lists for one field or line; false when out of memory. *text is malloc'ed, "" if there
// is nothing to say. `most` limits the number of runs, and a note says how many more there are.
bool mb_failures_text(const mb_table_value *value, bool diverged, int32_t most, char **text);
bool mb_doubts_text(const mb_table_cell *cell, char **text);
bool mb_devices_text(const mb_table_value *value, char **text); // "" where there is only one
bool mb_settings_of_value_text(const mb_table_value *value, char **text);

// False when out of memory.
bool mb_table_print_csv(const mb_table *table, FILE *out);
void mb_table_print_json(const mb_table *table, FILE *out);

#endif
