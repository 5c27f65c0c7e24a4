// The state of a sweep, shared by sweep*.c.
#ifndef MB_SWEEP_SWEEP_STATE_H
#define MB_SWEEP_SWEEP_STATE_H

#include <pthread.h>

#include "base/interrupt.h"
#include "sweep/store.h"
#include "sweep/sweep.h"
#include "sweep/trial_spec.h"

// A run of a trial.
typedef struct sweep_run {
    bool wanted;             // the plan needs it
    bool all_parts;          // on all its parts; otherwise on the selection part alone
    bool pending;            // a job of it was made and is not recorded yet
    bool outdated;           // the ledger has a result that this version would not give
    bool set_aside;          // it does not fit into memory
    mb_ledger_extent extent; // what the ledger has
    bool diverged;           // of the recorded run
    double selection;        // its selection value; minus infinity if it diverged
} sweep_run;

typedef struct sweep_trial {
    char key[33];
    int32_t cell, setting; // of the first cell that has this trial
    uint32_t seed;
    const mb_fold_set *folds;
    sweep_run *runs; // (fold_count)
    int32_t pending; // number of its runs that are pending
    bool moved;      // a run gave other weights than the recorded one, on another device
    bool selected;   // `selection` is known
    double selection;
    mb_run_result *parts; // (fold_count) held back until the choice, or NULL; see sweep_parts.c
} sweep_trial;

// The result of a seed whose runs belong to several trials, because the folds of its cell have
// different settings.
typedef struct sweep_join {
    char key[33];
    int32_t cell;
    int32_t *members; // (fold_count) indices of the trials
    bool scored;
} sweep_join;

typedef struct sweep_cell {
    const mb_sweep_cell *plan;
    const mb_corpus *labelled; // as its file has it
    const mb_corpus *corpus;   // the same, or with common labels if there are targets
    mb_targets *targets;       // NULL: none
    int32_t fold_count;
    const mb_dataset *dataset; // NULL until a run needs it
    int32_t search_count;
    int32_t *search;        // indices of the trials of the search, by setting and then by seed
    char search_digest[33]; // of their keys
    int32_t search_done;    // the first search_done trials have selection values
    int32_t best;           // the best setting of those completed since the start, or -1
    double best_mean;       // of `best`
    bool chosen;            // settings are chosen, and the trials that print the result are added
} sweep_cell;

// The properties of a part that determine the graph that is compiled for it.
typedef struct sweep_part {
    bool empty; // then the other fields are 0
    int32_t steps[MB_MAX_STREAMS];
    int32_t rows; // rows that are evaluated at a time
} sweep_part;

enum { SWEEP_PARTS = 3 }; // train, select, held

// The shapes of the parts of a fold with certain features.
typedef struct sweep_shape {
    const mb_dataset *dataset;
    const mb_fold *fold;
    bool couples_rows; // of the model
    sweep_part parts[SWEEP_PARTS];
} sweep_shape;

// Runs that can be trained as one array.
typedef struct sweep_group {
    const mb_dataset *dataset;
    const mb_model *model;
    mb_setting setting; // of the first run
    sweep_part parts[SWEEP_PARTS];
    bool selection_only;
    mb_run_cost cost;    // of the first run
    int64_t runs;        // number of all its runs so far
    int64_t waiting;     // number of its runs that are not trained yet
    mb_run_plans *plans; // NULL: not made yet, or dropped
} sweep_group;

struct mb_sweep {
    const mb_sweep_plan *plan;
    mb_interrupt interrupt; // active in mb_sweep_prepare and mb_sweep_train
    mb_store *store;
    mb_ledger *ledger; // NULL: nothing is recorded yet
    bool record;
    bool preparing;            // in mb_sweep_prepare
    bool interrupted;          // sweep_check_interrupt has failed
    const mb_corpus **corpora; // (plan->corpus_count) NULL: not needed, or cannot be used
    mb_targets **targets;      // those of the cells, each once
    int32_t target_count;
    sweep_cell *cells; // (plan->cell_count)
    sweep_trial *trials;
    int32_t trial_count, trial_capacity;
    int64_t trials_asked; // calls of sweep_add_trial
    sweep_join *joins;
    int32_t join_count;
    char *doubts;       // a line for every choice without ground, or NULL
    int32_t *key_slots; // hash table of trials by key, with open addressing; -1 = free
    int32_t key_slot_count;
    bool device_memory; // the device has its own memory
    // Worker threads turn jobs into specifications of runs while the lists may grow. The mutex
    // protects the trials, the groups, the datasets of the cells, and plans_kept.
    pthread_mutex_t lists;
    int32_t plans_kept; // number of groups that have plans
    sweep_shape *shapes;
    int32_t shape_count;
    sweep_group *groups;
    int32_t group_count;
    mb_job *jobs; // to be added to the pool
    int32_t job_count, job_capacity;
    int64_t memory; // of the pool's config
    mb_job *aside;  // runs that do not fit into it
    int32_t aside_count, aside_capacity;
    mb_sweep_totals totals;
};

// sweep_check.c: checks the plan against its corpora, as far as possible before training. The
// message of a failure has all that was refused, also by the plan itself.
mb_status sweep_check_plan(mb_sweep *sweep, mb_error *error);

// sweep_targets.c: finds or makes the targets of a cell, whose features the corpus has, and checks
// them. Cells with the same features share their targets, so that one training serves all.
mb_status sweep_find_targets(mb_sweep *sweep, sweep_cell *cell, mb_error *error);
// The name of the part of a cell's target, which is a corpus of the plan.
const char *sweep_target_name(const mb_sweep *sweep, const sweep_cell *cell, int32_t corpus);
void sweep_free_targets(mb_sweep *sweep);
// sweep_check.c: refuses a feature that a corpus does not have, naming those that are alike.
mb_status sweep_unknown_feature(const mb_corpus *corpus, const char *where, const char *name,
                                mb_error *error);

