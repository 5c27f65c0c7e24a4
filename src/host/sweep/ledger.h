// The ledger: results.db, a database in which every finished run is recorded in one transaction.
// Only ledger*.c use SQL. The schema is documented in docs/results-format.md.
//
// Not thread-safe: one thread owns the ledger, and workers pass their results to it.
//
// Floats and doubles are read back bit for bit, with one exception: scores and losses that are NaN
// are stored as NULL, so their sign and payload are lost.
#ifndef MB_SWEEP_LEDGER_H
#define MB_SWEEP_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/status.h"
#include "merbench/train.h"

typedef struct mb_ledger mb_ledger;

// MB_LEDGER_WRITE creates the file if it does not exist and locks it against other writers, which
// get a message that names this process. Readers can open it at any time, thanks to the write-ahead
// log, except where the file system cannot share memory or lock ranges. A closed ledger is a single
// file. A ledger that was created but not used is removed again. A ledger with an older schema can
// be read, but not written.
typedef enum mb_ledger_mode { MB_LEDGER_READ, MB_LEDGER_WRITE } mb_ledger_mode;

// MB_BAD_INPUT: the file is not a SQLite database, not a ledger, or its schema version is newer or,
// for writing, older than this program's.
// It is also MB_BAD_INPUT if the log beside the file is not its own.
// MB_FAILED: in use by another process, read-only folder, full disk, no locks.
mb_status mb_ledger_open(const char *path, mb_ledger_mode mode, mb_ledger **ledger,
                         mb_error *error);
void mb_ledger_close(mb_ledger *ledger); // rolls back an open group; NULL is fine

// What looks wrong but does not prevent reading or writing: lines, each with its newline; "" =
// none.
const char *mb_ledger_warnings(const mb_ledger *ledger);
// Whether the file that is written to is still at its path. MB_FAILED: it was moved or removed.
// What is recorded is saved, and the message says where. The end of each group looks, too.
mb_status mb_ledger_look(mb_ledger *ledger, mb_error *error);

const char *mb_ledger_path(const mb_ledger *ledger); // as given to mb_ledger_open, for messages
int mb_ledger_schema(const mb_ledger *ledger);       // the schema version of the file
int mb_ledger_newest_schema(void);                   // the one that this program writes

// Looks for damage in the whole file, which takes time. MB_BAD_INPUT: the message has the first.
mb_status mb_ledger_check(mb_ledger *ledger, mb_error *error);
// Compares the tables that reports are made of with their indices, so that no row is overlooked.
mb_status mb_ledger_check_lookups(mb_ledger *ledger, mb_error *error);

// What was found in the whole file.
typedef struct mb_ledger_findings {
    int64_t count;                   // of findings
    int64_t good_runs, damaged_runs; // rows that can be found
    bool torn;                       // rows are missing; how many is not known
} mb_ledger_findings;
// Lists all damage: `found` is called with a line for each finding.
mb_status mb_ledger_examine(mb_ledger *ledger, void (*found)(void *context, const char *line),
                            void *context, mb_ledger_findings *findings, mb_error *error);

typedef struct mb_ledger_saved {
    int64_t trials, runs; // in the new file
    int64_t lost_rows;    // that were damaged
} mb_ledger_saved;
// Copies a ledger, which may have an older schema, into a new file with this program's schema. If
// it is tolerant, rows that are damaged are left out, and so are runs that lack some. MB_FAILED:
// the new file exists already or cannot be written.
mb_status mb_ledger_copy(const char *path, const char *new_path, bool tolerant,
                         mb_ledger_saved *saved, mb_error *error);

// Group the writes in between into one transaction, so that recording thousands of trials and links
// takes one flush to disk instead of thousands. Groups can be nested. If `keep` is false,
// everything since mb_ledger_begin is rolled back.
mb_status mb_ledger_begin(mb_ledger *ledger, mb_error *error);
mb_status mb_ledger_end(mb_ledger *ledger, bool keep, mb_error *error);

// ---- plans and cells --------------------------------------------------------------------------

// The setting that a search chose for a fold. The protocol mertools chooses one setting for all
// folds, strict one for each.
typedef struct mb_ledger_choice {
    int32_t fold;
    char *setting;    // canonical JSON
    double selection; // mean selection value over the search seeds; NaN: not defined, or unknown
    char *doubt;      // why the choice has no ground; "" if it has
    char search[33];  // digest of the keys of the search's trials; "" in ledgers of version 1
} mb_ledger_choice;

