#include "sweep/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain.h"
#include "base/plural.h"
#include "sweep/compare.h"
#include "sweep/pool.h"
#include "sweep/score.h"
#include "sweep/trial_spec.h"

typedef struct replay_fold {
    mb_trial_spec spec;
    mb_ledger_extent recorded;
    bool trained;
    char device[MB_DEVICE_TEXT]; // the recorded device
    char now[MB_DEVICE_TEXT];    // the device that trains it again
} replay_fold;

typedef struct replay {
    mb_ledger *ledger;
    const char *key;
    const mb_replay_options *options;
    FILE *out;
    const mb_corpus *corpus;
    mb_targets targets; // those that were found; count 0: none
    bool transfers;     // the trial has common labels, and targets
    bool incomplete;    // targets are missing
    int32_t reported, compared;
    int32_t fold_count;
    replay_fold *folds;                     // (fold_count)
    mb_run_result *again;                   // (fold_count)
    char difference[512];                   // the first difference, with its fold
    char devices[2 * MB_DEVICE_TEXT + 128]; // on which its fold was trained
} replay;

// ---- comparison -------------------------------------------------------------------------------

static void keep_difference(replay *r, int32_t fold, const char *difference) {
    if (difference[0] == '\0' || r->difference[0] != '\0')
        return;
    const replay_fold *f = &r->folds[fold];
    bool same = strcmp(f->device, f->now) == 0;
    snprintf(r->difference, sizeof r->difference, "fold %d: %s", fold, difference);
    snprintf(r->devices, sizeof r->devices, "recorded on %s, trained again on %s: %s", f->device,
             f->now,
             same ? "the bits should be the same"
                  : "devices differ in rounding; only the same device gives the same bits");
}

// The run of a fold, with as many parts as are recorded.
static mb_run_spec run_of(const replay *r, int32_t fold) {
    mb_run_spec run = mb_trial_spec_run(&r->folds[fold].spec, fold);
    run.selection_only = r->folds[fold].recorded == MB_LEDGER_SELECTION;
    return run;
}

// The recorded run, with predictions for the tests that can be compared.
static mb_status get_stored(const replay *r, int32_t fold, mb_run_result *stored, mb_error *error) {
    const mb_fold_set *folds = r->folds[fold].spec.folds;
    return r->transfers ? mb_ledger_get_run_on(r->ledger, r->key, fold, folds->tests,
                                               folds->test_count, stored, error)
                        : mb_ledger_get_run(r->ledger, r->key, fold, stored, error);
}

static mb_status compare_fold(replay *r, int32_t fold, mb_error *error) {
    mb_run_result stored = {0};
    mb_status status = get_stored(r, fold, &stored, error);
    if (status != MB_OK)
        return status;
    mb_run_spec spec = run_of(r, fold);
    char difference[384] = "";
    mb_runs_equal(&stored, &r->again[fold], &spec, difference, sizeof difference);
    r->compared++;
    mb_print_plain_to(r->out, "fold %d: %d %s, %s%s\n", fold, stored.epochs_done,
                      mb_plural(stored.epochs_done, "epoch", "epochs"),
                      difference[0] == '\0' ? "identical" : "DIFFERENT: ", difference);
    keep_difference(r, fold, difference);
    mb_run_result_free(&stored);
    return MB_OK;
}

// Compares and reports the folds that are finished, in order.
static mb_status report_folds(replay *r, mb_error *error) {
    mb_status status = MB_OK;
    for (; r->reported < r->fold_count && status == MB_OK; r->reported++) {
        const replay_fold *f = &r->folds[r->reported];
        if (f->recorded && !f->trained)
            break;
        if (f->recorded)
            status = compare_fold(r, r->reported, error);
        else
            mb_print_plain_to(r->out, "fold %d: not recorded\n", r->reported);
        fflush(r->out);
    }
    return status;
}

