#include "sweep/plan_features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- the names --------------------------------------------------------------------------------

static mb_status read_name(const mb_json *at, int m, mb_plan_features *features, mb_error *error) {
    const char *name = "";
    mb_status status = mb_json_text(at, &name, error);
    for (int32_t i = 0; i < features->counts[m] && status == MB_OK; i++)
        if (strcmp(features->names[m][i], name) == 0)
            status = mb_json_refuse(at, error, "\"%.80s\" is in the list twice", name);
    if (status == MB_OK)
        features->names[m][features->counts[m]++] = name;
    features->good = features->good && status == MB_OK;
    return mb_json_go_on(at, status);
}

// A name, or a list of names.
static mb_status read_modality(const mb_json *at, int m, mb_plan_features *features,
                               mb_error *error) {
    int count = 0;
    if (!cJSON_IsArray(at->value))
        return read_name(at, m, features, error);
    features->lists = true;
    mb_status status = mb_json_count(at, MB_MOST_RANKS, &count, error);
    features->good = features->good && status == MB_OK;
    if (status != MB_OK)
        return mb_json_go_on(at, status);
    for (mb_json name = mb_json_first(at); name.value != NULL && status == MB_OK;
         name = mb_json_next(&name))
        status = read_name(&name, m, features, error);
    return status;
}

static mb_status read_names(const mb_json *entry, mb_plan_features *features, mb_error *error) {
    mb_json single = mb_json_member(entry, "feature"), all = mb_json_member(entry, "features");
    mb_status status = MB_OK;
    features->same = single.value != NULL;
    if (features->same == (all.value != NULL))
        status = mb_json_refuse(entry, error,
                                "expected \"features\" (one per modality) or \"feature\" (the same "
                                "in all three), found %s",
                                features->same ? "both" : "neither");
    else if (!features->same)
        status = mb_json_keys(&all, mb_modality_names, error);
    features->good = status == MB_OK;
    if (status != MB_OK)
        return mb_json_go_on(entry, status);
    if (features->same)
        status = read_name(&single, 0, features, error);
    for (int m = 1; m < MB_MODALITY_COUNT && features->same; m++) {
        features->counts[m] = features->counts[0];
        features->names[m][0] = features->names[0][0];
    }
    for (int m = 0; m < MB_MODALITY_COUNT && status == MB_OK && !features->same; m++) {
        mb_json at = mb_json_member(&all, mb_modality_names[m]);
        if (at.value != NULL)
            status = read_modality(&at, m, features, error);
    }
    return status;
}

mb_status mb_plan_read_features(const mb_json *entry, mb_plan_features *features, mb_error *error) {
    mb_json fusion = mb_json_member(entry, "fusion_modality");
    int choice = MB_FUSION_AVT;
    *features = (mb_plan_features){.fusion_given = fusion.value != NULL};
    mb_status status = read_names(entry, features, error);
    if (status != MB_OK || !features->fusion_given)
        return status;
    status = mb_json_choice(&fusion, mb_fusion_names, MB_FUSION_COUNT, &choice, error);
    features->fusion = (mb_fusion_modality)choice;
    features->good = features->good && status == MB_OK;
    return mb_json_go_on(entry, status);
}

// ---- which of them ----------------------------------------------------------------------------

static mb_status refuse_missing(const mb_json *entry, const mb_plan_features *features, int m,
                                mb_error *error) {
    mb_json at = mb_json_member(entry, "features");
    if (features->fusion_given)
        return mb_json_refuse(&at, error,
                              "expected features for %s, found none; the fusion_modality is %s",
                              mb_modality_names[m], mb_fusion_names[features->fusion]);
    if (features->lists)
        return mb_json_refuse(&at, error,
                              "expected features for %s, found none; \"fusion_modality\" says "
                              "which modalities attention_topn gets",
                              mb_modality_names[m]);
    return mb_json_refuse(&at, error,
                          "expected a feature for %s, found none; \"modalities\" lists the "
                          "modalities that the model gets",
                          mb_modality_names[m]);
}

// Lists are of the same length.
static mb_status check_lengths(const mb_json *entry, mb_plan_features *features, mb_error *error) {
    mb_json at = mb_json_member(entry, "features");
    int first = -1;
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        if (features->counts[m] == 0)
            continue;
        first = first < 0 ? m : first;
        if (features->counts[m] == features->counts[first])
            continue;
        features->good = false;
        return mb_json_go_on(
            entry, mb_json_refuse(&at, error,
                                  "expected as many features for each modality, found %d for %s "
                                  "and %d for %s",
                                  features->counts[first], mb_modality_names[first],
                                  features->counts[m], mb_modality_names[m]));
    }
    return MB_OK;
}

