// Reads the settings of trials from their descriptions and groups the trials by setting.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "report/table_data.h"
#include "sweep/setting.h"
#include "sweep/trial.h"

// ---- one description as a flat list -----------------------------------------------------------

typedef struct setting {
    char *path;       // "options.hidden_dim"
    const char *name; // "hidden_dim"; points into path
    char *value;
} setting;

typedef struct settings {
    int32_t count;
    setting *items;
} settings;

static void free_settings(settings *list) {
    for (int32_t i = 0; i < list->count; i++) {
        cJSON_free(list->items[i].value);
        free(list->items[i].path);
    }
    free(list->items);
    *list = (settings){0};
}

static bool add(settings *list, const char *prefix, const cJSON *item) {
    setting *grown = reallocarray(list->items, (size_t)list->count + 1, sizeof *grown);
    if (grown == NULL)
        return false;
    list->items = grown;
    setting *added = &grown[list->count++];
    *added = (setting){0};
    if (asprintf(&added->path, "%s%s", prefix, item->string) < 0) {
        added->path = NULL;
        return false;
    }
    added->name = added->path + strlen(prefix);
    // Strings are shown without quotes.
    added->value = cJSON_IsString(item) ? strdup(item->valuestring) : cJSON_PrintUnformatted(item);
    return added->value != NULL;
}

static bool flatten(settings *list, const char *prefix, const cJSON *object) {
    const cJSON *item;
    cJSON_ArrayForEach(item, object) {
        char *inner = NULL;
        bool done;
        if (!cJSON_IsObject(item))
            done = add(list, prefix, item);
        else {
            done =
                asprintf(&inner, "%s%s.", prefix, item->string) >= 0 && flatten(list, inner, item);
            free(inner);
        }
        if (!done)
            return false;
    }
    return true;
}

static mb_status parse(const char *json, settings *list, mb_error *error) {
    *list = (settings){0};
    cJSON *document = NULL;
    mb_status status =
        mb_json_parse("settings", json, strlen(json), &mb_description_limits, &document, error);
    mb_json root = mb_json_root("settings", document);
    if (status == MB_OK && !cJSON_IsObject(document))
        status = mb_json_expect(&root, "an object", error);
    if (status == MB_OK && !flatten(list, "", document))
        status = mb_out_of_memory(error, "settings of a trial");
    cJSON_Delete(document);
    if (status != MB_OK)
        free_settings(list);
    return status;
}

static const char *value_of(const settings *list, const char *path) {
    for (int32_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].path, path) == 0)
            return list->items[i].value;
    return NULL;
}

static bool same_value(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

// ---- text -------------------------------------------------------------------------------------

// Joins the settings for which `shown` is true, separated by spaces. `shown` NULL = all.
static mb_status join(const settings *list, const bool *shown, char **text, mb_error *error) {
    size_t length = 0;
    FILE *stream = open_memstream(text, &length);
    if (stream == NULL)
        return mb_out_of_memory(error, "settings of a trial");
    const char *space = "";
    for (int32_t i = 0; i < list->count; i++) {
        if (shown != NULL && !shown[i])
            continue;
        fprintf(stream, "%s%s=%s", space, list->items[i].name, list->items[i].value);
        space = " ";
    }
    return mb_memory_stream_end(stream, text) ? MB_OK
                                              : mb_out_of_memory(error, "settings of a trial");
}

mb_status mb_settings_text(const char *json, char **text, mb_error *error) {
    settings list;
    *text = NULL;
    mb_status status = parse(json, &list, error);
    if (status == MB_OK)
        status = join(&list, NULL, text, error);
    free_settings(&list);
    return status;
}

// ---- groups -----------------------------------------------------------------------------------

static bool same_but_seed(const settings *a, const settings *b) {
    if (a->count != b->count)
        return false;
    for (int32_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i].path, "seed") != 0 &&
            !same_value(a->items[i].value, value_of(b, a->items[i].path)))
            return false;
    return true;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const setting *)a)->name, ((const setting *)b)->name);
}

// Whether a search can vary this entry of a description: an option of the model or of the training.
// The other entries (digests, epochs ...) are the same for all trials of a cell.
static bool is_setting(const char *path) {
    return strncmp(path, "options.", 8) == 0 || mb_is_training_option(path);
}

// The text of one group: its settings sorted by name, as in the chosen settings of the ledger.
static mb_status describe(settings *group, char **text, mb_error *error) {
    bool *shown = calloc((size_t)group->count + 1, sizeof *shown);
    if (shown == NULL)
        return mb_out_of_memory(error, "settings of a trial");
    if (group->count > 0)
        qsort(group->items, (size_t)group->count, sizeof *group->items, by_name);
    for (int32_t i = 0; i < group->count; i++)
        shown[i] = is_setting(group->items[i].path);
    mb_status status = join(group, shown, text, error);
    free(shown);
    return status;
}

// Assigns every trial to a group. firsts[g] receives the settings of the first trial of group g.
static mb_status assign(const mb_ledger_entry *entries, int32_t count, mb_setting_groups *groups,
                        settings *firsts, mb_error *error) {
    for (int32_t i = 0; i < count; i++) {
        settings *candidate = &firsts[groups->count];
        mb_status status = parse(entries[i].description, candidate, error);
        if (status != MB_OK)
            return mb_fail_in(error, status, "trial %s: ", entries[i].key);
        int32_t group = 0;
        while (group < groups->count && !same_but_seed(&firsts[group], candidate))
            group++;
        groups->groups[i] = group;
        if (group == groups->count)
            groups->count++;
        else
            free_settings(candidate);
    }
    return MB_OK;
}

mb_status mb_setting_groups_make(const mb_ledger_entry *entries, int32_t count,
                                 mb_setting_groups *groups, mb_error *error) {
    size_t capacity = (size_t)count + 1;
    *groups = (mb_setting_groups){.groups = calloc(capacity, sizeof *groups->groups),
                                  .texts = calloc(capacity, sizeof *groups->texts)};
    settings *firsts = calloc(capacity, sizeof *firsts);
    mb_status status = MB_OK;
    if (groups->groups == NULL || groups->texts == NULL || firsts == NULL)
        status = mb_out_of_memory(error, "settings of a cell");
    if (status == MB_OK)
        status = assign(entries, count, groups, firsts, error);
    for (int32_t i = 0; status == MB_OK && i < groups->count; i++)
        status = describe(&firsts[i], &groups->texts[i], error);
    for (int32_t i = 0; firsts != NULL && i < groups->count; i++)
        free_settings(&firsts[i]);
    free(firsts);
    return status;
}

void mb_setting_groups_free(mb_setting_groups *groups) {
    for (int32_t i = 0; groups->texts != NULL && i < groups->count; i++)
        free(groups->texts[i]);
    free(groups->texts);
    free(groups->groups);
    *groups = (mb_setting_groups){0};
}
