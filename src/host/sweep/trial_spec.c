#include "sweep/trial_spec.h"

#include <assert.h>

mb_status mb_trial_spec_make(mb_store *store, const mb_trial *trial, const mb_corpus *corpus,
                             mb_targets *targets, mb_trial_spec *spec, mb_error *error) {
    *spec = (mb_trial_spec){.trial = trial, .corpus = corpus, .targets = targets};
    uint32_t seed = trial->protocol == MB_PROTOCOL_STRICT ? trial->fold_seed : trial->seed;
    return mb_store_folds(store, corpus, targets, seed, &spec->folds, error);
}

mb_status mb_trial_spec_load(mb_store *store, mb_trial_spec *spec, mb_error *error) {
    if (spec->dataset != NULL)
        return MB_OK;
    const char *names[MB_MAX_STREAMS];
    int32_t count = mb_input_count(&spec->trial->order);
    for (int32_t m = 0; m < count; m++)
        names[m] = spec->trial->features[m].name;
    if (spec->targets == NULL)
        return mb_store_dataset(store, spec->corpus, names, count, spec->trial->feature_type,
                                &spec->dataset, error);
    mb_status status =
        mb_store_targets(store, spec->targets, names, count, spec->trial->feature_type, error);
    spec->dataset = spec->targets->datasets;
    return status;
}

const mb_corpus *const *mb_trial_corpora(const mb_corpus *const *corpus,
                                         const mb_targets *targets) {
    return targets != NULL ? targets->corpora : corpus;
}

mb_run_spec mb_trial_spec_run(const mb_trial_spec *spec, int32_t fold) {
    const mb_trial *trial = spec->trial;
    const mb_dataset_rules *rules = spec->corpus->rules;
    assert(spec->dataset != NULL && fold >= 0 && fold < spec->folds->fold_count);
    mb_run_spec run = {
        .model = trial->model,
        .config = {.feature_type = trial->feature_type,
                   .class_count = rules->class_count,
                   .value_count = rules->value_count},
        .training = trial->training,
        .seed = trial->seed,
        .fold_index = fold,
        .protocol = trial->protocol,
        .rules = rules,
        .datasets = spec->dataset,
        .dataset_count = 1 + (spec->targets != NULL ? spec->targets->count : 0),
        .fold = &spec->folds->folds[fold],
        .tests = spec->folds->tests,
        .test_count = spec->folds->test_count,
    };
    for (int32_t m = 0; m < spec->dataset->stream_count; m++)
        run.config.dims[m] = spec->dataset->streams[m].dimension;
    mb_setting_apply(trial->model, &trial->setting, &run.config, &run.training);
    return run;
}
