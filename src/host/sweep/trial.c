#include "sweep/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sweep/semantics.h"
#include "sweep/sweep_plan.h"

const mb_json_limits mb_description_limits = {.bytes = 1 << 16, .values = 1000, .depth = 8};

static bool add(cJSON *object, const char *key, cJSON *value) {
    if (value != NULL && cJSON_AddItemToObject(object, key, value))
        return true;
    cJSON_Delete(value);
    return false;
}

static cJSON *make_feature(const mb_trial *trial, int32_t stream) {
    cJSON *feature = cJSON_CreateObject();
    if (add(feature, "name", cJSON_CreateString(trial->features[stream].name)) &&
        add(feature, "digest", cJSON_CreateString(trial->features[stream].digest)))
        return feature;
    cJSON_Delete(feature);
    return NULL;
}

// The list of a modality, the best feature first.
static cJSON *make_list(const mb_trial *trial, int32_t modality) {
    cJSON *list = cJSON_CreateArray();
    bool good = list != NULL;
    for (int32_t rank = 1; rank <= trial->order.ranks && good; rank++) {
        cJSON *feature = make_feature(trial, mb_input_stream(&trial->order, modality, rank));
        good = feature != NULL && cJSON_AddItemToArray(list, feature);
        if (!good)
            cJSON_Delete(feature);
    }
    if (good)
        return list;
    cJSON_Delete(list);
    return NULL;
}

static bool add_features(cJSON *object, const mb_trial *trial) {
    cJSON *features = cJSON_CreateObject();
    bool lists = trial->order.ranks > 0;
    if (!add(object, "features", features))
        return false;
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++) {
        int32_t stream = mb_input_stream(&trial->order, m, 1);
        if (stream < 0 || trial->features[stream].name == NULL)
            continue;
        if (!add(features, mb_modality_names[m],
                 lists ? make_list(trial, m) : make_feature(trial, stream)))
            return false;
    }
    return !lists ||
           add(object, "fusion_modality", cJSON_CreateString(mb_fusion_names[trial->order.fusion]));
}

// The options of the model are in "options", those of the optimiser at the top level.
static bool add_setting(cJSON *object, const mb_trial *trial) {
    cJSON *options = cJSON_CreateObject();
    if (!add(object, "options", options))
        return false;
    int32_t count = mb_hyper_count(trial->model);
    for (int32_t i = 0; i < count; i++) {
        const mb_option *option = mb_hyper_get(trial->model, i);
        cJSON *parent = i < trial->model->option_count ? options : object;
        if (!add(parent, option->name, mb_hyper_write(option, trial->setting.values[i])))
            return false;
    }
    return true;
}

bool mb_trial_has_fold_seed(const mb_trial *trial) {
    const mb_dataset_rules *rules = mb_dataset_find(trial->dataset);
    return trial->protocol == MB_PROTOCOL_STRICT && rules != NULL &&
           rules->splits == MB_SPLIT_RANDOM_FOLDS;
}

static bool add_seeds(cJSON *object, const mb_trial *trial) {
    return add(object, "seed", cJSON_CreateNumber(trial->seed)) &&
           (!mb_trial_has_fold_seed(trial) ||
            add(object, "fold_seed", cJSON_CreateNumber(trial->fold_seed)));
}

static bool fill(cJSON *object, const mb_trial *trial) {
    return add(object, "engine", cJSON_CreateNumber(mb_trial_semantics(trial))) &&
           add(object, "dataset", cJSON_CreateString(trial->dataset)) &&
           add(object, "corpus", cJSON_CreateString(trial->corpus_digest)) &&
           (!trial->common_labels || add(object, "labels", cJSON_CreateString("common"))) &&
           add_features(object, trial) &&
           add(object, "feature_type",
               cJSON_CreateString(mb_feature_type_names[trial->feature_type])) &&
           add(object, "model", cJSON_CreateString(trial->model->name)) &&
           add_setting(object, trial) &&
           add(object, "protocol", cJSON_CreateString(mb_protocol_names[trial->protocol])) &&
           add(object, "epochs", cJSON_CreateNumber(trial->training.epochs)) &&
           add(object, "batch_size", cJSON_CreateNumber(trial->training.batch_size)) &&
           add(object, "shuffle", cJSON_CreateBool(trial->training.shuffle)) &&
           add(object, "selection",
               cJSON_CreateString(mb_selection_names[trial->training.selection])) &&
           add_seeds(object, trial);
}

mb_status mb_trial_describe(const mb_trial *trial, char **description, char key[33],
                            mb_error *error) {
    cJSON *object = cJSON_CreateObject();
    *description = object != NULL && fill(object, trial) ? mb_json_canonical(object) : NULL;
    cJSON_Delete(object);
    if (*description == NULL)
        return mb_out_of_memory(error, "description of a trial");
    mb_hash(*description, strlen(*description), key);
    return MB_OK;
}

// ---- reading back -----------------------------------------------------------------------------

