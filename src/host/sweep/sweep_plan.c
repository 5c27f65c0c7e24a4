#include "sweep/sweep_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sweep/plan_cells.h"
#include "sweep/plan_search.h"

const char *const mb_protocol_names[MB_PROTOCOL_COUNT] = {"mertools", "strict"};

enum { MAX_CORPORA = 1000 };

const mb_json_limits mb_plan_limits = {.bytes = 16 << 20, .values = 1000000, .depth = 32};

// An unknown name is refused and leaves *choice as it is.
static mb_status read_choice(const mb_json *object, const char *key, const char *const *names,
                             int count, int *choice, mb_error *error) {
    mb_json at = mb_json_member(object, key);
    return at.value == NULL ? MB_OK : mb_json_choice(&at, names, count, choice, error);
}

static mb_status read_shuffle(const mb_json *root, bool strict, mb_sweep_plan *plan,
                              mb_error *error) {
    mb_json at = mb_json_member(root, "shuffle");
    plan->shuffle_given = at.value != NULL;
    if (!plan->shuffle_given)
        return MB_OK;
    mb_status status = mb_json_boolean(&at, &plan->shuffle, error);
    if (status == MB_OK && strict && !plan->shuffle)
        status = mb_json_refuse(&at, error, "the strict protocol shuffles in every epoch");
    return mb_json_go_on(&at, status);
}

static mb_status read_fold_seed(const mb_json *root, bool mertools, mb_sweep_plan *plan,
                                mb_error *error) {
    mb_json at = mb_json_member(root, "fold_seed");
    plan->fold_seed = 1;
    if (at.value != NULL && mertools)
        return mb_json_go_on(
            root, mb_json_refuse(&at, error,
                                 "only valid with the protocol \"strict\"; under mertools random "
                                 "folds are drawn with the seed of each trial"));
    return mb_plan_read_seed(root, "fold_seed", &plan->fold_seed, error);
}

static mb_status read_protocol(const mb_json *root, mb_sweep_plan *plan, mb_error *error) {
    int protocol = MB_PROTOCOL_MERTOOLS, selection = 0;
    mb_status status =
        read_choice(root, "protocol", mb_protocol_names, MB_PROTOCOL_COUNT, &protocol, error);
    bool known = status == MB_OK; // otherwise nothing is refused because of the protocol
    bool strict = known && protocol == MB_PROTOCOL_STRICT;
    status = mb_json_go_on(root, status);
    if (status == MB_OK)
        status = mb_json_go_on(root, read_choice(root, "selection", mb_selection_names,
                                                 MB_SELECTION_COUNT, &selection, error));
    plan->protocol = (mb_protocol)protocol;
    plan->selection = (mb_selection)selection;
    plan->selection_given = mb_json_member(root, "selection").value != NULL;
    if (status == MB_OK)
        status = read_shuffle(root, strict, plan, error);
    return status == MB_OK ? read_fold_seed(root, known && !strict, plan, error) : status;
}

// The path of a corpus. A relative path starts at `data_folder` or, if that is NULL, at the folder
// of `file`. malloc'ed.
static char *resolve(const char *path, const char *data_folder, const char *file) {
    char *result = NULL;
    const char *slash = strrchr(file, '/');
    int length = 0;
    if (path[0] == '/')
        return strdup(path);
    if (data_folder != NULL)
        length = asprintf(&result, "%s/%s", data_folder, path);
    else if (slash != NULL)
        length = asprintf(&result, "%.*s/%s", (int)(slash - file), file, path);
    else
        return strdup(path);
    return length < 0 ? NULL : result;
}

// A corpus whose path is refused keeps its name, so that the cells know it.
static mb_status read_corpus(const mb_json *at, const char *data_folder, mb_sweep_plan *plan,
                             mb_error *error) {
    const char *path = NULL;
    mb_plan_corpus *corpus = &plan->corpora[plan->corpus_count++];
    corpus->name = strdup(at->key);
    if (corpus->name == NULL)
        return mb_out_of_memory(error, "corpora of a plan");
    mb_status status = at->key[0] == '\0'
                           ? mb_json_refuse(at->parent, error, "a corpus needs a name")
                           : mb_json_text(at, &path, error);
    if (status != MB_OK)
        return mb_json_go_on(at, status);
    corpus->path = resolve(path, data_folder, plan->file);
    return corpus->path != NULL ? MB_OK : mb_out_of_memory(error, "corpora of a plan");
}

