#include "sweep/replay.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sweep/compare.h"
#include "sweep/score.h"
#include "sweep/store.h"

// ---- the corpus -------------------------------------------------------------------------------

static mb_status try_corpus(const mb_trial *trial, const char *path, bool *match, mb_error *why) {
    mb_corpus corpus = {0};
    mb_status status = mb_corpus_open(path, &corpus, why);
    if (status == MB_OK)
        status = mb_trial_match(trial, &corpus, why);
    *match = status == MB_OK;
    mb_corpus_close(&corpus);
    return status;
}

static int is_corpus_file(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 3 && strcmp(entry->d_name + length - 3, ".h5") == 0;
}

// The first *.h5 of the folder, by name, that has the corpus.
static mb_status search_folder(const mb_trial *trial, const char *folder, char **path, int *looked,
                               mb_error *error) {
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_corpus_file, alphasort);
    if (count < 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: cannot read: %s", folder, strerror(errno));
    mb_status status = MB_OK;
    for (int i = 0; i < count; i++) {
        char *candidate = NULL;
        bool match = false;
        if (status == MB_OK && *path == NULL) {
            if (asprintf(&candidate, "%s/%s", folder, entries[i]->d_name) < 0) {
                candidate = NULL;
                status = mb_out_of_memory(error, "the name of a file");
            } else {
                ++*looked;
                mb_error why;
                (void)try_corpus(trial, candidate, &match, &why);
            }
        }
        if (match)
            *path = candidate;
        else
            free(candidate);
        free(entries[i]);
    }
    free(entries);
    return status;
}

mb_status mb_replay_find_corpus(const mb_trial *trial, const char *const *places, int place_count,
                                char **path, mb_error *error) {
    int looked = 0;
    *path = NULL;
    for (int i = 0; i < place_count && *path == NULL; i++) {
        struct stat info;
        bool match = false;
        mb_status status = MB_OK;
        if (stat(places[i], &info) != 0)
            return mb_fail(error, MB_BAD_INPUT, "%s: cannot open: %s", places[i], strerror(errno));
        if (S_ISDIR(info.st_mode))
            status = search_folder(trial, places[i], path, &looked, error);
        else
            status = try_corpus(trial, places[i], &match, error);
        if (status != MB_OK)
            return status;
        if (match && (*path = strdup(places[i])) == NULL)
            return mb_out_of_memory(error, "the name of a file");
    }
    if (*path == NULL)
        return mb_fail(error, MB_BAD_INPUT,
                       "none of the %d files *.h5 in %s is the corpus of the trial: %s with the "
                       "digest %s and the same features; --data names other folders",
                       looked, place_count == 1 ? places[0] : "the folders", trial->dataset,
                       trial->corpus_digest);
    return MB_OK;
}

// ---- training again ---------------------------------------------------------------------------

typedef struct replay {
    mb_ledger *ledger;
    const char *key;
    const mb_trial *trial;
    mb_replay_open open;
    const void *context;
    mb_device *device; // for runs that were recorded on:
    char recorded[sizeof((mb_device_description *)NULL)->text];
    mb_device_description now;
    FILE *out;
    const mb_corpus *corpus;
    const mb_fold_set *folds;
    const mb_sequences *sequences;
    int32_t compared;
    mb_run_result *again;  // (fold_count)
    char difference[1024]; // the first one, with its fold
} replay;

static mb_run_spec spec_of(const replay *r, int32_t fold) {
    const mb_dataset_rules *rules = r->corpus->rules;
    mb_run_spec spec = {
        .model = r->trial->model,
        .config = {.feature_type = r->trial->feature_type,
                   .class_count = rules->class_count,
                   .value_count = rules->value_count},
        .training = r->trial->training,
        .seed = r->trial->seed,
        .fold_index = fold,
        .rules = rules,
        .sequences = r->sequences,
        .emotions = r->corpus->emotions,
        .valences = r->corpus->valences,
        .fold = &r->folds->folds[fold],
        .tests = r->folds->tests,
        .test_count = r->folds->test_count,
    };
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        spec.config.dims[m] = r->sequences->modalities[m].dimension;
    mb_setting_apply(r->trial->model, &r->trial->setting, &spec.config, &spec.training);
    return spec;
}

static void close_device(replay *r) {
    if (r->device != NULL)
        r->device->backend->close(r->device);
    r->device = NULL;
}

// Opens the device for a fold, unless that of the fold before will do.
static mb_status open_device(replay *r, int32_t fold, mb_error *error) {
    char recorded[sizeof r->recorded];
    mb_status status =
        mb_ledger_get_device(r->ledger, r->key, fold, recorded, sizeof recorded, error);
    if (status != MB_OK || (r->device != NULL && strcmp(recorded, r->recorded) == 0))
        return status;
    close_device(r);
    memcpy(r->recorded, recorded, sizeof recorded);
    status = r->open(r->context, recorded, &r->device, error);
    if (status == MB_OK)
        status = r->device->backend->describe(r->device, &r->now, error);
    if (status == MB_OK && strcmp(recorded, r->now.text) != 0)
        fprintf(r->out, "fold %d was recorded on %s; it is trained again on %s\n", fold, recorded,
                r->now.text);
    return status;
}