// A cell is one entry of a table: corpus, features, model, protocol. When writing, all strings
// belong to the caller; when reading, they belong to the list that is returned.
typedef struct mb_ledger_cell {
    int32_t index;       // position in the plan
    char *label;         // label of the row, from the plan or made from the features
    char *dataset;       // "CMUMOSI"; with targets "MER2023 > MELD, IEMOCAPFour"
    char *model;         // "attention"
    char *features;      // "audio=..., text=..., video=...", shown in tables
    char *protocol;      // "mertools" | "strict"
    int32_t final_seeds; // number of final seeds that the plan asks for
    int32_t choice_count;
    mb_ledger_choice *choices; // (choice_count) by fold; none until the search is complete
    char *targets; // when reading: "MELD:0123456789abcdef, ...", the names of parts; NULL: none
} mb_ledger_cell;

// Records a plan under the digest of its canonical JSON. It becomes the plan that ran last, which
// is the one that tables show by default. If it is recorded already, the links to its trials are
// dropped, since these may be other ones now: with another corpus of the same name, or another
// version of this program.
mb_status mb_ledger_put_plan(mb_ledger *ledger, const char *digest, const char *name,
                             const char *json, const mb_ledger_cell *cells, int32_t cell_count,
                             mb_error *error);
// Records the choice for a fold, in place of an earlier one.
mb_status mb_ledger_choose(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                           const mb_ledger_choice *choice, mb_error *error);
// Drops the choices of a cell that were made by another search.
mb_status mb_ledger_drop_other_choices(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                                       const char search[33], mb_error *error);
// Reads the choices of a cell, by fold.
mb_status mb_ledger_get_choices(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                                mb_ledger_choice **choices, int32_t *count, mb_error *error);
void mb_ledger_choices_free(mb_ledger_choice *choices, int32_t count);
// Links a trial to a cell of a plan, as part of the search or of the final seeds. Linking it again
// changes nothing. The order of the links is kept, so link trials in the order of the plan: by
// setting, then by seed.
mb_status mb_ledger_link(mb_ledger *ledger, const char *plan_digest, int32_t cell, bool final,
                         const char *trial_key, mb_error *error);

// ---- trials and runs --------------------------------------------------------------------------
typedef struct mb_ledger_trial {
    char key[33];
    char *description; // canonical JSON of everything that the result depends on
    int32_t fold_count;
} mb_ledger_trial;

// Records a trial. Recording it again changes nothing; recording another description or number of
// folds under the same key is refused.
mb_status mb_ledger_put_trial(mb_ledger *ledger, const mb_ledger_trial *trial, mb_error *error);
// Records a joined trial: its run on fold k is that of the trial members[k]. The functions that
// read runs take the key of a joined trial like any other.
mb_status mb_ledger_put_joined(mb_ledger *ledger, const mb_ledger_trial *trial,
                               const char *const *members, mb_error *error);
// The key of the trial that has the run: a member of a joined trial, else the trial itself.
mb_status mb_ledger_get_member(mb_ledger *ledger, const char *trial_key, int32_t fold,
                               char member[33], mb_error *error);

// A run to be recorded.
typedef struct mb_ledger_run {
    const char *trial_key;
    int32_t fold;
    const char *device;   // "cpu avx512"
    const char *version;  // merbench version
    const mb_fold *parts; // the parts that the predictions are for, with `tests`
    const mb_part *tests;
    int32_t test_count;
    int32_t class_count, value_count;
    const mb_run_result *result;
    // Of a run that replaces one: predictions and scores for other targets (sweep/targets.h) stay.
    bool keeps_targets;
} mb_ledger_run;

// The scores of a trial on one of its parts: "folds", a test set, or "average".
typedef struct mb_part_scores {
    char name[32];
    mb_scores scores;
} mb_part_scores;

// The scores of a trial. Free with mb_ledger_scores_free.
typedef struct mb_ledger_scores {
    bool diverged;       // one of its runs diverged
    int32_t broken;      // number of its runs with mb_run_result.broken_epoch
    double selection;    // mean over folds of the selection metric at the best epochs
    mb_scores select;    // mean over folds on the selection parts
    mb_scores score;     // on the first test set, or the mean over the held-out parts
    char score_part[32]; // the part that `score` is for: "test", "test1", "folds"
    int32_t part_count;  // 0 where the trial was scored on its selection parts alone
    mb_part_scores *parts;
} mb_ledger_scores;
void mb_ledger_scores_free(mb_ledger_scores *scores);

