// Checks a plan against its corpora.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "sweep/sweep_state.h"

enum { MAX_TRIALS = 2000000 };

mb_status sweep_fail_in_cell(const mb_sweep *sweep, const sweep_cell *cell, mb_status status,
                             mb_error *error) {
    return mb_fail_in(error, status, "%s: %s: ", sweep->plan->file, cell->plan->where);
}

mb_status sweep_unknown_feature(const mb_corpus *corpus, const char *where, const char *name,
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
    mb_fail_in(error, status, "%s: ", where);
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

// ---- cells ------------------------------------------------------------------------------------

// Collects what was refused in a cell, so that the checks go on.
static mb_status collect(const mb_sweep *sweep, const sweep_cell *cell, mb_status status,
                         mb_findings *findings, mb_error *error) {
    if (status == MB_OK)
        return MB_OK;
    sweep_fail_in_cell(sweep, cell, status, error);
    if (status == MB_BAD_INPUT)
        mb_findings_add(findings, error);
    return mb_findings_go_on(findings, status);
}

// "audio", or "audio[1] in CORPUS" of a list.
static void name_input(const mb_sweep_cell *plan, const mb_corpus *corpus, int32_t stream,
                       char *text, size_t size) {
    const char *modality = mb_modality_names[mb_input_modality(&plan->order, stream)];
    int32_t ranks = plan->order.ranks;
    if (ranks == 0)
        snprintf(text, size, "%s", modality);
    else
        snprintf(text, size, "%s[%d] in %s", modality, (int)(ranks - 1 - stream % ranks),
                 corpus->path);
}

// *known: the corpus has all of them.
static mb_status check_features(const mb_sweep *sweep, const sweep_cell *cell,
                                mb_model_config *config, bool *known, mb_findings *findings,
                                mb_error *error) {
    const mb_sweep_cell *plan = cell->plan;
    mb_status status = MB_OK;
    *known = true;
    for (int32_t m = 0; m < mb_input_count(&plan->order) && status == MB_OK; m++) {
        if (plan->features[m] == NULL)
            continue;
        const mb_feature *feature = mb_corpus_feature(cell->corpus, plan->features[m]);
        if (feature == NULL) {
            bool same = !*known && m > 0 && plan->features[m - 1] != NULL &&
                        strcmp(plan->features[m - 1], plan->features[m]) == 0;
            *known = false;
            if (same || mb_input_repeats(&plan->order, m)) // once is enough
                continue;
            char where[256];
            name_input(plan, cell->corpus, m, where, sizeof where);
            status = sweep_unknown_feature(cell->corpus, where, plan->features[m], error);
            status = collect(sweep, cell, status, findings, error);
            continue;
        }
        config->dims[m] = feature->dimension;
        // The real lengths are known only when the features are loaded. The estimate of the cost,
        // still before any training, builds the graph with them.
        config->steps[m] = plan->feature_type == MB_UTT ? 1 : 64;
    }
    return status;
}

static mb_status check_model(const mb_sweep_cell *plan, mb_model_config *config, mb_error *error) {
    mb_training training;
    for (int32_t i = 0; i < plan->setting_count; i++) {
        mb_setting_apply(plan->model, &plan->settings[i], config, &training);
        mb_status status = mb_model_check(plan->model, config, error);
        if (status != MB_OK)
            return status;
    }
    return MB_OK;
}

static mb_status check_cell(mb_sweep *sweep, sweep_cell *cell, mb_findings *findings,
                            mb_error *error) {
    const mb_sweep_plan *plan = sweep->plan;
    mb_status status = MB_OK;
    if (cell->plan->target_count > 0)
        status = mb_store_common(sweep->store, cell->labelled, &cell->corpus, error);
    if (status != MB_OK)
        return status;
    const mb_dataset_rules *rules = cell->corpus->rules;
    mb_model_config config = {.feature_type = cell->plan->feature_type,
                              .class_count = rules->class_count,
                              .value_count = rules->value_count};
    status =
        check_selection(plan->selection_given ? plan->selection : rules->selection, rules, error);
    status = collect(sweep, cell, status, findings, error);
    bool known = false;
    if (status == MB_OK)
        status = check_features(sweep, cell, &config, &known, findings, error);
    if (status == MB_OK && known)
        status = collect(sweep, cell, check_model(cell->plan, &config, error), findings, error);
    if (status == MB_OK && known && cell->plan->target_count > 0)
        status = collect(sweep, cell, sweep_find_targets(sweep, cell, error), findings, error);
    // Under mertools each seed has its own random folds, but those of any one seed show whether the
    // corpus can be split into folds.
    const mb_fold_set *folds;
    uint32_t seed = plan->protocol == MB_PROTOCOL_STRICT ? plan->fold_seed
                    : plan->search_seeds.count > 0       ? plan->search_seeds.seeds[0]
                    : plan->final_seeds.count > 0        ? plan->final_seeds.seeds[0]
                                                         : 1; // seeds were refused
    if (status == MB_OK)
        status = mb_store_folds(sweep->store, cell->corpus, cell->targets, seed, &folds, error);
    if (status == MB_OK)
        cell->fold_count = folds->fold_count;
    return collect(sweep, cell, status, findings, error);
}

// ---- the plan ---------------------------------------------------------------------------------

static mb_status check_trials(const mb_sweep_plan *plan, mb_error *error) {
    int64_t trials = 0;
    for (int32_t c = 0; c < plan->cell_count; c++)
        trials += (int64_t)plan->cells[c].setting_count * plan->search_seeds.count +
                  plan->final_seeds.count;
    if (trials > MAX_TRIALS)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected at most %d trials, found %lld",
                       plan->file, MAX_TRIALS, (long long)trials);
    return MB_OK;
}

