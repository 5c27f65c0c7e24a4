#include "sweep/plan_replace.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "base/plural.h"

static const char replaced_key[] = "replaced";

// ---- replacing --------------------------------------------------------------------------------

// A document in the making. Takes the values that are set, also when it fails.
typedef struct draft {
    cJSON *plan;
    cJSON *replaced; // the old values
    bool failed;     // out of memory
} draft;

static void set(draft *d, cJSON *object, const char *key, cJSON *value) {
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    if (value != NULL && cJSON_AddItemToObject(object, key, value))
        return;
    cJSON_Delete(value);
    d->failed = true;
}

static cJSON *list_of(const uint32_t *seeds, int32_t count) {
    cJSON *list = cJSON_CreateArray();
    for (int32_t i = 0; i < count; i++) {
        cJSON *seed = cJSON_CreateNumber(seeds[i]);
        if (seed == NULL || !cJSON_AddItemToArray(list, seed)) {
            cJSON_Delete(seed);
            cJSON_Delete(list);
            return NULL;
        }
    }
    return list;
}

// Replaces the seeds of a section, "search" or "final".
static void set_seeds(draft *d, const char *section, const mb_seed_list *old, const uint32_t *seeds,
                      int32_t count) {
    if (old->count == count && memcmp(old->seeds, seeds, (size_t)count * sizeof *seeds) == 0)
        return;
    cJSON *object = cJSON_GetObjectItemCaseSensitive(d->plan, section);
    set(d, object, "seeds", list_of(seeds, count));
    set(d, d->replaced, section, list_of(old->seeds, old->count));
}

static void set_values(draft *d, const mb_plan_replacement *replacement,
                       const mb_sweep_plan *plan) {
    const mb_seed_list *search = &plan->search_seeds, *final = &plan->final_seeds;
    if (replacement->epochs > 0 && replacement->epochs != plan->epochs) {
        set(d, d->plan, "epochs", cJSON_CreateNumber(replacement->epochs));
        set(d, d->replaced, "epochs", cJSON_CreateNumber(plan->epochs));
    }
    if (replacement->seed_count == 0)
        return;
    if (final->count == 0) {
        set_seeds(d, "search", search, replacement->seeds, replacement->seed_count);
        return;
    }
    set_seeds(d, "final", final, replacement->seeds, replacement->seed_count);
    if (search->count > 1)
        set_seeds(d, "search", search, search->seeds, 1);
}

mb_status mb_plan_replace(const mb_plan_replacement *replacement, const char *data_folder,
                          mb_sweep_plan *plan, mb_error *error) {
    draft d = {.replaced = cJSON_CreateObject()};
    mb_status status =
        mb_json_parse(plan->file, plan->json, strlen(plan->json), &mb_plan_limits, &d.plan, error);
    d.failed = d.replaced == NULL;
    if (status == MB_OK && !d.failed)
        set_values(&d, replacement, plan);
    bool changed = d.replaced != NULL && d.replaced->child != NULL;
    if (changed) {
        set(&d, d.plan, replaced_key, d.replaced);
        d.replaced = NULL;
    }
    if (status == MB_OK && d.failed)
        status = mb_out_of_memory(error, "a plan");
    if (status == MB_OK && changed) {
        mb_sweep_plan old = *plan;
        status = mb_sweep_plan_read(old.file, d.plan, data_folder, plan, error);
        mb_sweep_plan_free(&old);
    }
    cJSON_Delete(d.replaced);
    cJSON_Delete(d.plan);
    return status;
}

// ---- saying so --------------------------------------------------------------------------------

// "1, 2, 3", or "30 seeds"
static void print_seeds(const cJSON *list, FILE *out) {
    enum { MOST = 6 };
    int count = cJSON_GetArraySize(list);
    if (!cJSON_IsArray(list) || count > MOST)
        fprintf(out, "%d %s", count, mb_plural(count, "seed", "seeds"));
    for (int i = 0; cJSON_IsArray(list) && count <= MOST && i < count; i++)
        fprintf(out, "%s%.0f", i > 0 ? ", " : "",
                cJSON_GetNumberValue(cJSON_GetArrayItem(list, i)));
}

static void print_values(const cJSON *plan, FILE *out) {
    static const char *const sections[] = {"search", "final"};
    const cJSON *replaced = cJSON_GetObjectItemCaseSensitive(plan, replaced_key);
    const cJSON *epochs = cJSON_GetObjectItemCaseSensitive(replaced, "epochs");
    const char *comma = "";
    if (cJSON_IsNumber(epochs)) {
        const cJSON *now = cJSON_GetObjectItemCaseSensitive(plan, "epochs");
        fprintf(out, "epochs %.0f (of the plan: %.0f)", cJSON_GetNumberValue(now),
                epochs->valuedouble);
        comma = ", ";
    }
    for (int i = 0; i < 2; i++) {
        const cJSON *old = cJSON_GetObjectItemCaseSensitive(replaced, sections[i]);
        const cJSON *now = cJSON_GetObjectItemCaseSensitive(plan, sections[i]);
        if (!cJSON_IsArray(old))
            continue;
        fprintf(out, "%s%s seeds ", comma, sections[i]);
        print_seeds(cJSON_GetObjectItemCaseSensitive(now, "seeds"), out);
        fputs(" (of the plan: ", out);
        print_seeds(old, out);
        fputc(')', out);
        comma = ", ";
    }
}

char *mb_plan_replaced_text(const char *json) {
    char *text = NULL;
    size_t length = 0;
    cJSON *plan = NULL;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return NULL;
    // A ledger may come from a stranger; a plan that cannot be read replaces nothing.
    mb_error error = {.out_of_memory = false};
    if (mb_json_parse("plan", json, strlen(json), &mb_plan_limits, &plan, &error) == MB_OK)
        print_values(plan, out);
    cJSON_Delete(plan);
    if (mb_memory_stream_end(out, &text) && !error.out_of_memory)
        return text;
    free(text);
    return NULL;
}