static mb_status read_digest(const mb_json *object, const char *key, char digest[33],
                             mb_error *error) {
    mb_json at = mb_json_member(object, key);
    const char *text = "";
    mb_status status = mb_json_text(&at, &text, error);
    if (status != MB_OK)
        return status;
    if (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32)
        return mb_json_expect(&at, "32 hexadecimal digits", error);
    memcpy(digest, text, 33);
    return MB_OK;
}

static mb_status read_feature(const mb_json *at, mb_trial *trial, int32_t stream, mb_error *error) {
    static const char *const feature_keys[] = {"name", "digest", NULL};
    const char *name = "";
    mb_status status = mb_json_keys(at, feature_keys, error);
    mb_json name_at = mb_json_member(at, "name");
    if (status == MB_OK)
        status = mb_json_text(&name_at, &name, error);
    if (status == MB_OK)
        status = read_digest(at, "digest", trial->features[stream].digest, error);
    if (status == MB_OK && (trial->features[stream].name = strdup(name)) == NULL)
        status = mb_out_of_memory(error, "description of a trial");
    return status;
}

// A list for each modality of the fusion_modality, all of the same length.
static mb_status read_lists(const mb_json *root, const mb_json *features, mb_trial *trial,
                            mb_error *error) {
    mb_json fusion_at = mb_json_member(root, "fusion_modality");
    mb_input_order *order = &trial->order;
    int fusion = 0, count = 0, expected = 0;
    mb_status status = mb_json_choice(&fusion_at, mb_fusion_names, MB_FUSION_COUNT, &fusion, error);
    *order = (mb_input_order){1, (mb_fusion_modality)fusion};
    for (int32_t m = 0; m < MB_MODALITY_COUNT && status == MB_OK; m++) {
        mb_json list = mb_json_member(features, mb_modality_names[m]);
        if (mb_input_stream(order, m, 1) < 0 && list.value != NULL)
            status = mb_json_refuse(&list, error, "the fusion_modality has none of it");
        if (mb_input_stream(order, m, 1) < 0 || status != MB_OK)
            continue;
        status = mb_json_count(&list, MB_MOST_RANKS, &count, error);
        if (status == MB_OK && expected > 0 && count != expected)
            status = mb_json_expect(&list, "a list as long as the others", error);
        expected = count;
    }
    order->ranks = status == MB_OK ? expected : 1;
    for (int32_t i = 0; i < mb_input_count(order) && status == MB_OK; i++) {
        mb_json list = mb_json_member(features, mb_modality_names[mb_input_modality(order, i)]);
        mb_json at = mb_json_first(&list);
        for (int32_t rank = order->ranks - i % order->ranks; rank > 1; rank--)
            at = mb_json_next(&at);
        status = read_feature(&at, trial, i, error);
    }
    return status;
}

static mb_status read_features(const mb_json *root, mb_trial *trial, mb_error *error) {
    mb_json features = mb_json_member(root, "features");
    mb_status status = mb_json_keys(&features, mb_modality_names, error);
    if (status == MB_OK && mb_json_member(root, "fusion_modality").value != NULL)
        return read_lists(root, &features, trial, error);
    for (int m = 0; m < MB_MODALITY_COUNT && status == MB_OK; m++) {
        mb_json feature = mb_json_member(&features, mb_modality_names[m]);
        if (feature.value != NULL)
            status = read_feature(&feature, trial, m, error);
    }
    return status;
}

static mb_status read_model(const mb_json *root, mb_trial *trial, mb_error *error) {
    mb_json at = mb_json_member(root, "model");
    const char *name = "";
    mb_status status = mb_json_text(&at, &name, error);
    if (status != MB_OK)
        return status;
    trial->model = mb_model_find(name);
    if (trial->model == NULL)
        return mb_fail(error, MB_UNSUPPORTED, "%s: this version has no model \"%.60s\"", root->file,
                       name);
    if ((trial->model->most_streams > 0) != (trial->order.ranks > 0))
        return mb_json_refuse(&at, error, "the model \"%.60s\" takes %s", name,
                              trial->order.ranks > 0 ? "no lists of features"
                                                     : "lists of features");
    mb_json options = mb_json_member(root, "options");
    int32_t count = mb_hyper_count(trial->model);
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        const mb_option *option = mb_hyper_get(trial->model, i);
        mb_json value =
            mb_json_member(i < trial->model->option_count ? &options : root, option->name);
        status = mb_hyper_read(option, &value, &trial->setting.values[i], error);
    }
    return status;
}

static mb_status read_choice(const mb_json *root, const char *key, const char *const *names,
                             int count, int *choice, mb_error *error) {
    mb_json at = mb_json_member(root, key);
    return mb_json_choice(&at, names, count, choice, error);
}

