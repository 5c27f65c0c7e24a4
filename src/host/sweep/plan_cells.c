#include "sweep/plan_cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/plan_features.h"

enum { MAX_CELLS = 10000, MAX_LIST = 64 };

// The indices in `known` of a name or of a list of names.
typedef struct name_list {
    int count;
    int positions[MAX_LIST];
    bool good; // nothing was refused
} name_list;

static mb_status read_name(const mb_json *at, const char *what, const char *const *known,
                           int known_count, name_list *list, mb_error *error) {
    const char *name = "";
    mb_status status = mb_json_text(at, &name, error);
    if (status != MB_OK)
        return status;
    int position = 0;
    while (position < known_count && strcmp(known[position], name) != 0)
        position++;
    if (position == known_count)
        return mb_json_unknown(at, what, name, known, known_count, error);
    for (int i = 0; i < list->count; i++)
        if (list->positions[i] == position)
            return mb_json_refuse(at, error, "\"%.80s\" is in the list twice", name);
    list->positions[list->count++] = position;
    return MB_OK;
}

static mb_status read_names(const mb_json *at, const char *what, const char *const *known,
                            int known_count, name_list *list, mb_error *error) {
    int count = 0;
    bool several = cJSON_IsArray(at->value);
    *list = (name_list){0};
    mb_status status = several ? mb_json_count(at, MAX_LIST, &count, error)
                               : read_name(at, what, known, known_count, list, error);
    list->good = status == MB_OK;
    if (!several || !list->good)
        return mb_json_go_on(at, status);
    for (mb_json name = mb_json_first(at); name.value != NULL && status == MB_OK;
         name = mb_json_next(&name)) {
        status = read_name(&name, what, known, known_count, list, error);
        list->good = list->good && status == MB_OK;
        status = mb_json_go_on(at, status);
    }
    return status;
}

// All models with their names.
typedef struct model_list {
    const mb_model *const *models;
    const char *names[MAX_LIST];
    int count;
} model_list;

static model_list known_models(void) {
    model_list list = {.models = mb_model_all()};
    while (list.count < MAX_LIST && list.models[list.count] != NULL) {
        list.names[list.count] = list.models[list.count]->name;
        list.count++;
    }
    return list;
}

// An entry of "cells", which stands for one cell per corpus and model.
typedef struct cell_entry {
    const char *label;
    mb_plan_features features;
    mb_feature_type feature_type;
    name_list corpora, models;
    bool transfers; // "targets" are given
    name_list targets;
} cell_entry;

static mb_status read_features(const mb_json *entry, cell_entry *cell, mb_error *error) {
    mb_json modalities = mb_json_member(entry, "modalities");
    name_list list = {MB_MODALITY_COUNT, {0, 1, 2}, true};
    mb_status status = mb_plan_read_features(entry, &cell->features, error);
    if (status == MB_OK && modalities.value != NULL)
        status =
            read_names(&modalities, "modality", mb_modality_names, MB_MODALITY_COUNT, &list, error);
    cell->features.good = cell->features.good && list.good;
    if (status != MB_OK || !cell->features.good)
        return status;
    return mb_plan_keep_features(entry, list.positions, list.count, &cell->features, error);
}

// Reads the names of corpora under "corpus" or "targets".
static mb_status read_corpora(const mb_json *entry, const char *key, const mb_sweep_plan *plan,
                              name_list *list, mb_error *error) {
    mb_json corpus = mb_json_member(entry, key);
    if (plan->corpus_count == 0) // was refused already
        return MB_OK;
    const char **names = calloc((size_t)plan->corpus_count, sizeof *names);
    if (names == NULL)
        return mb_out_of_memory(error, "names of corpora");
    for (int32_t i = 0; i < plan->corpus_count; i++)
        names[i] = plan->corpora[i].name;
    mb_status status = read_names(&corpus, "corpus", names, plan->corpus_count, list, error);
    free(names);
    return status;
}

static mb_status read_entry(const mb_json *entry, const mb_sweep_plan *plan,
                            const model_list *models, cell_entry *cell, mb_error *error) {
    static const char *const keys[] = {
        "label",           "corpus",       "targets", "feature",  "features", "modalities",
        "fusion_modality", "feature_type", "model",   "settings", "grid",     NULL};
    mb_status status = mb_json_go_on(entry, mb_json_keys(entry, keys, error));
    if (status != MB_OK || !cJSON_IsObject(entry->value))
        return status;
    mb_json label = mb_json_member(entry, "label"), model = mb_json_member(entry, "model");
    mb_json type_at = mb_json_member(entry, "feature_type");
    int type = MB_UTT;
    if (label.value != NULL)
        status = mb_json_go_on(entry, mb_json_text(&label, &cell->label, error));
    if (status == MB_OK)
        status = read_corpora(entry, "corpus", plan, &cell->corpora, error);
    cell->transfers = mb_json_member(entry, "targets").value != NULL;
    if (status == MB_OK && cell->transfers)
        status = read_corpora(entry, "targets", plan, &cell->targets, error);
    if (status == MB_OK)
        status = read_names(&model, "model", models->names, models->count, &cell->models, error);
    if (status == MB_OK && type_at.value != NULL)
        status = mb_json_go_on(entry, mb_json_choice(&type_at, mb_feature_type_names,
                                                     MB_FEATURE_TYPE_COUNT, &type, error));
    cell->feature_type = (mb_feature_type)type;
    if (status == MB_OK)
        status = read_features(entry, cell, error);
    return status;
}

