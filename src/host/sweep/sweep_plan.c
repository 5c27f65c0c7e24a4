#include "sweep/sweep_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sweep/plan_cells.h"

const char *const mb_protocol_names[MB_PROTOCOL_COUNT] = {"mertools", "strict"};

enum { METHOD_COUNT = MB_SEARCH_RANDOM + 1 };
static const char *const method_names[METHOD_COUNT] = {"none", "grid", "random"};

enum { MAX_SEEDS = 1000, MAX_DRAWS = 10000 };

const mb_json_limits mb_plan_limits = {.bytes = 16 << 20, .values = 1000000, .depth = 32};

static mb_status read_integer(const mb_json *object, const char *key, int32_t minimum,
                              int32_t maximum, int32_t *value, mb_error *error) {
    mb_json at = mb_json_member(object, key);
    if (at.value == NULL)
        return MB_OK;
    int64_t number = 0;
    mb_status status = mb_json_integer(&at, minimum, maximum, &number, error);
    *value = (int32_t)number;
    return status;
}

static mb_status read_seed(const mb_json *at, uint32_t *seed, mb_error *error) {
    int64_t number = 0;
    mb_status status = mb_json_integer(at, 0, UINT32_MAX, &number, error);
    *seed = (uint32_t)number;
    return status;
}

static mb_status read_seeds(const mb_json *at, mb_seed_list *list, mb_error *error) {
    int count = 0;
    mb_status status = mb_json_count(at, MAX_SEEDS, &count, error);
    if (status != MB_OK)
        return status;
    list->seeds = calloc((size_t)count, sizeof *list->seeds);
    if (list->seeds == NULL)
        return mb_out_of_memory(error, "seeds of a plan");
    for (mb_json seed = mb_json_first(at); seed.value != NULL; seed = mb_json_next(&seed)) {
        uint32_t *value = &list->seeds[seed.index];
        status = read_seed(&seed, value, error);
        for (int j = 0; j < seed.index && status == MB_OK; j++)
            if (list->seeds[j] == *value)
                status = mb_json_refuse(&seed, error, "seed %u is in the list twice", *value);
        if (status != MB_OK)
            return status;
    }
    list->count = count;
    return MB_OK;
}

static mb_status read_choice(const mb_json *object, const char *key, const char *const *names,
                             int count, int *choice, mb_error *error) {
    mb_json at = mb_json_member(object, key);
    return at.value == NULL ? MB_OK : mb_json_choice(&at, names, count, choice, error);
}

static mb_status read_fold_seed(const mb_json *root, mb_sweep_plan *plan, mb_error *error) {
    mb_json at = mb_json_member(root, "fold_seed");
    plan->fold_seed = 1;
    if (at.value == NULL)
        return MB_OK;
    if (plan->protocol != MB_PROTOCOL_STRICT)
        return mb_json_refuse(&at, error,
                              "only valid with the protocol \"strict\"; under mertools random "
                              "folds are drawn with the seed of each trial");
    return read_seed(&at, &plan->fold_seed, error);
}

static mb_status read_protocol(const mb_json *root, mb_sweep_plan *plan, mb_error *error) {
    int protocol = MB_PROTOCOL_MERTOOLS, selection = 0;
    mb_status status =
        read_choice(root, "protocol", mb_protocol_names, MB_PROTOCOL_COUNT, &protocol, error);
    if (status == MB_OK)
        status = read_choice(root, "selection", mb_selection_names, MB_SELECTION_COUNT, &selection,
                             error);
    plan->protocol = (mb_protocol)protocol;
    plan->selection = (mb_selection)selection;
    plan->selection_given = mb_json_member(root, "selection").value != NULL;
    mb_json shuffle = mb_json_member(root, "shuffle");
    plan->shuffle_given = shuffle.value != NULL;
    if (status == MB_OK && plan->shuffle_given)
        status = mb_json_boolean(&shuffle, &plan->shuffle, error);
    if (status == MB_OK && plan->shuffle_given && plan->protocol == MB_PROTOCOL_STRICT &&
        !plan->shuffle)
        status = mb_json_refuse(&shuffle, error, "the strict protocol shuffles in every epoch");
    return status == MB_OK ? read_fold_seed(root, plan, error) : status;
}

static mb_status check_search_keys(const mb_json *search, const mb_sweep_plan *plan,
                                   mb_error *error) {
    static const char *const of_random[] = {"draws", "seed"};
    for (int i = 0; i < 2; i++) {
        mb_json at = mb_json_member(search, of_random[i]);
        if (at.value != NULL && plan->method != MB_SEARCH_RANDOM)
            return mb_json_refuse(&at, error, "only valid with the method \"random\"");
    }
    mb_json seeds = mb_json_member(search, "seeds");
    if (seeds.value != NULL && plan->method == MB_SEARCH_NONE)
        return mb_json_refuse(&seeds, error, "without a search, seeds belong in \"final\"");
    return MB_OK;
}

