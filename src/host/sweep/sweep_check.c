// Checks a plan against its corpora, as far as possible before training.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "sweep/sweep_state.h"

mb_status sweep_fail_in_cell(const mb_sweep *sweep, const sweep_cell *cell, mb_status status,
                             mb_error *error) {
    return mb_fail_in(error, status, "%s: %s: ", sweep->plan->file, cell->plan->where);
}

static mb_status unknown_feature(const mb_corpus *corpus, const char *modality, const char *name,
                                 mb_error *error) {
    const char **names = calloc((size_t)corpus->feature_count + 1, sizeof *names);
    if (names == NULL)
        return mb_out_of_memory(error, "names of features");
    for (int32_t i = 0; i < corpus->feature_count; i++)
        names[i] = corpus->features[i].name;
    mb_status status = mb_fail_unknown(error, MB_BAD_INPUT,
                                       &(mb_unknown){.what = "feature",
                                                     .name = name,
                                                     .known = names,
                                                     .count = corpus->feature_count,
                                                     .quote = '"'});
    mb_fail_in(error, status, "%s: ", modality);
    free(names);
    return status;
}

static mb_status check_selection(mb_selection selection, const mb_dataset_rules *rules,
                                 mb_error *error) {
    bool classes = rules->class_count > 0, values = rules->value_count > 0;
    bool good = selection == MB_SELECT_EMOVAL ? classes && values
                : selection == MB_SELECT_VAL  ? values
                                              : true;
    if (good)
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "the selection metric \"%s\" is not defined for %s, which "
                   "has no %s",
                   mb_selection_names[selection], rules->name, values ? "classes" : "values");
}

static mb_status check_model(const mb_sweep_cell *plan, const mb_corpus *corpus, mb_error *error) {
    mb_model_config config = {.feature_type = plan->feature_type,
                              .class_count = corpus->rules->class_count,
                              .value_count = corpus->rules->value_count};
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        if (plan->features[m] == NULL)
            continue;
        const mb_feature *feature = mb_corpus_feature(corpus, plan->features[m]);
        if (feature == NULL)
            return unknown_feature(corpus, mb_modality_names[m], plan->features[m], error);
        config.dims[m] = feature->dimension;
        // The real lengths are known only when the features are loaded. The estimate of the cost,
        // still before any training, builds the graph with them.
        config.steps[m] = plan->feature_type == MB_UTT ? 1 : 64;
    }
    mb_training training;
    for (int32_t i = 0; i < plan->setting_count; i++) {
        mb_setting_apply(plan->model, &plan->settings[i], &config, &training);
        mb_status status = mb_model_check(plan->model, &config, error);
        if (status != MB_OK)
            return status;
    }
    return MB_OK;
}

mb_status sweep_check_cell(mb_sweep *sweep, sweep_cell *cell, mb_error *error) {
    const mb_sweep_plan *plan = sweep->plan;
    const mb_plan_corpus *named = &plan->corpora[cell->plan->corpus];
    mb_status status = mb_store_corpus(sweep->store, named->path, &cell->corpus, error);
    if (status != MB_OK)
        return mb_fail_in(error, status, "%s: corpora.%s: ", plan->file, named->name);
    const mb_dataset_rules *rules = cell->corpus->rules;
    status =
        check_selection(plan->selection_given ? plan->selection : rules->selection, rules, error);
    if (status == MB_OK)
        status = check_model(cell->plan, cell->corpus, error);
    // Under mertools each seed has its own random folds, but those of any one seed show whether the
    // corpus can be split into folds.
    const mb_fold_set *folds;
    uint32_t seed = plan->protocol == MB_PROTOCOL_STRICT ? plan->fold_seed
                    : plan->search_seeds.count > 0       ? plan->search_seeds.seeds[0]
                                                         : plan->final_seeds.seeds[0];
    if (status == MB_OK)
        status = mb_store_folds(sweep->store, cell->corpus, seed, &folds, error);
    if (status == MB_OK)
        cell->fold_count = folds->fold_count;
    return status == MB_OK ? MB_OK : sweep_fail_in_cell(sweep, cell, status, error);
}