static void keep_difference(replay *r, int32_t fold, const char *difference) {
    if (difference[0] == '\0' || r->difference[0] != '\0')
        return;
    bool same = strcmp(r->recorded, r->now.text) == 0;
    snprintf(r->difference, sizeof r->difference,
             "fold %d: %s\n(recorded on %s, trained again on %s: %s)", fold, difference,
             r->recorded, r->now.text,
             same ? "the same bits are to be expected"
                  : "devices differ in rounding, the same bits are to be expected on the same one");
}

static mb_status replay_fold(replay *r, int32_t fold, mb_error *error) {
    bool there = false;
    int32_t tests = 0;
    mb_run_result stored = {0};
    mb_status status = mb_ledger_has_run(r->ledger, r->key, fold, &there, error);
    if (status != MB_OK)
        return status;
    if (!there) {
        fprintf(r->out, "fold %d: not recorded\n", fold);
        return MB_OK;
    }
    status = open_device(r, fold, error);
    if (status == MB_OK)
        status = mb_ledger_get_run(r->ledger, r->key, fold, &tests, &stored, error);
    if (status != MB_OK)
        return status;
    mb_run_spec spec = spec_of(r, fold);
    char difference[384] = "";
    if (tests != r->folds->test_count)
        snprintf(difference, sizeof difference, "test sets: stored %d, now %d", tests,
                 r->folds->test_count);
    else
        status = mb_train_runs(r->device, &spec, 1, NULL, NULL, &r->again[fold], error);
    if (status == MB_OK && difference[0] == '\0')
        mb_runs_equal(&stored, &r->again[fold], spec.config.class_count, tests, spec.tests,
                      difference, sizeof difference);
    if (status == MB_OK) {
        r->compared++;
        fprintf(r->out, "fold %d: %d epochs, %s%s\n", fold, stored.epochs_done,
                difference[0] == '\0' ? "identical" : "DIFFERENT: ", difference);
        keep_difference(r, fold, difference);
    }
    mb_run_result_free(&stored, tests);
    return status;
}

static mb_status compare_scores(replay *r, mb_error *error) {
    mb_ledger_scores stored, again;
    bool there = false;
    mb_status status = mb_ledger_get_scores(r->ledger, r->key, &there, &stored, error);
    if (status != MB_OK || !there || r->compared < r->folds->fold_count || r->difference[0] != '\0')
        return status;
    status = mb_score_trial(r->corpus, r->folds, r->again, &again, error);
    char difference[384] = "";
    if (status == MB_OK && !mb_trial_scores_equal(&stored, &again, difference, sizeof difference))
        snprintf(r->difference, sizeof r->difference, "scores: %s", difference);
    if (status == MB_OK)
        fprintf(r->out, "scores: %s%s\n",
                difference[0] == '\0' ? "identical" : "DIFFERENT: ", difference);
    return status;
}

static mb_status replay_folds(replay *r, mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t k = 0; k < r->folds->fold_count && status == MB_OK; k++)
        status = replay_fold(r, k, error);
    if (status == MB_OK)
        status = compare_scores(r, error);
    if (status != MB_OK)
        return status;
    if (r->compared == 0)
        return mb_fail(error, MB_BAD_INPUT, "trial %s: no run of it is recorded yet", r->key);
    if (r->difference[0] != '\0')
        return mb_fail(error, MB_BAD_INPUT, "trial %s: %s", r->key, r->difference);
    return MB_OK;
}

mb_status mb_replay_trial(mb_ledger *ledger, const char *key, const mb_trial *trial,
                          const char *corpus_path, mb_replay_open open, const void *context,
                          FILE *out, mb_error *error) {
    replay r = {
        .ledger = ledger, .key = key, .trial = trial, .open = open, .context = context, .out = out};
    mb_store *store = mb_store_create(trial->protocol);
    if (store == NULL)
        return mb_out_of_memory(error, "a replay");
    const char *const names[MB_MODALITY_COUNT] = {trial->features[0].name, trial->features[1].name,
                                                  trial->features[2].name};
    mb_status status = mb_store_corpus(store, corpus_path, &r.corpus, error);
    if (status == MB_OK)
        status = mb_store_folds(store, r.corpus, trial->seed, &r.folds, error);
    if (status == MB_OK)
        status =
            mb_store_sequences(store, r.corpus, names, trial->feature_type, &r.sequences, error);
    if (status == MB_OK) {
        r.again = calloc((size_t)r.folds->fold_count, sizeof *r.again);
        status = r.again == NULL ? mb_out_of_memory(error, "a replay") : replay_folds(&r, error);
        for (int32_t k = 0; r.again != NULL && k < r.folds->fold_count; k++)
            mb_run_result_free(&r.again[k], r.folds->test_count);
        free(r.again);
    }
    close_device(&r);
    mb_store_close(store);
    return status;
}