static mb_status read_corpora(const mb_json *root, const char *data_folder, mb_sweep_plan *plan,
                              mb_error *error) {
    mb_json corpora = mb_json_member(root, "corpora");
    int count = cJSON_IsObject(corpora.value) ? cJSON_GetArraySize(corpora.value) : 0;
    mb_status status = MB_OK;
    if (count == 0)
        status =
            mb_json_expect(&corpora, "an object with a name and a file for every corpus", error);
    else if (count > MAX_CORPORA)
        status = mb_json_refuse(&corpora, error, "expected at most %d corpora, found %d",
                                MAX_CORPORA, count);
    if (status != MB_OK)
        return mb_json_go_on(root, status);
    plan->corpora = calloc((size_t)count, sizeof *plan->corpora);
    if (plan->corpora == NULL)
        return mb_out_of_memory(error, "corpora of a plan");
    for (mb_json at = mb_json_first(&corpora); at.value != NULL && status == MB_OK;
         at = mb_json_next(&at))
        status = read_corpus(&at, data_folder, plan, error);
    return status;
}

static mb_status read_name(const mb_json *root, mb_sweep_plan *plan, mb_error *error) {
    const char *name = "";
    mb_json at = mb_json_member(root, "name");
    mb_status status = mb_json_go_on(&at, mb_json_text(&at, &name, error));
    plan->name = strdup(name);
    return plan->name != NULL ? status : mb_out_of_memory(error, "name of a plan");
}

static mb_status read_all(const mb_json *root, const char *data_folder, mb_sweep_plan *plan,
                          mb_error *error) {
    static const char *const keys[] = {
        "name",         "protocol", "epochs",    "batch_size", "shuffle", "selection",
        "weight_decay", "settings", "grid",      "corpora",    "cells",   "search",
        "final",        "comment",  "fold_seed", "replaced",   "layout",  NULL};
    plan->epochs = 100;
    plan->batch_size = 32;
    mb_status status = mb_json_keys(root, keys, error);
    if (!cJSON_IsObject(root->value))
        return status;
    status = mb_json_go_on(root, status);
    if (status == MB_OK)
        status = read_name(root, plan, error);
    if (status == MB_OK)
        status = read_protocol(root, plan, error);
    if (status == MB_OK)
        status = mb_plan_read_integer(root, "epochs", 1, 100000, &plan->epochs, error);
    if (status == MB_OK)
        status = mb_plan_read_integer(root, "batch_size", 1, 65536, &plan->batch_size, error);
    if (status == MB_OK)
        status = mb_plan_read_search(root, plan, error);
    if (status == MB_OK)
        status = read_corpora(root, data_folder, plan, error);
    return status == MB_OK ? mb_plan_read_cells(root, plan, error) : status;
}

// `text`: that of the document, or NULL.
static mb_status read_plan(const char *file, const cJSON *document, const char *text, size_t length,
                           const char *data_folder, mb_sweep_plan *plan, mb_error *error) {
    *plan = (mb_sweep_plan){.file = strdup(file)};
    if (plan->file == NULL)
        return mb_out_of_memory(error, "name of a plan");
    const mb_json_source source = {
        .document = document, .text = text, .length = length, .findings = &plan->findings};
    mb_json root = mb_json_root(file, document);
    root.source = &source;
    mb_status status =
        mb_findings_result(&plan->findings, read_all(&root, data_folder, plan, error), error);
    if (status != MB_OK)
        return status;
    cJSON *copy = cJSON_Duplicate(document, true);
    plan->layout = cJSON_DetachItemFromObjectCaseSensitive(copy, "layout");
    plan->json = copy != NULL ? mb_json_canonical(copy) : NULL;
    cJSON_Delete(copy);
    if (plan->json == NULL)
        return mb_out_of_memory(error, "text of a plan");
    mb_hash(plan->json, strlen(plan->json), plan->digest);
    return MB_OK;
}

mb_status mb_sweep_plan_read(const char *file, const cJSON *document, const char *data_folder,
                             mb_sweep_plan *plan, mb_error *error) {
    return read_plan(file, document, NULL, 0, data_folder, plan, error);
}

mb_status mb_sweep_plan_load(const char *path, const char *data_folder, mb_sweep_plan *plan,
                             mb_error *error) {
    *plan = (mb_sweep_plan){0};
    cJSON *document;
    char *text;
    size_t length;
    mb_status status = mb_json_load_text(path, &mb_plan_limits, &text, &length, &document, error);
    if (status == MB_OK)
        status = read_plan(path, document, text, length, data_folder, plan, error);
    cJSON_Delete(document);
    free(text);
    return status;
}

void mb_sweep_plan_free(mb_sweep_plan *plan) {
    for (int32_t i = 0; i < plan->corpus_count; i++) {
        free(plan->corpora[i].name);
        free(plan->corpora[i].path);
    }
    for (int32_t i = 0; i < plan->cell_count; i++) {
        free(plan->cells[i].label);
        for (int m = 0; m < MB_MAX_STREAMS; m++)
            free(plan->cells[i].features[m]);
        free(plan->cells[i].settings);
    }
    free(plan->corpora);
    free(plan->cells);
    free(plan->search_seeds.seeds);
    free(plan->final_seeds.seeds);
    free(plan->file);
    free(plan->name);
    free(plan->json);
    cJSON_Delete(plan->layout);
    *plan = (mb_sweep_plan){0};
}
