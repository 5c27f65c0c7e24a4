#include "sweep/plan_cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CELLS = 10000, MAX_LIST = 64 };

// The indices in `known` of a name or of a list of names.
typedef struct name_list {
    int count;
    int positions[MAX_LIST];
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
    list->count = 0;
    if (!cJSON_IsArray(at->value))
        return read_name(at, what, known, known_count, list, error);
    int count = 0;
    mb_status status = mb_json_count(at, MAX_LIST, &count, error);
    if (status != MB_OK)
        return status;
    for (mb_json name = mb_json_first(at); name.value != NULL && status == MB_OK;
         name = mb_json_next(&name))
        status = read_name(&name, what, known, known_count, list, error);
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
    const char *features[MB_MODALITY_COUNT];
    bool same; // "feature": the same feature for every modality
    mb_feature_type feature_type;
    name_list corpora, models;
} cell_entry;

static mb_status read_features(const mb_json *entry, cell_entry *cell, mb_error *error) {
    mb_json feature = mb_json_member(entry, "feature"),
            features = mb_json_member(entry, "features");
    if ((feature.value != NULL) == (features.value != NULL))
        return mb_json_refuse(
            entry, error,
            "expected \"features\" (one per modality) or \"feature\" (the same in "
            "all three), found %s",
            feature.value != NULL ? "both" : "neither");
    cell->same = feature.value != NULL;
    if (cell->same) {
        mb_status status = mb_json_text(&feature, &cell->features[0], error);
        cell->features[1] = cell->features[2] = cell->features[0];
        return status;
    }
    mb_status status = mb_json_keys(&features, mb_modality_names, error);
    for (int m = 0; m < MB_MODALITY_COUNT && status == MB_OK; m++) {
        mb_json at = mb_json_member(&features, mb_modality_names[m]);
        if (at.value != NULL)
            status = mb_json_text(&at, &cell->features[m], error);
    }
    return status;
}

// Removes the features of modalities that "modalities" does not list. Without "modalities" there
// must be a feature for all three.
static mb_status read_modalities(const mb_json *entry, cell_entry *cell, mb_error *error) {
    mb_json modalities = mb_json_member(entry, "modalities");
    name_list list = {MB_MODALITY_COUNT, {0, 1, 2}};
    mb_status status = MB_OK;
    if (modalities.value != NULL)
        status =
            read_names(&modalities, "modality", mb_modality_names, MB_MODALITY_COUNT, &list, error);
    if (status != MB_OK)
        return status;
    const char *kept[MB_MODALITY_COUNT] = {NULL};
    for (int i = 0; i < list.count; i++) {
        int m = list.positions[i];
        kept[m] = cell->features[m];
        if (kept[m] == NULL) {
            mb_json features = mb_json_member(entry, "features");
            return mb_json_refuse(&features, error,
                                  "expected a feature for %s, found none; \"modalities\" lists "
                                  "the modalities that the model gets",
                                  mb_modality_names[m]);
        }
    }
    memcpy(cell->features, kept, sizeof kept);
    return MB_OK;
}

static mb_status read_entry(const mb_json *entry, const mb_sweep_plan *plan,
                            const model_list *models, cell_entry *cell, mb_error *error) {
    static const char *const keys[] = {
        "label",        "corpus", "feature",  "features", "modalities",
        "feature_type", "model",  "settings", "grid",     NULL};
    mb_status status = mb_json_keys(entry, keys, error);
    mb_json label = mb_json_member(entry, "label");
    if (status == MB_OK && label.value != NULL)
        status = mb_json_text(&label, &cell->label, error);
    const char **names = calloc((size_t)plan->corpus_count + 1, sizeof *names);
    if (names == NULL)
        return mb_out_of_memory(error, "names of corpora");
    for (int32_t i = 0; i < plan->corpus_count; i++)
        names[i] = plan->corpora[i].name;
    mb_json corpus = mb_json_member(entry, "corpus"), model = mb_json_member(entry, "model");
    if (status == MB_OK)
        status = read_names(&corpus, "corpus", names, plan->corpus_count, &cell->corpora, error);
    free(names);
    if (status == MB_OK)
        status = read_names(&model, "model", models->names, models->count, &cell->models, error);
    mb_json type_at = mb_json_member(entry, "feature_type");
    int type = MB_UTT;
    if (status == MB_OK && type_at.value != NULL)
        status =
            mb_json_choice(&type_at, mb_feature_type_names, MB_FEATURE_TYPE_COUNT, &type, error);
    cell->feature_type = (mb_feature_type)type;
    if (status == MB_OK)
        status = read_features(entry, cell, error);
    return status == MB_OK ? read_modalities(entry, cell, error) : status;
}