static mb_status read_training(const mb_json *root, mb_trial *trial, mb_error *error) {
    int protocol = 0, selection = 0, type = 0;
    int64_t epochs = 0, batch_size = 0, seed = 0;
    mb_json epochs_at = mb_json_member(root, "epochs");
    mb_json batch_at = mb_json_member(root, "batch_size"), seed_at = mb_json_member(root, "seed");
    mb_json shuffle = mb_json_member(root, "shuffle");
    mb_status status =
        read_choice(root, "protocol", mb_protocol_names, MB_PROTOCOL_COUNT, &protocol, error);
    if (status == MB_OK)
        status = read_choice(root, "selection", mb_selection_names, MB_SELECTION_COUNT, &selection,
                             error);
    if (status == MB_OK)
        status = read_choice(root, "feature_type", mb_feature_type_names, MB_FEATURE_TYPE_COUNT,
                             &type, error);
    if (status == MB_OK)
        status = mb_json_integer(&epochs_at, 1, INT32_MAX, &epochs, error);
    if (status == MB_OK)
        status = mb_json_integer(&batch_at, 1, INT32_MAX, &batch_size, error);
    if (status == MB_OK)
        status = mb_json_integer(&seed_at, 0, UINT32_MAX, &seed, error);
    if (status == MB_OK)
        status = mb_json_boolean(&shuffle, &trial->training.shuffle, error);
    trial->protocol = (mb_protocol)protocol;
    trial->feature_type = (mb_feature_type)type;
    trial->training.selection = (mb_selection)selection;
    trial->training.epochs = (int32_t)epochs;
    trial->training.batch_size = (int32_t)batch_size;
    trial->seed = (uint32_t)seed;
    return status;
}

static mb_status read_fold_seed(const mb_json *root, mb_trial *trial, mb_error *error) {
    mb_json at = mb_json_member(root, "fold_seed");
    int64_t seed = 0;
    if (!mb_trial_has_fold_seed(trial))
        return MB_OK;
    mb_status status = mb_json_integer(&at, 0, UINT32_MAX, &seed, error);
    trial->fold_seed = (uint32_t)seed;
    return status;
}

static mb_status read_labels(const mb_json *root, mb_trial *trial, mb_error *error) {
    static const char *const kinds[] = {"common"};
    int kind = 0;
    mb_json at = mb_json_member(root, "labels");
    trial->common_labels = at.value != NULL;
    return trial->common_labels ? mb_json_choice(&at, kinds, 1, &kind, error) : MB_OK;
}

static mb_status read_trial(const mb_json *root, mb_trial *trial, mb_error *error) {
    mb_json engine = mb_json_member(root, "engine"), dataset = mb_json_member(root, "dataset");
    int64_t semantics = 0;
    const char *name = "";
    mb_status status = mb_json_integer(&engine, 0, INT32_MAX, &semantics, error);
    if (status == MB_OK)
        status = mb_semantics_check_known(root->file, semantics, error);
    if (status == MB_OK)
        status = mb_json_text(&dataset, &name, error);
    if (status == MB_OK && mb_dataset_find(name) == NULL)
        status = mb_json_expect(&dataset, "a dataset", error);
    snprintf(trial->dataset, sizeof trial->dataset, "%.31s", name);
    if (status == MB_OK)
        status = read_digest(root, "corpus", trial->corpus_digest, error);
    if (status == MB_OK)
        status = read_labels(root, trial, error);
    if (status == MB_OK)
        status = read_features(root, trial, error);
    if (status == MB_OK)
        status = read_model(root, trial, error);
    if (status == MB_OK)
        status = read_training(root, trial, error);
    if (status == MB_OK) // before all that an older description may lack
        status = mb_semantics_check(root->file, trial, semantics, error);
    if (status == MB_OK)
        status = read_fold_seed(root, trial, error);
    if (status != MB_OK)
        return status;
    mb_model_config unused;
    mb_setting_apply(trial->model, &trial->setting, &unused, &trial->training);
    return MB_OK;
}

mb_status mb_trial_parse(const char *where, const char *description, mb_trial *trial,
                         mb_error *error) {
    *trial = (mb_trial){0};
    cJSON *document = NULL;
    mb_status status = mb_json_parse(where, description, strlen(description),
                                     &mb_description_limits, &document, error);
    if (status == MB_OK) {
        mb_json root = mb_json_root(where, document);
        status = read_trial(&root, trial, error);
    }
    cJSON_Delete(document);
    return status;
}

void mb_trial_free(mb_trial *trial) {
    for (int m = 0; m < MB_MAX_STREAMS; m++)
        free(trial->features[m].name);
    *trial = (mb_trial){0};
}

mb_status mb_trial_match(const mb_trial *trial, const mb_corpus *corpus, mb_error *error) {
    if (strcmp(corpus->rules->name, trial->dataset) != 0 ||
        strcmp(corpus->digest, trial->corpus_digest) != 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected the corpus %s of %s, found %s of %s",
                       corpus->path, trial->corpus_digest, trial->dataset, corpus->digest,
                       corpus->rules->name);
    for (int m = 0; m < MB_MAX_STREAMS; m++) {
        if (trial->features[m].name == NULL)
            continue;
        const mb_feature *feature = mb_corpus_feature(corpus, trial->features[m].name);
        if (feature == NULL)
            return mb_fail(error, MB_BAD_INPUT, "%s: expected a feature %s, found none",
                           corpus->path, trial->features[m].name);
        if (strcmp(feature->digest, trial->features[m].digest) != 0)
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: feature %s: expected the digest %s, found %s: other values",
                           corpus->path, feature->name, trial->features[m].digest, feature->digest);
    }
    return MB_OK;
}
