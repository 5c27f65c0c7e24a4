// Makes the list of settings of a cell from "settings" and "grid".
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merbench/philox.h"
#include "sweep/plan_cells.h"

enum { MAX_VALUES = 256, MAX_SETTINGS = 100000, MAX_ALL_SETTINGS = 1000000 };

// The values of one hyper-parameter.
typedef struct axis {
    int32_t count;
    double values[MAX_VALUES];
} axis;

static mb_status check_names(const mb_json *object, const mb_model *const *models,
                             int32_t model_count, bool *good, mb_error *error) {
    mb_status status = MB_OK;
    for (const cJSON *member = object->value != NULL ? object->value->child : NULL;
         member != NULL && status == MB_OK; member = member->next) {
        bool known = false;
        for (int32_t i = 0; i < model_count && !known; i++)
            known = mb_hyper_find(models[i], member->string) >= 0;
        if (known)
            continue;
        const char *names[MB_MAX_HYPERS];
        int32_t count = mb_hyper_count(models[0]);
        for (int32_t i = 0; i < count; i++)
            names[i] = mb_hyper_get(models[0], i)->name;
        char what[96];
        snprintf(what, sizeof what, "setting of the model %.40s", models[0]->name);
        *good = false;
        status =
            mb_json_go_on(object, mb_json_unknown_key(object, what, member, names, count, error));
    }
    return status;
}

// Checks what "settings" and "grid" are.
static mb_status check_shapes(const mb_json *settings, const mb_json *grid, bool *good,
                              mb_error *error) {
    mb_status status = MB_OK;
    bool paper = cJSON_IsString(grid->value) && strcmp(grid->value->valuestring, "paper") == 0;
    if (settings->value != NULL && !cJSON_IsObject(settings->value))
        status = mb_json_expect(settings, "an object", error);
    *good = *good && status == MB_OK;
    status = mb_json_go_on(settings, status);
    if (status == MB_OK && grid->value != NULL && !paper && !cJSON_IsObject(grid->value))
        status = mb_json_expect(grid, "an object or \"paper\"", error);
    *good = *good && status == MB_OK;
    return mb_json_go_on(grid, status);
}

mb_status mb_check_hyper_names(const mb_json *object, const mb_model *const *models,
                               int32_t model_count, bool *good, mb_error *error) {
    mb_json settings = mb_json_member(object, "settings"), grid = mb_json_member(object, "grid");
    *good = true;
    mb_status status = check_shapes(&settings, &grid, good, error);
    if (status == MB_OK && cJSON_IsObject(settings.value))
        status = check_names(&settings, models, model_count, good, error);
    if (status != MB_OK || !cJSON_IsObject(grid.value))
        return status;
    status = check_names(&grid, models, model_count, good, error);
    for (mb_json at = mb_json_first(&grid); at.value != NULL && status == MB_OK;
         at = mb_json_next(&at))
        if (mb_json_member(&settings, at.key).value != NULL) {
            *good = false;
            status = mb_json_go_on(object, mb_json_refuse(&at, error, "is in \"settings\", too"));
        }
    return status;
}

// Whether another value of the list is refused or not, each of them is looked at.
static mb_status read_axis(const mb_option *option, const mb_json *list, axis *a, mb_error *error) {
    int count = 0;
    mb_status status = mb_json_count(list, MAX_VALUES, &count, error), result = status;
    for (mb_json at = mb_json_first(list); at.value != NULL && status == MB_OK;
         at = mb_json_next(&at)) {
        status = mb_hyper_read(option, &at, &a->values[a->count], error);
        for (int j = 0; j < a->count && status == MB_OK; j++)
            if (a->values[j] == a->values[a->count])
                status = mb_json_expect(&at, "different values", error);
        if (status == MB_OK)
            a->count++;
        else
            result = status;
        status = mb_json_go_on(list, status);
    }
    return result;
}

// Looks up the hyper-parameter in `object`, the entry of the cell or the plan. *found tells whether
// it is there.
static mb_status look(const mb_option *option, const mb_json *object, axis *a, bool *found,
                      mb_error *error) {
    mb_json settings = mb_json_member(object, "settings"), grid = mb_json_member(object, "grid");
    mb_json fixed = mb_json_member(&settings, option->name);
    mb_json list = mb_json_member(&grid, option->name);
    *found = true;
    if (fixed.value != NULL) {
        a->count = 1;
        return mb_hyper_read(option, &fixed, &a->values[0], error);
    }
    if (list.value != NULL)
        return read_axis(option, &list, a, error);
    if (cJSON_IsString(grid.value) && option->grid_count > 0) {
        a->count = option->grid_count;
        memcpy(a->values, option->grid, (size_t)option->grid_count * sizeof *a->values);
        return MB_OK;
    }
    *found = false;
    return MB_OK;
}

static mb_status make_axis(const mb_option *option, const mb_json *root, const mb_json *entry,
                           mb_protocol protocol, axis *a, mb_error *error) {
    bool found = false;
    mb_status status = look(option, entry, a, &found, error);
    if (status == MB_OK && !found)
        status = look(option, root, a, &found, error);
    if (status != MB_OK || found)
        return status;
    a->count = 1;
    bool corrected = option->corrected && protocol == MB_PROTOCOL_STRICT;
    a->values[0] = corrected ? option->corrected_initial : option->initial;
    mb_json weight_decay = mb_json_member(root, "weight_decay");
    if (weight_decay.value != NULL && strcmp(option->name, "weight_decay") == 0)
        return mb_hyper_read(option, &weight_decay, &a->values[0], error);
    return MB_OK;
}