static mb_status compare_scores(replay *r, mb_error *error) {
    mb_ledger_scores stored, again = {0};
    bool there = false;
    char difference[384] = "";
    mb_status status = mb_ledger_get_scores(r->ledger, r->key, &there, &stored, error);
    if (status != MB_OK || !there)
        return status;
    bool comparable = r->compared == r->fold_count && r->difference[0] == '\0' && !r->incomplete;
    if (comparable)
        status = mb_score_trial(mb_trial_corpora(&r->corpus, r->transfers ? &r->targets : NULL),
                                r->folds[0].spec.folds, r->again, &again, error);
    if (comparable && status == MB_OK) {
        if (!mb_trial_scores_equal(&stored, &again, difference, sizeof difference))
            snprintf(r->difference, sizeof r->difference, "scores: %s", difference);
        mb_print_plain_to(r->out, "scores: %s%s\n",
                          difference[0] == '\0' ? "identical" : "DIFFERENT: ", difference);
    }
    mb_ledger_scores_free(&stored);
    mb_ledger_scores_free(&again);
    return status;
}

// ---- training again ---------------------------------------------------------------------------

// Opens devices like the recorded one for the threads. The first device is open already.
typedef struct opener {
    const mb_replay_options *options;
    const char *recorded;
    mb_device **first;
} opener;

static mb_status open_device(const void *context, mb_device **device, mb_error *error) {
    const opener *o = context;
    if (*o->first == NULL)
        return o->options->open(o->options->context, o->recorded, device, error);
    *device = *o->first;
    *o->first = NULL;
    return MB_OK;
}

static mb_status specify(void *owner, const mb_job *job, mb_run_spec *run, mb_error *error) {
    (void)error;
    *run = run_of(owner, job->fold);
    return MB_OK;
}

static mb_status add_fold(replay *r, mb_pool *pool, int32_t fold, mb_error *error) {
    mb_run_cost cost;
    mb_job job = {.fold = fold};
    mb_run_spec run = run_of(r, fold);
    mb_status status = mb_run_estimate(&run, &cost, error);
    if (status != MB_OK)
        return status;
    job.cost = cost.multiply_accumulates;
    job.memory = cost.shared_bytes;
    return mb_pool_add(pool, &job, 1, error);
}

static mb_status take_next(replay *r, mb_pool *pool, mb_error *error) {
    mb_outcome *outcome = mb_pool_take(pool, 1.0, error);
    if (outcome == NULL)
        return MB_OK;
    mb_status status = outcome->status;
    int32_t fold = outcome->job.fold;
    if (status == MB_OK) {
        r->again[fold] = outcome->result;
        r->folds[fold].trained = true;
    } else {
        if (outcome->does_not_fit)
            mb_fail(error, status, "the run does not fit into memory");
        mb_fail_in(error, status, "fold %d: ", fold);
        mb_run_result_free(&outcome->result);
    }
    free(outcome);
    return status == MB_OK ? report_folds(r, error) : status;
}

static bool is_pending(const replay_fold *fold, const char *device) {
    return fold->recorded && !fold->trained && strcmp(fold->device, device) == 0;
}

// Trains the pending folds of the recorded device, on threads with devices like `device`. The first
// thread takes over `device` itself.
static mb_status train_folds(replay *r, const char *recorded, mb_device **device, mb_error *error) {
    bool shares = (*device)->backend->shares_host_memory;
    opener o = {r->options, recorded, device};
    mb_pool_config config = {.backend = (*device)->backend,
                             .open = open_device,
                             .context = &o,
                             .specify = specify,
                             .owner = r,
                             .train = mb_train_runs,
                             .threads = shares ? r->options->threads : 1,
                             .array_size = 1,
                             .memory = shares ? mb_memory_for_runs() : 0};
    mb_pool *pool = NULL;
    mb_status status = mb_pool_open(&config, &pool, error);
    for (int32_t k = 0; k < r->fold_count && status == MB_OK; k++)
        if (is_pending(&r->folds[k], recorded))
            status = add_fold(r, pool, k, error);
    while (status == MB_OK && mb_pool_pending(pool) > 0)
        status = take_next(r, pool, error);
    mb_pool_close(pool);
    return status;
}

// Trains the fold `first` and all later folds that were recorded on the same device.
static mb_status train_like(replay *r, int32_t first, mb_error *error) {
    const char *recorded = r->folds[first].device;
    mb_device *device = NULL;
    mb_device_description now;
    mb_status status = r->options->open(r->options->context, recorded, &device, error);
    if (status != MB_OK)
        return status;
    const mb_backend *backend = device->backend;
    status = backend->describe(device, &now, error);
    for (int32_t k = first; k < r->fold_count && status == MB_OK; k++)
        if (is_pending(&r->folds[k], recorded))
            memcpy(r->folds[k].now, now.text, sizeof now.text);
    if (status == MB_OK && strcmp(recorded, now.text) != 0)
        mb_print_plain_to(r->out, "fold %d was recorded on %s; it is trained again on %s\n", first,
                          recorded, now.text);
    if (status == MB_OK)
        status = train_folds(r, recorded, &device, error);
    if (device != NULL)
        backend->close(device);
    return status;
}