// sweep.c: fails when an interrupt has come. The caller must undo what it has recorded.
mb_status sweep_check_interrupt(mb_sweep *sweep, mb_error *error);

// sweep_trials.c: makes the trial with this cell, setting and seed.
void sweep_describe(const mb_sweep *sweep, int32_t cell, int32_t setting, uint32_t seed,
                    mb_trial *trial);
// Adds a trial, of which no run is wanted yet, or finds it if another cell has it already.
mb_status sweep_add_trial(mb_sweep *sweep, int32_t cell, int32_t setting, uint32_t seed,
                          int32_t *index, mb_error *error);

// sweep_jobs.c: reserves memory for one more job in a list that doubles.
mb_status sweep_reserve_job(mb_job **jobs, int32_t count, int32_t *capacity, mb_error *error);
// Reads what the ledger has of a trial that is new to the sweep.
mb_status sweep_find_recorded(mb_sweep *sweep, int32_t trial, mb_error *error);
// Wants a run of a trial, or all of them if the fold is ALL_FOLDS, and makes jobs of those that are
// missing. A run that was scored on its selection part alone is trained again for the others.
enum { ALL_FOLDS = -1 };
mb_status sweep_want(mb_sweep *sweep, int32_t trial, int32_t fold, bool all_parts, mb_error *error);
// Must be called when no run of a trial is pending any more: more may have been wanted meanwhile.
mb_status sweep_want_more(mb_sweep *sweep, int32_t trial, mb_error *error);
// Reads a recorded run, with predictions for the tests of its trial's folds.
mb_status sweep_get_run(mb_sweep *sweep, const char *key, const mb_fold_set *folds, int32_t fold,
                        mb_run_result *result, mb_error *error);
// The corpora that the parts of a trial are scored with.
const mb_corpus *const *sweep_corpora_of(const mb_sweep *sweep, int32_t cell);
// Whether scores that are recorded lack a target of the folds.
bool sweep_lacks_target(const mb_ledger_scores *scores, const mb_fold_set *folds);
// Whether the ledger has a run, on any parts.
bool sweep_is_recorded(const sweep_run *run);
// Whether the ledger has what is wanted of a run.
bool sweep_has_run(const sweep_trial *trial, int32_t fold);
// A run in the form in which the ledger records it.
mb_ledger_run sweep_ledger_run(const sweep_trial *trial, const mb_run_spec *spec,
                               const char *device, const mb_run_result *result);
mb_run_spec sweep_run_of(const mb_sweep *sweep, const mb_job *job);
// The same for the threads of a pool, including the compiled plans.
mb_status sweep_specify(void *sweep, const mb_job *job, mb_run_spec *spec, mb_error *error);

// sweep_parts.c: whether a run has parts to be scored on besides its selection part.
bool sweep_has_other_parts(const sweep_trial *trial, int32_t fold);
// Moves the other parts out of a result and holds them back until the choice.
void sweep_hold_back(sweep_trial *trial, int32_t fold, mb_run_result *result);
// Must be called when a trial is complete. Drops held-back parts that cannot be chosen any more.
void sweep_weigh_parts(mb_sweep *sweep, const sweep_trial *trial);
// Records the parts of a trial that were held back, if none is missing, and drops them.
mb_status sweep_record_parts(mb_sweep *sweep, int32_t trial, mb_error *error);
void sweep_drop_parts(mb_sweep *sweep, const sweep_cell *cell);
void sweep_free_parts(mb_sweep *sweep);

// sweep_groups.c: gives a job its group, cost and memory.
mb_status sweep_group_job(mb_sweep *sweep, const mb_run_spec *spec, const mb_setting *setting,
                          mb_job *job, mb_error *error);
// Sets the plans of `spec`, a run of the group, and makes them if needed. The lists must be locked.
mb_status sweep_find_plans(mb_sweep *sweep, int32_t group, mb_run_spec *spec, mb_error *error);
// Must be called when a job has been trained or has failed.
void sweep_job_ended(mb_sweep *sweep, const mb_job *job);
void sweep_free_groups(mb_sweep *sweep);

// sweep_aside.c: notes that a run does not fit into memory. It is not trained by this sweep.
mb_status sweep_set_aside(mb_sweep *sweep, const mb_job *job, mb_error *error);

// sweep_choice.c: chooses the settings of cells whose search is complete, and adds the trials that
// print their results.
mb_status sweep_advance(mb_sweep *sweep, mb_error *error);
// Records a link between a cell and a trial.
mb_status sweep_link(mb_sweep *sweep, int32_t cell, bool final, const char *key, mb_error *error);

// sweep_joins.c: adds the result of a seed of which fold k has the trial members[k], and links it
// to its cell. Takes over `members`, which is malloc'ed, also after a failure.
mb_status sweep_add_join(mb_sweep *sweep, int32_t cell, int32_t *members, mb_error *error);
// Computes the scores of a recorded trial, joined or not, from its runs and records them.
mb_status sweep_score_recorded(mb_sweep *sweep, const char *key, int32_t cell,
                               const mb_fold_set *folds, mb_error *error);
// Records the scores of all joins whose runs are complete.
mb_status sweep_score_joins(mb_sweep *sweep, mb_error *error);
void sweep_free_joins(mb_sweep *sweep);

// Prepends "plan.json: cells[2]: " to the message.
mb_status sweep_fail_in_cell(const mb_sweep *sweep, const sweep_cell *cell, mb_status status,
                             mb_error *error);

#endif