static mb_status read_search(const mb_json *root, mb_sweep_plan *plan, mb_error *error) {
    static const char *const keys[] = {"method", "draws", "seeds", "seed", NULL};
    mb_json search = mb_json_member(root, "search");
    plan->draws = 50;
    plan->search_seed = 1;
    if (search.value == NULL)
        return MB_OK;
    mb_status status = mb_json_keys(&search, keys, error);
    if (status != MB_OK)
        return status;
    mb_json method_at = mb_json_member(&search, "method");
    int method = 0;
    status = mb_json_choice(&method_at, method_names, METHOD_COUNT, &method, error);
    plan->method = (mb_search_method)method;
    if (status == MB_OK)
        status = check_search_keys(&search, plan, error);
    if (status == MB_OK)
        status = read_integer(&search, "draws", 1, MAX_DRAWS, &plan->draws, error);
    mb_json seed = mb_json_member(&search, "seed");
    if (status == MB_OK && seed.value != NULL)
        status = read_seed(&seed, &plan->search_seed, error);
    mb_json seeds = mb_json_member(&search, "seeds");
    if (status != MB_OK || plan->method == MB_SEARCH_NONE)
        return status;
    if (seeds.value != NULL)
        return read_seeds(&seeds, &plan->search_seeds, error);
    plan->search_seeds.seeds = malloc(sizeof *plan->search_seeds.seeds);
    if (plan->search_seeds.seeds == NULL)
        return mb_out_of_memory(error, "seeds of a plan");
    plan->search_seeds.seeds[0] = 1;
    plan->search_seeds.count = 1;
    return MB_OK;
}

static mb_status read_final(const mb_json *root, mb_sweep_plan *plan, mb_error *error) {
    static const char *const keys[] = {"seeds", NULL};
    mb_json final = mb_json_member(root, "final");
    if (final.value == NULL) {
        if (plan->method == MB_SEARCH_NONE)
            return mb_json_refuse(root, error,
                                  "expected \"search\" or \"final\" seeds, found nothing to train");
        return MB_OK;
    }
    mb_status status = mb_json_keys(&final, keys, error);
    mb_json seeds = mb_json_member(&final, "seeds");
    return status == MB_OK ? read_seeds(&seeds, &plan->final_seeds, error) : status;
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

static mb_status read_corpora(const mb_json *root, const char *data_folder, mb_sweep_plan *plan,
                              mb_error *error) {
    mb_json corpora = mb_json_member(root, "corpora");
    int count = cJSON_IsObject(corpora.value) ? cJSON_GetArraySize(corpora.value) : 0;
    if (count == 0)
        return mb_json_expect(&corpora, "an object with a name and a file for every corpus", error);
    plan->corpora = calloc((size_t)count, sizeof *plan->corpora);
    if (plan->corpora == NULL)
        return mb_out_of_memory(error, "corpora of a plan");
    for (mb_json at = mb_json_first(&corpora); at.value != NULL; at = mb_json_next(&at)) {
        const char *path = "";
        mb_status status = mb_json_text(&at, &path, error);
        if (status != MB_OK)
            return status;
        if (at.key[0] == '\0')
            return mb_json_refuse(&corpora, error, "a corpus needs a name");
        mb_plan_corpus *corpus = &plan->corpora[plan->corpus_count++];
        corpus->name = strdup(at.key);
        corpus->path = resolve(path, data_folder, plan->file);
        if (corpus->name == NULL || corpus->path == NULL)
            return mb_out_of_memory(error, "corpora of a plan");
    }
    return MB_OK;
}

static mb_status read_head(const mb_json *root, mb_sweep_plan *plan, mb_error *error) {
    const char *name = "";
    mb_json at = mb_json_member(root, "name");
    mb_status status = mb_json_text(&at, &name, error);
    if (status != MB_OK)
        return status;
    plan->name = strdup(name);
    if (plan->name == NULL)
        return mb_out_of_memory(error, "name of a plan");
    plan->epochs = 100;
    plan->batch_size = 32;
    status = read_protocol(root, plan, error);
    if (status == MB_OK)
        status = read_integer(root, "epochs", 1, 100000, &plan->epochs, error);
    if (status == MB_OK)
        status = read_integer(root, "batch_size", 1, 65536, &plan->batch_size, error);
    if (status == MB_OK)
        status = read_search(root, plan, error);
    return status == MB_OK ? read_final(root, plan, error) : status;
}

mb_status mb_sweep_plan_read(const char *file, const cJSON *document, const char *data_folder,
                             mb_sweep_plan *plan, mb_error *error) {
    static const char *const keys[] = {
        "name",         "protocol", "epochs",    "batch_size", "shuffle", "selection",
        "weight_decay", "settings", "grid",      "corpora",    "cells",   "search",
        "final",        "comment",  "fold_seed", "replaced",   NULL};
    *plan = (mb_sweep_plan){.file = strdup(file)};
    if (plan->file == NULL)
        return mb_out_of_memory(error, "name of a plan");
    mb_json root = mb_json_root(file, document);
    mb_status status = mb_json_keys(&root, keys, error);
    if (status == MB_OK)
        status = read_head(&root, plan, error);
    if (status == MB_OK)
        status = read_corpora(&root, data_folder, plan, error);
    if (status == MB_OK)
        status = mb_plan_read_cells(&root, plan, error);
    if (status != MB_OK)
        return status;
    plan->json = mb_json_canonical(document);
    if (plan->json == NULL)
        return mb_out_of_memory(error, "text of a plan");
    mb_hash(plan->json, strlen(plan->json), plan->digest);
    return MB_OK;
}

mb_status mb_sweep_plan_load(const char *path, const char *data_folder, mb_sweep_plan *plan,
                             mb_error *error) {
    *plan = (mb_sweep_plan){0};
    cJSON *document = NULL;
    mb_status status = mb_json_load(path, &mb_plan_limits, &document, error);
    if (status == MB_OK)
        status = mb_sweep_plan_read(path, document, data_folder, plan, error);
    cJSON_Delete(document);
    return status;
}

void mb_sweep_plan_free(mb_sweep_plan *plan) {
    for (int32_t i = 0; i < plan->corpus_count; i++) {
        free(plan->corpora[i].name);
        free(plan->corpora[i].path);
    }
    for (int32_t i = 0; i < plan->cell_count; i++) {
        free(plan->cells[i].label);
        for (int m = 0; m < MB_MODALITY_COUNT; m++)
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
    *plan = (mb_sweep_plan){0};
}