// The default label of a cell: its features.
static char *make_label(const cell_entry *entry) {
    char *label = NULL;
    const char *names[MB_MODALITY_COUNT] = {NULL};
    int count = 0;
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        if (entry->features[m] != NULL && !(entry->same && count > 0))
            names[count++] = entry->features[m];
    int length = count == 1   ? asprintf(&label, "%s", names[0])
                 : count == 2 ? asprintf(&label, "%s + %s", names[0], names[1])
                              : asprintf(&label, "%s + %s + %s", names[0], names[1], names[2]);
    return length < 0 ? NULL : label;
}

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
    cell->label = entry->label != NULL ? strdup(entry->label) : make_label(entry);
    if (cell->label == NULL)
        return mb_out_of_memory(error, "label of a cell");
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        if (entry->features[m] == NULL)
            continue;
        cell->features[m] = strdup(entry->features[m]);
        if (cell->features[m] == NULL)
            return mb_out_of_memory(error, "features of a cell");
    }
    return mb_cell_make_settings(root, at, plan, cell, error);
}

static mb_status check_modalities(const mb_json *at, const cell_entry *entry, const mb_model *model,
                                  mb_error *error) {
    for (int m = 0; m < MB_MODALITY_COUNT && !model->any_modality; m++)
        if (entry->features[m] == NULL) {
            mb_json modalities = mb_json_member(at, "modalities");
            return mb_json_refuse(&modalities, error,
                                  "the model %s needs all three modalities; %s is left out",
                                  model->name, mb_modality_names[m]);
        }
    return MB_OK;
}

static mb_status expand_entry(const mb_json *root, const mb_json *at, const model_list *models,
                              mb_sweep_plan *plan, bool *used, mb_error *error) {
    cell_entry entry = {0};
    mb_status status = read_entry(at, plan, models, &entry, error);
    if (status != MB_OK)
        return status;
    const mb_model *chosen[MAX_LIST];
    for (int i = 0; i < entry.models.count; i++) {
        chosen[i] = models->models[entry.models.positions[i]];
        used[entry.models.positions[i]] = true;
    }
    status = mb_check_hyper_names(at, chosen, entry.models.count, error);
    for (int c = 0; c < entry.corpora.count; c++)
        for (int i = 0; i < entry.models.count && status == MB_OK; i++) {
            status = check_modalities(at, &entry, chosen[i], error);
            if (status == MB_OK)
                status =
                    add_cell(root, at, &entry, entry.corpora.positions[c], chosen[i], plan, error);
        }
    return status;
}

mb_status mb_plan_read_cells(const mb_json *root, mb_sweep_plan *plan, mb_error *error) {
    model_list models = known_models();
    bool used[MAX_LIST] = {false};
    mb_json cells = mb_json_member(root, "cells");
    int count = 0;
    // Checks shape and names first, because making the cells reads the settings of the plan.
    mb_status status = mb_check_hyper_names(root, models.models, models.count, error);
    if (status == MB_OK)
        status = mb_json_count(&cells, MAX_CELLS, &count, error);
    if (status != MB_OK)
        return status;
    for (mb_json entry = mb_json_first(&cells); entry.value != NULL && status == MB_OK;
         entry = mb_json_next(&entry))
        status = expand_entry(root, &entry, &models, plan, used, error);
    if (status != MB_OK)
        return status;
    const mb_model *chosen[MAX_LIST];
    int chosen_count = 0;
    for (int i = 0; i < models.count; i++)
        if (used[i])
            chosen[chosen_count++] = models.models[i];
    return mb_check_hyper_names(root, chosen, chosen_count, error);
}