// Opens a corpus of the plan, once.
static mb_status open_corpus(mb_sweep *sweep, int32_t index, bool *tried, mb_findings *findings,
                             mb_error *error) {
    const mb_sweep_plan *plan = sweep->plan;
    const mb_plan_corpus *named = &plan->corpora[index];
    if (tried[index] || named->path == NULL)
        return MB_OK;
    tried[index] = true;
    mb_status status = mb_store_corpus(sweep->store, named->path, &sweep->corpora[index], error);
    if (status == MB_OK)
        return MB_OK;
    mb_fail_in(error, status, "%s: corpora.%s: ", plan->file, named->name);
    if (status == MB_BAD_INPUT)
        mb_findings_add(findings, error);
    return mb_findings_go_on(findings, status);
}

// Opens the corpora of the cells and their targets. Cells whose corpus cannot be used have none.
static mb_status open_corpora(mb_sweep *sweep, mb_findings *findings, mb_error *error) {
    const mb_sweep_plan *plan = sweep->plan;
    bool *tried = calloc((size_t)plan->corpus_count + 1, sizeof *tried);
    sweep->corpora = calloc((size_t)plan->corpus_count + 1, sizeof *sweep->corpora);
    mb_status status = MB_OK;
    if (sweep->corpora == NULL || tried == NULL)
        status = mb_out_of_memory(error, "corpora of a plan");
    for (int32_t c = 0; c < plan->cell_count && status == MB_OK; c++) {
        const mb_sweep_cell *cell = &plan->cells[c];
        status = open_corpus(sweep, cell->corpus, tried, findings, error);
        for (int32_t t = 0; t < cell->target_count && status == MB_OK; t++)
            status = open_corpus(sweep, cell->targets[t], tried, findings, error);
        sweep->cells[c].labelled = sweep->cells[c].corpus = sweep->corpora[cell->corpus];
    }
    free(tried);
    return status;
}

mb_status sweep_check_plan(mb_sweep *sweep, mb_error *error) {
    mb_findings findings = sweep->plan->findings;
    mb_status status = check_trials(sweep->plan, error);
    if (status == MB_BAD_INPUT)
        mb_findings_add(&findings, error);
    status = mb_findings_go_on(&findings, status);
    if (status == MB_OK)
        status = open_corpora(sweep, &findings, error);
    for (int32_t c = 0; c < sweep->plan->cell_count && status == MB_OK; c++) {
        if (sweep->cells[c].corpus != NULL)
            status = check_cell(sweep, &sweep->cells[c], &findings, error);
    }
    return mb_findings_result(&findings, status, error);
}