// Makes setting number `position` of the grid. The last hyper-parameter changes fastest.
static void grid_setting(const axis *axes, int32_t count, int64_t position, mb_setting *setting) {
    for (int32_t i = count - 1; i >= 0; i--) {
        setting->values[i] = axes[i].values[position % axes[i].count];
        position /= axes[i].count;
    }
}

// Makes draw number `draw`. All values are uniform and independent. The draws of a hyper-parameter
// do not depend on which others the plan searches.
static void random_setting(const axis *axes, int32_t count, uint32_t seed, uint32_t draw,
                           mb_setting *setting) {
    mb_key key = mb_key_make(seed, 0);
    for (int32_t i = 0; i < count; i++)
        setting->values[i] = axes[i].values[mb_random_below(key, MB_RANDOM_SEARCH, draw,
                                                            (uint64_t)i, (uint32_t)axes[i].count)];
}

// A hash table of the settings that were drawn. An entry is the index of the setting plus 1; 0
// = free.
typedef struct drawn_set {
    int32_t *entries;
    uint64_t mask;
} drawn_set;

static bool drawn_open(drawn_set *set, int64_t wanted) {
    uint64_t size = 2;
    while (size < 2 * (uint64_t)wanted)
        size *= 2;
    *set = (drawn_set){calloc(size, sizeof *set->entries), size - 1};
    return set->entries != NULL;
}

// Whether the setting was drawn before. If not, it is added as the next setting of the cell.
static bool drawn_before(drawn_set *set, const mb_sweep_cell *cell, const mb_setting *setting) {
    uint64_t hash = 14695981039346656037u; // FNV-1a
    for (size_t i = 0; i < sizeof *setting; i++)
        hash = (hash ^ ((const unsigned char *)setting)[i]) * 1099511628211u;
    for (uint64_t i = hash ^ hash >> 32;; i++) {
        int32_t *entry = &set->entries[i & set->mask];
        if (*entry == 0) {
            *entry = cell->setting_count + 1;
            return false;
        }
        if (memcmp(&cell->settings[*entry - 1], setting, sizeof *setting) == 0)
            return true;
    }
}

static mb_status draw_settings(const axis *axes, int32_t count, const mb_sweep_plan *plan,
                               mb_sweep_cell *cell, mb_error *error) {
    drawn_set set;
    if (!drawn_open(&set, plan->draws))
        return mb_out_of_memory(error, "settings of a cell");
    for (int32_t draw = 0; draw < plan->draws; draw++) {
        mb_setting setting = {0};
        random_setting(axes, count, plan->search_seed, (uint32_t)draw, &setting);
        if (!drawn_before(&set, cell, &setting))
            cell->settings[cell->setting_count++] = setting;
    }
    free(set.entries);
    return MB_OK;
}

static mb_status check_total(int64_t total, const mb_json *entry, mb_search_method method,
                             mb_error *error) {
    if (method == MB_SEARCH_NONE && total > 1)
        return mb_json_refuse(entry, error,
                              "expected one setting or a \"search\", found %lld settings without a "
                              "search",
                              (long long)total);
    if (method != MB_SEARCH_RANDOM && total > MAX_SETTINGS)
        return mb_json_refuse(entry, error,
                              "expected a grid of at most %d settings, found %lld; a search with "
                              "the method \"random\" draws some of them",
                              MAX_SETTINGS, (long long)total);
    return MB_OK;
}

static mb_status make_settings(const axis *axes, int32_t count, const mb_json *entry,
                               const mb_sweep_plan *plan, mb_sweep_cell *cell, mb_error *error) {
    int64_t total = 1;
    for (int32_t i = 0; i < count; i++)
        total = total > INT64_MAX / axes[i].count ? INT64_MAX : total * axes[i].count;
    mb_status status = check_total(total, entry, plan->method, error);
    if (status != MB_OK)
        return mb_json_go_on(entry, status);
    int64_t wanted = plan->method == MB_SEARCH_RANDOM ? plan->draws : total, before = 0;
    for (int32_t i = 0; i < plan->cell_count; i++)
        before += plan->cells[i].setting_count;
    if (before + wanted > MAX_ALL_SETTINGS)
        return mb_json_refuse(entry, error,
                              "expected at most %d settings in all cells up to here, found more",
                              MAX_ALL_SETTINGS);
    cell->settings = calloc((size_t)wanted, sizeof *cell->settings);
    if (cell->settings == NULL)
        return mb_out_of_memory(error, "settings of a cell");
    if (plan->method == MB_SEARCH_RANDOM)
        return draw_settings(axes, count, plan, cell, error);
    for (int64_t i = 0; i < total; i++)
        grid_setting(axes, count, i, &cell->settings[cell->setting_count++]);
    return MB_OK;
}

mb_status mb_cell_make_settings(const mb_json *root, const mb_json *entry,
                                const mb_sweep_plan *plan, mb_sweep_cell *cell, mb_error *error) {
    int32_t count = mb_hyper_count(cell->model);
    axis *axes = calloc((size_t)count, sizeof *axes);
    if (axes == NULL)
        return mb_out_of_memory(error, "settings of a cell");
    mb_status status = MB_OK;
    bool good = true;
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        status =
            make_axis(mb_hyper_get(cell->model, i), root, entry, plan->protocol, &axes[i], error);
        good = good && status == MB_OK;
        status = mb_json_go_on(entry, status);
    }
    if (status == MB_OK && good)
        status = make_settings(axes, count, entry, plan, cell, error);
    free(axes);
    return status;
}
