// A sweep: the trials of a plan, what of them is done, and the training of the rest.
//
// A cell is searched first; when every trial of its search has a score, its setting is chosen
// (choice.h) and its final seeds are added. Cells do not wait for each other.
#ifndef MB_SWEEP_SWEEP_H
#define MB_SWEEP_SWEEP_H

#include "base/interrupt.h"
#include "sweep/ledger.h"
#include "sweep/pool.h"
#include "sweep/sweep_plan.h"

typedef struct mb_sweep mb_sweep;

// Opens the corpora and checks the whole plan against them; reads no features. `plan` and
// `interrupt` must outlive the sweep.
mb_status mb_sweep_open(const mb_sweep_plan *plan, mb_interrupt *interrupt, mb_sweep **sweep,
                        mb_error *error);
void mb_sweep_close(mb_sweep *sweep); // NULL is fine

// Before the preparation: the sweep will be trained on devices with memory of their own.
void mb_sweep_use_device_memory(mb_sweep *sweep);

// Finds out what is done and what is missing, and loads what the missing runs need. With `record`
// the plan and its trials are written to the ledger. `ledger` NULL: nothing is done yet.
mb_status mb_sweep_prepare(mb_sweep *sweep, mb_ledger *ledger, bool record, mb_error *error);

typedef struct mb_sweep_totals {
    int32_t cells;
    int64_t settings, trials;
    int64_t runs_to_come;     // of settings that are not chosen yet
    int64_t runs;             // those to come included
    int64_t runs_done;        // recorded by now or before the start
    int64_t runs_trained;     // since the start
    int64_t runs_diverged;    // of those
    int64_t runs_moved;       // of those: recorded before on another device, now in place of that
    double cost_known;        // multiply-accumulates of the runs that were missing and are known
    double cost_done;         // of those, done by now
    double cost_to_come;      // estimate for the runs to come
    int64_t shared_bytes;     // features
    int64_t run_bytes;        // of the largest run
    int64_t array_host_bytes; // of page-locked memory, for the array with most of it
    int64_t array_bytes; // of the largest array that there can be, MB_POOL_MOST_RUNS runs at most
    long long steps;     // model-steps trained
} mb_sweep_totals;

void mb_sweep_get_totals(const mb_sweep *sweep, mb_sweep_totals *totals);

// Called several times a second while the sweep trains.
typedef void (*mb_sweep_listener)(void *context, const mb_sweep_totals *totals);

// Trains what is missing. The sweep was prepared with a ledger and `record`. `device` is the
// description for the ledger. MB_FAILED after an interruption, with a message that says how far the
// sweep got: everything recorded so far stays.
mb_status mb_sweep_train(mb_sweep *sweep, const mb_pool_config *config, const char *device,
                         mb_sweep_listener listener, void *context, mb_error *error);

#endif