mb_status mb_plan_keep_features(const mb_json *entry, const int *modalities, int count,
                                mb_plan_features *features, mb_error *error) {
    bool used[MB_MODALITY_COUNT] = {false};
    mb_status status = MB_OK;
    const mb_input_order order = {1, features->fusion};
    for (int i = 0; i < count && !features->fusion_given; i++)
        used[modalities[i]] = true;
    for (int32_t i = 0; i < mb_input_count(&order) && features->fusion_given; i++)
        used[mb_input_modality(&order, i)] = true;
    for (int m = 0; m < MB_MODALITY_COUNT && status == MB_OK; m++) {
        if (!used[m])
            features->counts[m] = 0;
        if (!used[m] || features->counts[m] > 0)
            continue;
        features->good = false;
        status = mb_json_go_on(entry, refuse_missing(entry, features, m, error));
    }
    return status == MB_OK && features->good ? check_lengths(entry, features, error) : status;
}

// ---- with a model -----------------------------------------------------------------------------

static mb_status check_lists(const mb_json *entry, const mb_plan_features *features,
                             const mb_model *model, mb_error *error) {
    mb_json fusion = mb_json_member(entry, "fusion_modality");
    mb_json modalities = mb_json_member(entry, "modalities");
    mb_json all = mb_json_member(entry, "features");
    bool takes_lists = model->most_streams > 0;
    mb_status status = MB_OK;
    if (features->lists && !takes_lists)
        status = mb_json_refuse(&all, error,
                                "the model %s takes one feature for each modality; lists are for "
                                "attention_topn",
                                model->name);
    status = mb_json_go_on(entry, status);
    if (status == MB_OK && features->fusion_given && !takes_lists)
        status = mb_json_refuse(
            &fusion, error, "only valid with the model attention_topn, not with %s", model->name);
    else if (status == MB_OK && modalities.value != NULL && takes_lists)
        status = mb_json_refuse(&modalities, error,
                                "with the model %s, \"fusion_modality\" says which modalities it "
                                "gets",
                                model->name);
    return mb_json_go_on(entry, status);
}

mb_status mb_plan_check_features(const mb_json *entry, const mb_plan_features *features,
                                 const mb_model *model, mb_error *error) {
    mb_json modalities = mb_json_member(entry, "modalities");
    mb_status status = features->good ? check_lists(entry, features, model, error) : MB_OK;
    bool all = !model->any_modality && model->most_streams == 0 && !features->fusion_given;
    for (int m = 0; m < MB_MODALITY_COUNT && all && status == MB_OK; m++)
        if (features->good && features->counts[m] == 0)
            status = mb_json_go_on(
                entry, mb_json_refuse(&modalities, error,
                                      "the model %s needs all three modalities; %s is left out",
                                      model->name, mb_modality_names[m]));
    return status;
}

mb_status mb_plan_give_features(const mb_plan_features *features, mb_sweep_cell *cell,
                                mb_error *error) {
    bool lists = cell->model != NULL ? cell->model->most_streams > 0 : features->lists;
    if (lists && !features->good)
        return MB_OK;
    for (int m = 0; m < MB_MODALITY_COUNT && lists; m++)
        if (features->counts[m] > 0)
            cell->order = (mb_input_order){features->counts[m], features->fusion};
    for (int32_t i = 0; i < mb_input_count(&cell->order); i++) {
        int32_t m = mb_input_modality(&cell->order, i);
        int32_t rank = lists ? cell->order.ranks - i % cell->order.ranks : 1;
        if (rank > features->counts[m])
            continue;
        cell->features[i] = strdup(features->names[m][rank - 1]);
        if (cell->features[i] == NULL)
            return mb_out_of_memory(error, "features of a cell");
    }
    return MB_OK;
}

char *mb_plan_features_label(const mb_plan_features *features) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    const char *separator = "";
    if (out == NULL)
        return NULL;
    if (features->fusion != MB_FUSION_AVT)
        fprintf(out, "%s: ", mb_fusion_names[features->fusion]);
    for (int m = 0; m < (features->same ? 1 : MB_MODALITY_COUNT); m++)
        for (int32_t i = 0; i < features->counts[m]; i++) {
            fprintf(out, "%s%s", i > 0 ? ", " : separator, features->names[m][i]);
            separator = " + ";
        }
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
