// The ledger: results.db, where every finished run is one transaction. Only ledger*.c speak SQL;
// the schema is documented in docs/results-format.md.
//
// Not thread-safe: one thread owns a ledger; workers hand it their results.
//
// Floats and doubles come back bit for bit, with one exception: of a NaN score or loss (a NULL in
// the file) only that it is NaN is kept, not its sign and payload.
#ifndef MB_SWEEP_LEDGER_H
#define MB_SWEEP_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/status.h"
#include "merbench/train.h"

typedef struct mb_ledger mb_ledger;

// MB_LEDGER_WRITE creates the file when it is missing and holds it for this process alone (a second
// writer gets a message that names the process); readers are welcome at any time (WAL). A ledger
// that was closed is a single plain file; one that was made and then not written is removed again.
typedef enum mb_ledger_mode { MB_LEDGER_READ, MB_LEDGER_WRITE } mb_ledger_mode;

// MB_BAD_INPUT: no SQLite file, no ledger, another schema version. MB_FAILED: in use by another
// process, read-only folder, full disk.
mb_status mb_ledger_open(const char *path, mb_ledger_mode mode, mb_ledger **ledger,
                         mb_error *error);
void mb_ledger_close(mb_ledger *ledger); // undoes a group that was not ended; NULL is fine

const char *mb_ledger_path(const mb_ledger *ledger); // as it was opened, for messages

// Groups the writes in between into one transaction: recording thousands of trials and links costs
// one flush to disk, not thousands. Groups nest. With `keep` false everything since mb_ledger_begin
// is undone.
mb_status mb_ledger_begin(mb_ledger *ledger, mb_error *error);
mb_status mb_ledger_end(mb_ledger *ledger, bool keep, mb_error *error);

// ---- plans and cells --------------------------------------------------------------------------

// A cell is one entry of a table: corpus, features, model, protocol. Its label fields are what
// tables show. All strings belong to the caller when writing, to the ledger's list when reading.
typedef struct mb_ledger_cell {
    int32_t index;       // position in the plan
    char *label;         // row label given in the plan, or one made from the features
    char *dataset;       // "CMUMOSI"
    char *model;         // "attention"
    char *features;      // "audio=..., text=..., video=..." for people
    char *protocol;      // "mertools" | "strict"
    char *chosen;        // settings chosen by the search, canonical JSON; NULL until chosen
    int32_t final_seeds; // number of final seeds that the plan asks for
} mb_ledger_cell;

// Records a plan (again: no change) under the digest of its canonical JSON; the plan that ran last
// is the one that tables show by default.
mb_status mb_ledger_put_plan(mb_ledger *ledger, const char *digest, const char *name,
                             const char *json, const mb_ledger_cell *cells, int32_t cell_count,
                             mb_error *error);
mb_status mb_ledger_choose(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                           const char *settings_json, mb_error *error);
// Says that a trial belongs to a cell of a plan, in the search or among the final seeds (again: no
// change). The order of linking is kept: link in the order of the plan, settings first, then seeds.
mb_status mb_ledger_link(mb_ledger *ledger, const char *plan_digest, int32_t cell, bool final,
                         const char *trial_key, mb_error *error);

// ---- trials and runs --------------------------------------------------------------------------
typedef struct mb_ledger_trial {
    char key[33];
    char *description; // canonical JSON of everything that the result depends on
    int32_t fold_count;
} mb_ledger_trial;

// Idempotent.
mb_status mb_ledger_put_trial(mb_ledger *ledger, const mb_ledger_trial *trial, mb_error *error);

// What a run leaves behind besides its result.
typedef struct mb_ledger_run {
    const char *trial_key;
    int32_t fold;
    const char *device;   // "cpu avx512"
    const char *version;  // merbench version
    const mb_fold *parts; // names and rows of the predictions
    const mb_part *tests;
    int32_t test_count;
    int32_t class_count, value_count;
    const mb_run_result *result;
} mb_ledger_run;

// One transaction: status, cause, curves, best epoch, scores, duration, predictions with the
// utterance rows that they are for. When every fold of the trial is there, the trial's scores are
// stored with it in the same transaction (`scores` != NULL).
typedef struct mb_ledger_scores {
    bool diverged;       // one of its runs did
    double selection;    // mean over folds of the selection metric at the best epochs
    mb_scores select;    // mean over folds on the selection parts
    mb_scores score;     // the trial's score: test set (the first one), or mean over held-out parts
    char score_part[32]; // "test", "test1", "folds": what `score` was measured on
} mb_ledger_scores;

extern const char *const mb_run_status_names[3]; // by mb_run_status: "done", "diverged", "stopped"

// A run that is there already, or that was stopped, is refused (MB_FAILED).
mb_status mb_ledger_put_run(mb_ledger *ledger, const mb_ledger_run *run,
                            const mb_ledger_scores *scores, mb_error *error);
// In place of a run that was scored on its selection part alone: the same one, trained again and
// scored on all parts.
mb_status mb_ledger_replace_run(mb_ledger *ledger, const mb_ledger_run *run,
                                const mb_ledger_scores *scores, mb_error *error);

// What is there of a run. One that diverged is whole: it has no other parts.
typedef enum mb_ledger_extent {
    MB_LEDGER_NOTHING,
    MB_LEDGER_SELECTION, // curves, and predictions on the selection part
    MB_LEDGER_ALL_PARTS, // on the held-out part or the test sets, too
} mb_ledger_extent;
mb_status mb_ledger_get_extent(mb_ledger *ledger, const char *trial_key, int32_t fold,
                               mb_ledger_extent *extent, mb_error *error);
// Reads a run back, predictions included; free with mb_run_result_free.
mb_status mb_ledger_get_run(mb_ledger *ledger, const char *trial_key, int32_t fold,
                            mb_run_result *result, mb_error *error);
// The device that trained a run, as it was recorded.
mb_status mb_ledger_get_device(mb_ledger *ledger, const char *trial_key, int32_t fold, char *device,
                               size_t size, mb_error *error);
// *there = false when the trial has no scores yet.
mb_status mb_ledger_get_scores(mb_ledger *ledger, const char *trial_key, bool *there,
                               mb_ledger_scores *scores, mb_error *error);
// The whole trial by its key or a prefix that is unique (at least 6 digits).
mb_status mb_ledger_get_trial(mb_ledger *ledger, const char *key_or_prefix, mb_ledger_trial *trial,
                              mb_error *error);
void mb_ledger_trial_free(mb_ledger_trial *trial);

// ---- reading for reports ----------------------------------------------------------------------

// Plans, newest first.
typedef struct mb_ledger_plan {
    char digest[33];
    char *name;
    char *json; // as it was put
    int32_t cell_count;
    mb_ledger_cell *cells;
} mb_ledger_plan;

mb_status mb_ledger_get_plans(mb_ledger *ledger, mb_ledger_plan **plans, int32_t *count,
                              mb_error *error);
void mb_ledger_plans_free(mb_ledger_plan *plans, int32_t count);

// Scores of the trials of a cell, in the order in which they were linked. Tables take the seed from
// the top-level "seed" of a description; trials that differ in nothing else have the same setting.
typedef struct mb_ledger_entry {
    char key[33];
    char *description;
    bool finished; // scores are there
    mb_ledger_scores scores;
} mb_ledger_entry;

mb_status mb_ledger_get_entries(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                                bool final, mb_ledger_entry **entries, int32_t *count,
                                mb_error *error);
void mb_ledger_entries_free(mb_ledger_entry *entries, int32_t count);

#endif