static mb_status find_recorded(replay *r, int32_t fold, mb_error *error) {
    replay_fold *f = &r->folds[fold];
    mb_ledger_summary summary;
    mb_status status = mb_ledger_get_summary(r->ledger, r->key, fold, &summary, error);
    f->recorded = summary.extent;
    memcpy(f->device, summary.device, sizeof f->device);
    return status;
}

static mb_status replay_folds(replay *r, mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t k = 0; k < r->fold_count && status == MB_OK; k++)
        status = find_recorded(r, k, error);
    for (int32_t k = 0; k < r->fold_count && status == MB_OK; k++)
        if (r->folds[k].recorded && !r->folds[k].trained)
            status = train_like(r, k, error);
    if (status == MB_OK)
        status = report_folds(r, error);
    if (status == MB_OK)
        status = compare_scores(r, error);
    if (status != MB_OK)
        return status;
    if (r->compared == 0)
        return mb_fail(error, MB_BAD_INPUT, "trial %s: no run is recorded yet", r->key);
    if (r->difference[0] == '\0')
        return MB_OK;
    status = mb_fail(error, MB_BAD_INPUT, "trial %s: %s", r->key, r->difference);
    return r->devices[0] == '\0' ? status : mb_fail_more(error, status, "\n(%s)", r->devices);
}

// Makes the specification of every fold.
static mb_status open_folds(replay *r, mb_store *store, const mb_replay_trials *trials,
                            mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t k = 0; k < r->fold_count && status == MB_OK; k++) {
        mb_trial_spec *spec = &r->folds[k].spec;
        status = mb_trial_spec_make(store, &trials->folds[k], r->corpus,
                                    r->transfers ? &r->targets : NULL, spec, error);
        if (status == MB_OK)
            status = mb_trial_spec_load(store, spec, error);
        if (status == MB_OK && spec->folds->fold_count != r->fold_count)
            status = mb_fail(error, MB_BAD_INPUT, "trial %s: expected %d %s, found %d", r->key,
                             spec->folds->fold_count,
                             mb_plural(spec->folds->fold_count, "fold", "folds"), r->fold_count);
    }
    return status;
}

// Opens a recorded target, if its corpus is found.
static mb_status open_target(replay *r, mb_store *store, const mb_trial *trial, const char *name,
                             mb_error *error) {
    const char *features[MB_MAX_STREAMS];
    int32_t count = mb_input_count(&trial->order);
    const mb_corpus *corpus = NULL, *common = NULL;
    char *path = NULL;
    for (int32_t m = 0; m < count; m++)
        features[m] = trial->features[m].name;
    mb_status status =
        mb_replay_find_target(trial, name, r->options->paths, r->options->path_count, &path, error);
    if (status == MB_OK && (path == NULL || r->targets.count == MB_MOST_TARGETS)) {
        mb_print_plain_to(r->out, "target %s: %s; it is not compared\n", name,
                          path == NULL ? "its corpus is not there" : "there are too many");
        r->incomplete = true;
        free(path);
        return MB_OK;
    }
    if (status == MB_OK)
        status = mb_store_corpus(store, path, &corpus, error);
    if (status == MB_OK)
        status = mb_store_common(store, corpus, &common, error);
    if (status == MB_OK)
        status = mb_targets_add(&r->targets, common, features, count, error);
    free(path);
    return status;
}

typedef struct name_list {
    char (*names)[MB_PART_NAME]; // malloc'ed
    int32_t count;
    bool known; // of a first fold
} name_list;

static bool has_name(const name_list *list, const char *name) {
    for (int32_t i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0)
            return true;
    return false;
}

// Keeps of the targets so far those that this fold was scored on, too. If the folds differ, since a
// sweep was interrupted, the scores of the trial cannot be compared.
static void keep_common(replay *r, name_list *all, name_list *fold) {
    int32_t kept = 0;
    r->incomplete = r->incomplete || fold->count != all->count;
    for (int32_t i = 0; i < all->count; i++)
        if (has_name(fold, all->names[i]))
            memmove(all->names[kept++], all->names[i], sizeof all->names[i]);
    r->incomplete = r->incomplete || kept != all->count;
    all->count = kept;
}