// A corpus is not its own target, so that one list serves an entry with several corpora.
static mb_status add_targets(const mb_json *at, const cell_entry *entry, mb_sweep_cell *cell,
                             mb_error *error) {
    mb_json targets = mb_json_member(at, "targets");
    for (int t = 0; t < entry->targets.count; t++) {
        if (entry->targets.positions[t] == cell->corpus)
            continue;
        if (cell->target_count == MB_MOST_TARGETS)
            return mb_json_refuse(&targets, error, "expected at most %d corpora, found %d",
                                  MB_MOST_TARGETS, entry->targets.count);
        cell->targets[cell->target_count++] = entry->targets.positions[t];
    }
    if (entry->transfers && entry->targets.good && cell->target_count == 0)
        return mb_json_refuse(&targets, error,
                              "expected a corpus other than the one that is trained on, found "
                              "none");
    return MB_OK;
}

// `model`: NULL if it was refused.
static mb_status add_cell(const mb_json *root, const mb_json *at, const cell_entry *entry,
                          int32_t corpus, const mb_model *model, mb_sweep_plan *plan,
                          mb_error *error) {
    if (plan->cell_count == MAX_CELLS)
        return mb_json_refuse(at, error, "expected at most %d cells, found more", MAX_CELLS);
    mb_sweep_cell *cells =
        realloc(plan->cells, ((size_t)plan->cell_count + 1) * sizeof *plan->cells);
    if (cells == NULL)
        return mb_out_of_memory(error, "cells of a plan");
    plan->cells = cells;
    mb_sweep_cell *cell = &cells[plan->cell_count++];
    *cell = (mb_sweep_cell){.corpus = corpus, .model = model, .feature_type = entry->feature_type};
    mb_json_path(at, cell->where, sizeof cell->where);
    mb_status status = mb_json_go_on(at, add_targets(at, entry, cell, error));
    if (status != MB_OK)
        return status;
    cell->label =
        entry->label != NULL ? strdup(entry->label) : mb_plan_features_label(&entry->features);
    if (cell->label == NULL)
        return mb_out_of_memory(error, "label of a cell");
    status = mb_plan_give_features(&entry->features, cell, error);
    if (status != MB_OK || model == NULL)
        return status;
    return mb_cell_make_settings(root, at, plan, cell, error);
}

static mb_status add_cells(const mb_json *root, const mb_json *at, const cell_entry *entry,
                           const mb_model *const *models, mb_sweep_plan *plan, mb_error *error) {
    mb_status status = MB_OK;
    int model_count = entry->models.count > 0 ? entry->models.count : 1;
    for (int c = 0; c < entry->corpora.count; c++)
        for (int i = 0; i < model_count && status == MB_OK; i++) {
            const mb_model *model = entry->models.count > 0 ? models[i] : NULL;
            if (model != NULL)
                status = mb_plan_check_features(at, &entry->features, model, error);
            if (status == MB_OK)
                status = add_cell(root, at, entry, entry->corpora.positions[c], model, plan, error);
        }
    return status;
}

// *models_good: no model was refused.
static mb_status expand_entry(const mb_json *root, const mb_json *at, const model_list *models,
                              mb_sweep_plan *plan, bool *used, bool *models_good, mb_error *error) {
    cell_entry entry = {0};
    int32_t first = plan->cell_count, refused = plan->findings.count;
    mb_status status = read_entry(at, plan, models, &entry, error);
    const mb_model *chosen[MAX_LIST];
    for (int i = 0; i < entry.models.count; i++) {
        chosen[i] = models->models[entry.models.positions[i]];
        used[entry.models.positions[i]] = true;
    }
    *models_good = *models_good && entry.models.good;
    bool good;
    if (status == MB_OK && entry.models.good)
        status = mb_check_hyper_names(at, chosen, entry.models.count, &good, error);
    else if (status == MB_OK)
        status = mb_check_hyper_names(at, models->models, models->count, &good, error);
    if (status == MB_OK)
        status = add_cells(root, at, &entry, chosen, plan, error);
    for (int32_t c = first; c < plan->cell_count && plan->findings.count > refused; c++)
        plan->cells[c].setting_count = 0;
    return status;
}

mb_status mb_plan_read_cells(const mb_json *root, mb_sweep_plan *plan, mb_error *error) {
    model_list models = known_models();
    bool used[MAX_LIST] = {false}, good = true;
    mb_json cells = mb_json_member(root, "cells");
    int count = 0;
    mb_status status = mb_check_hyper_names(root, models.models, models.count, &good, error);
    if (status == MB_OK)
        status = mb_json_go_on(root, mb_json_count(&cells, MAX_CELLS, &count, error));
    for (mb_json entry = mb_json_first(&cells);
         entry.value != NULL && count > 0 && count <= MAX_CELLS && status == MB_OK;
         entry = mb_json_next(&entry))
        status = expand_entry(root, &entry, &models, plan, used, &good, error);
    // The settings of the plan are those of models that it has. That is not known if a model was
    // refused.
    const mb_model *chosen[MAX_LIST];
    int chosen_count = 0;
    for (int i = 0; i < models.count; i++)
        if (used[i])
            chosen[chosen_count++] = models.models[i];
    if (status == MB_OK && good && chosen_count > 0)
        status = mb_check_hyper_names(root, chosen, chosen_count, &good, error);
    return status;
}
