// A sweep finds out which trials of a plan are missing in the ledger, and trains them.
//
// A cell is searched first. When every trial of its search has a selection value, its setting is
// chosen (choice.h) and its final seeds are added. Under the protocol mertools one setting is
// chosen for all folds, by the mean over folds. Under strict every fold gets a setting of its own,
// chosen by the runs of that fold, and fold k of a seed's result is the run of that setting: the
// labels of a held-out part are never used to choose the setting that is scored on it. Cells do not
// wait for each other.
#ifndef MB_SWEEP_SWEEP_H
#define MB_SWEEP_SWEEP_H

#include "sweep/ledger.h"
#include "sweep/pool.h"
#include "sweep/sweep_plan.h"

typedef struct mb_sweep mb_sweep;

// Opens the corpora and checks the whole plan against them, without reading features. A plan in
// which something was refused (plan->findings) is checked and fails: the message has what the plan
// and the corpora are to blame for. The plan must outlive the sweep.
mb_status mb_sweep_open(const mb_sweep_plan *plan, mb_sweep **sweep, mb_error *error);
void mb_sweep_close(mb_sweep *sweep); // NULL is fine

// Called with one line: "plan.json: cells[2]: warning: ...".
typedef void (*mb_sweep_warn)(void *context, const char *line);

// What is known before training to be doubtful: labels that do not fit the dataset, parts on which
// scores are not defined, runs that must break.
mb_status mb_sweep_list_warnings(mb_sweep *sweep, mb_sweep_warn warn, void *context,
                                 mb_error *error);

// Tells the sweep that it will be trained on a device with its own memory. Must be called
// before mb_sweep_prepare.
void mb_sweep_use_device_memory(mb_sweep *sweep);

// Finds out which runs are missing and loads the data that they need. With `record` the plan and
// its trials are written to the ledger. `ledger` NULL: all runs are missing. MB_FAILED after
// SIGINT, SIGTERM or SIGHUP. But while features are read and the ledger is brought to disk, these
// end the process; the ledger is sound then.
mb_status mb_sweep_prepare(mb_sweep *sweep, mb_ledger *ledger, bool record, mb_error *error);

typedef struct mb_sweep_totals {
    int32_t cells;
    int64_t settings, trials;
    int64_t runs_to_come;     // will be added when the settings of more cells are chosen
    int64_t runs;             // all runs, including runs_to_come
    int64_t runs_done;        // recorded so far, also before the start
    int64_t runs_trained;     // recorded since the start
    int64_t runs_diverged;    // of runs_trained: diverged
    int64_t runs_broken;      // of runs_trained: scored although a number was not finite
    int64_t runs_moved;       // of runs_trained: replaced a run of another device
    int64_t runs_aside;       // of the others: do not fit into memory
    double cost_known;        // multiply-accumulates of the missing runs, without runs_to_come
    double cost_done;         // of these: done so far
    double cost_to_come;      // estimate for runs_to_come
    int64_t shared_bytes;     // of all features
    int64_t run_bytes;        // of the largest run
    int64_t array_host_bytes; // page-locked memory of the array that needs most of it
    int64_t array_bytes;      // of the largest possible array, with at most MB_POOL_MOST_RUNS runs
    long long steps;          // model-steps trained
    mb_pool_flight flight;    // the runs in flight
} mb_sweep_totals;

// A line for each choice so far that has no ground: "cells[2]: no setting has ...". "" if
// there is none. Valid until the next call with this sweep.
const char *mb_sweep_doubts(const mb_sweep *sweep);

void mb_sweep_get_totals(const mb_sweep *sweep, mb_sweep_totals *totals);

// Warns, in several lines at once, of the missing runs that need more than `memory` bytes each. To
// be called between mb_sweep_prepare and mb_sweep_train.
mb_status mb_sweep_list_too_large(const mb_sweep *sweep, int64_t memory, mb_sweep_warn warn,
                                  void *context, mb_error *error);

// Estimates how many seconds the missing runs will take on a device that shares the host's memory:
// measures some of them, for about a second in all. Nothing is recorded. 0: not known, because
// there are none or none could be measured. The sweep must have been prepared.
mb_status mb_sweep_estimate(mb_sweep *sweep, const mb_pool_config *config, double *seconds,
                            mb_error *error);

// Called several times a second while the sweep trains.
typedef void (*mb_sweep_listener)(void *context, const mb_sweep_totals *totals);

// Trains the missing runs. The sweep must have been prepared with a ledger and `record`. `device`
// is the description of the device for the ledger. Runs that do not fit into memory are set aside:
// mb_sweep_check_aside fails then. MB_FAILED after one of the signals: the message
// says how many runs are done, and everything recorded so far is kept.
mb_status mb_sweep_train(mb_sweep *sweep, const mb_pool_config *config, const char *device,
                         mb_sweep_listener listener, void *context, mb_error *error);

// Fails if the training has set runs aside, and names some of them.
mb_status mb_sweep_check_aside(const mb_sweep *sweep, mb_error *error);

#endif