extern const char *const mb_run_status_names[3]; // by mb_run_status: "done", "diverged", "stopped"

// Records a run in one transaction: status, cause, curves, best epoch, scores, duration, and the
// predictions with the utterances that they are for. With the last fold of a trial, `scores`
// records the scores of the trial in the same transaction; otherwise it is NULL. MB_FAILED: the run
// is recorded already, or it was stopped.
mb_status mb_ledger_put_run(mb_ledger *ledger, const mb_ledger_run *run,
                            const mb_ledger_scores *scores, mb_error *error);
// Records the scores of a trial, in place of earlier ones; those of other targets stay.
mb_status mb_ledger_put_scores(mb_ledger *ledger, const char *trial_key,
                               const mb_ledger_scores *scores, mb_error *error);
// Records a run that was trained again, in place of the recorded one.
mb_status mb_ledger_replace_run(mb_ledger *ledger, const mb_ledger_run *run,
                                const mb_ledger_scores *scores, mb_error *error);

// How much of a run is recorded. A run that diverged counts as complete: nothing more can
// be scored.
typedef enum mb_ledger_extent {
    MB_LEDGER_NOTHING,
    MB_LEDGER_SELECTION, // curves, and predictions on the selection part
    MB_LEDGER_ALL_PARTS, // also predictions on the held-out part or the test sets
} mb_ledger_extent;

// What is recorded of a run, without its curves and predictions.
typedef struct mb_ledger_summary {
    mb_ledger_extent extent; // the rest is valid unless MB_LEDGER_NOTHING
    mb_run_status status;
    int32_t broken_epoch;        // as in mb_run_result
    char cause[128];             // as in mb_run_result
    double selection;            // selection metric at the best epoch; NaN if it diverged
    char device[MB_DEVICE_TEXT]; // that trained it
} mb_ledger_summary;
mb_status mb_ledger_get_summary(mb_ledger *ledger, const char *trial_key, int32_t fold,
                                mb_ledger_summary *summary, mb_error *error);
// Reads a run back, predictions included; free with mb_run_result_free.
mb_status mb_ledger_get_run(mb_ledger *ledger, const char *trial_key, int32_t fold,
                            mb_run_result *result, mb_error *error);
// The same with predictions for these tests alone, found by name and in their order. If one is
// missing, the result has no tests.
mb_status mb_ledger_get_run_on(mb_ledger *ledger, const char *trial_key, int32_t fold,
                               const mb_part *tests, int32_t test_count, mb_run_result *result,
                               mb_error *error);
// Lists the names of a run's tests. *names is malloc'ed.
mb_status mb_ledger_get_tests(mb_ledger *ledger, const char *trial_key, int32_t fold,
                              char (**names)[32], int32_t *count, mb_error *error);
// *there = false: the trial has no scores yet; there is nothing to free then.
mb_status mb_ledger_get_scores(mb_ledger *ledger, const char *trial_key, bool *there,
                               mb_ledger_scores *scores, mb_error *error);
// Reads a trial by its key or a unique prefix of at least 6 digits.
mb_status mb_ledger_get_trial(mb_ledger *ledger, const char *key_or_prefix, mb_ledger_trial *trial,
                              mb_error *error);
void mb_ledger_trial_free(mb_ledger_trial *trial);

// ---- reading for reports ----------------------------------------------------------------------

// A recorded plan.
typedef struct mb_ledger_plan {
    char digest[33];
    char *name;
    char *json; // as recorded
    int32_t cell_count;
    mb_ledger_cell *cells;
} mb_ledger_plan;

// Reads all plans. The one that ran last comes first.
mb_status mb_ledger_get_plans(mb_ledger *ledger, mb_ledger_plan **plans, int32_t *count,
                              mb_error *error);
void mb_ledger_plans_free(mb_ledger_plan *plans, int32_t count);

// A trial of a cell. Trials whose descriptions differ in nothing but the top-level "seed" have the
// same setting.
typedef struct mb_ledger_entry {
    char key[33];
    char *description;
    int32_t fold_count;
    bool finished; // the trial has scores
    mb_ledger_scores scores;
} mb_ledger_entry;

// Reads the trials of a cell in the order in which they were linked.
mb_status mb_ledger_get_entries(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                                bool final, mb_ledger_entry **entries, int32_t *count,
                                mb_error *error);
void mb_ledger_entries_free(mb_ledger_entry *entries, int32_t count);

#endif
