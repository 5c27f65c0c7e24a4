// What sweep.c, sweep_trials.c, sweep_check.c and sweep_train.c share.
#ifndef MB_SWEEP_SWEEP_STATE_H
#define MB_SWEEP_SWEEP_STATE_H

#include "sweep/store.h"
#include "sweep/sweep.h"
#include "sweep/trial.h"

typedef struct sweep_trial {
    char key[33];
    int32_t cell, setting; // of the first cell that has this trial
    uint32_t seed;
    const mb_fold_set *folds;
    int32_t missing;  // folds that are not done
    double selection; // when none is missing
} sweep_trial;

typedef struct sweep_cell {
    const mb_sweep_cell *plan;
    const mb_corpus *corpus;
    const mb_sequences *sequences; // NULL until a run needs them
    int32_t search_count;          // trials: settings, then seeds
    int32_t *search;
    int32_t search_done; // the first search_done trials of the search have scores
    int32_t chosen;      // setting, or -1
    int32_t final_count;
    int32_t *final;
} sweep_cell;

// Runs with the same graph, shapes and part sizes.
typedef struct sweep_group {
    const mb_sequences *sequences;
    const mb_model *model;
    mb_setting setting;
    int32_t part_counts[3];
    int32_t fold; // -1 where the folds differ in nothing but their sizes
    mb_run_cost cost;
} sweep_group;

struct mb_sweep {
    const mb_sweep_plan *plan;
    mb_interrupt *interrupt;
    mb_store *store;
    mb_ledger *ledger; // NULL: nothing is done
    bool record;
    sweep_cell *cells; // (plan->cell_count)
    sweep_trial *trials;
    int32_t trial_count, trial_capacity;
    int32_t *key_slots; // open addressing by key; -1 = free
    int32_t key_slot_count;
    sweep_group *groups;
    int32_t group_count;
    mb_job *jobs; // that wait to be given to the pool
    int32_t job_count, job_capacity;
    mb_sweep_totals totals;
};

// sweep_check.c: opens a cell's corpus and checks the cell against it.
mb_status sweep_check_cell(mb_sweep *sweep, sweep_cell *cell, mb_error *error);

// sweep_trials.c
void sweep_describe(const mb_sweep *sweep, int32_t cell, int32_t setting, uint32_t seed,
                    mb_trial *trial);
// Adds a trial, or finds it when another cell has it already; jobs are made of its missing runs.
mb_status sweep_add_trial(mb_sweep *sweep, int32_t cell, int32_t setting, uint32_t seed,
                          int32_t *index, mb_error *error);

// sweep.c: moves cells on whose search is complete.
mb_status sweep_advance(mb_sweep *sweep, mb_error *error);

// "plan.json: cells[2]: " in front of a message.
mb_status sweep_fail_in_cell(const mb_sweep *sweep, const sweep_cell *cell, mb_status status,
                             mb_error *error);

#endif