static mb_status list_targets(replay *r, name_list *all, mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t k = 0; k < r->fold_count && status == MB_OK; k++) {
        name_list fold = {.known = true};
        mb_ledger_summary summary;
        status = mb_ledger_get_summary(r->ledger, r->key, k, &summary, error);
        if (status != MB_OK || summary.extent != MB_LEDGER_ALL_PARTS ||
            summary.status == MB_RUN_DIVERGED)
            continue;
        status = mb_ledger_get_tests(r->ledger, r->key, k, &fold.names, &fold.count, error);
        if (!all->known) {
            *all = fold;
            continue;
        }
        keep_common(r, all, &fold);
        free(fold.names);
    }
    return status;
}

// Opens the targets that the runs were scored on, and sees the corpus with common labels.
static mb_status open_targets(replay *r, mb_store *store, const mb_trial *trial, mb_error *error) {
    name_list all = {.count = 0};
    r->transfers = trial->common_labels;
    if (!r->transfers)
        return MB_OK;
    mb_status status = mb_store_common(store, r->corpus, &r->corpus, error);
    r->targets.corpora[0] = r->corpus;
    if (status == MB_OK)
        status = list_targets(r, &all, error);
    for (int32_t t = 0; t < all.count && status == MB_OK; t++)
        status = open_target(r, store, trial, all.names[t], error);
    free(all.names);
    return status;
}

mb_status mb_replay_trial(mb_ledger *ledger, const char *key, const mb_replay_trials *trials,
                          const char *corpus_path, const mb_replay_options *options, FILE *out,
                          mb_error *error) {
    size_t count = (size_t)trials->fold_count;
    replay r = {.ledger = ledger,
                .key = key,
                .options = options,
                .out = out,
                .fold_count = trials->fold_count,
                .folds = calloc(count, sizeof *r.folds),
                .again = calloc(count, sizeof *r.again)};
    mb_store *store = mb_store_create(trials->folds[0].protocol);
    mb_status status = store != NULL && r.folds != NULL && r.again != NULL
                           ? MB_OK
                           : mb_out_of_memory(error, "a replay");
    if (status == MB_OK)
        status = mb_store_corpus(store, corpus_path, &r.corpus, error);
    if (status == MB_OK)
        status = open_targets(&r, store, &trials->folds[0], error);
    if (status == MB_OK)
        status = open_folds(&r, store, trials, error);
    if (status == MB_OK)
        status = replay_folds(&r, error);
    for (int32_t k = 0; r.again != NULL && k < r.fold_count; k++)
        mb_run_result_free(&r.again[k]);
    free(r.folds);
    free(r.again);
    mb_store_close(store);
    return status;
}

// ---- the trials of the folds ------------------------------------------------------------------

static mb_status load_fold(mb_ledger *ledger, const char *key, int32_t fold, mb_trial *trial,
                           mb_error *error) {
    char member[33], where[48];
    mb_ledger_trial recorded = {.description = NULL};
    mb_status status = mb_ledger_get_member(ledger, key, fold, member, error);
    if (status == MB_OK)
        status = mb_ledger_get_trial(ledger, member, &recorded, error);
    snprintf(where, sizeof where, "trial %.32s", status == MB_OK ? member : key);
    if (status == MB_OK)
        status = mb_trial_parse(where, recorded.description, trial, error);
    mb_ledger_trial_free(&recorded);
    return status;
}

mb_status mb_replay_load(mb_ledger *ledger, const mb_ledger_trial *recorded,
                         mb_replay_trials *trials, mb_error *error) {
    *trials =
        (mb_replay_trials){.folds = calloc((size_t)recorded->fold_count, sizeof *trials->folds)};
    if (trials->folds == NULL)
        return mb_out_of_memory(error, "a replay");
    trials->fold_count = recorded->fold_count;
    mb_status status = MB_OK;
    for (int32_t k = 0; k < trials->fold_count && status == MB_OK; k++)
        status = load_fold(ledger, recorded->key, k, &trials->folds[k], error);
    return status;
}

void mb_replay_trials_free(mb_replay_trials *trials) {
    for (int32_t k = 0; k < trials->fold_count; k++)
        mb_trial_free(&trials->folds[k]);
    free(trials->folds);
    *trials = (mb_replay_trials){0};
}
