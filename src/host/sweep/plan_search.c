#include "sweep/plan_search.h"

#include <stdlib.h>

enum { METHOD_COUNT = MB_SEARCH_RANDOM + 1 };
static const char *const method_names[METHOD_COUNT] = {"none", "grid", "random"};

enum { MAX_SEEDS = 1000, MAX_DRAWS = 10000 };

mb_status mb_plan_read_integer(const mb_json *object, const char *key, int32_t minimum,
                               int32_t maximum, int32_t *value, mb_error *error) {
    mb_json at = mb_json_member(object, key);
    int64_t number = 0;
    if (at.value == NULL)
        return MB_OK;
    mb_status status = mb_json_integer(&at, minimum, maximum, &number, error);
    if (status == MB_OK)
        *value = (int32_t)number;
    return mb_json_go_on(&at, status);
}

// ---- seeds ------------------------------------------------------------------------------------

static mb_status read_seed(const mb_json *at, uint32_t *seed, mb_error *error) {
    int64_t number = 0;
    mb_status status = mb_json_integer(at, 0, UINT32_MAX, &number, error);
    if (status == MB_OK)
        *seed = (uint32_t)number;
    return status;
}

mb_status mb_plan_read_seed(const mb_json *object, const char *key, uint32_t *seed,
                            mb_error *error) {
    mb_json at = mb_json_member(object, key);
    return at.value == NULL ? MB_OK : mb_json_go_on(&at, read_seed(&at, seed, error));
}

typedef struct placed_seed {
    uint32_t seed;
    int index;
} placed_seed;

static int compare_seeds(const void *a, const void *b) {
    const placed_seed *left = a, *right = b;
    if (left->seed != right->seed)
        return left->seed < right->seed ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

static mb_status refuse_twins(const mb_json *at, const mb_seed_list *list, mb_error *error) {
    placed_seed *sorted = calloc((size_t)list->count, sizeof *sorted);
    bool *twins = calloc((size_t)list->count, sizeof *twins);
    mb_status status =
        sorted != NULL && twins != NULL ? MB_OK : mb_out_of_memory(error, "seeds of a plan");
    for (int i = 0; i < list->count && status == MB_OK; i++)
        sorted[i] = (placed_seed){list->seeds[i], i};
    if (status == MB_OK)
        qsort(sorted, (size_t)list->count, sizeof *sorted, compare_seeds);
    for (int i = 1; i < list->count && status == MB_OK; i++)
        twins[sorted[i].index] = sorted[i].seed == sorted[i - 1].seed;
    for (mb_json seed = mb_json_first(at); seed.value != NULL && status == MB_OK;
         seed = mb_json_next(&seed))
        if (twins[seed.index])
            status = mb_json_go_on(at, mb_json_refuse(&seed, error, "seed %u is in the list twice",
                                                      list->seeds[seed.index]));
    free(sorted);
    free(twins);
    return status;
}

static mb_status read_seeds(const mb_json *at, mb_seed_list *list, mb_error *error) {
    int count = 0;
    mb_status status = mb_json_count(at, MAX_SEEDS, &count, error);
    if (status != MB_OK)
        return mb_json_go_on(at, status);
    list->seeds = calloc((size_t)count, sizeof *list->seeds);
    if (list->seeds == NULL)
        return mb_out_of_memory(error, "seeds of a plan");
    list->count = count;
    bool good = true;
    for (mb_json seed = mb_json_first(at); seed.value != NULL && status == MB_OK;
         seed = mb_json_next(&seed)) {
        status = read_seed(&seed, &list->seeds[seed.index], error);
        good = good && status == MB_OK;
        status = mb_json_go_on(at, status);
    }
    return good ? refuse_twins(at, list, error) : status;
}

// ---- the search -------------------------------------------------------------------------------

static mb_status check_keys(const mb_json *search, mb_search_method method, mb_error *error) {
    static const char *const of_random[] = {"draws", "seed"};
    mb_status status = MB_OK;
    for (int i = 0; i < 2 && status == MB_OK; i++) {
        mb_json at = mb_json_member(search, of_random[i]);
        if (at.value != NULL && method != MB_SEARCH_RANDOM)
            status = mb_json_go_on(
                search, mb_json_refuse(&at, error, "only valid with the method \"random\""));
    }
    mb_json seeds = mb_json_member(search, "seeds");
    if (status == MB_OK && seeds.value != NULL && method == MB_SEARCH_NONE)
        status = mb_json_go_on(
            search, mb_json_refuse(&seeds, error, "without a search, seeds belong in \"final\""));
    return status;
}

// Random is the method of a search that is refused: it allows the most, so that nothing else is
// refused because of the method.
static mb_status read_method(const mb_json *search, mb_sweep_plan *plan, mb_error *error) {
    static const char *const keys[] = {"method", "draws", "seeds", "seed", NULL};
    int method = MB_SEARCH_RANDOM;
    mb_status status = mb_json_go_on(search, mb_json_keys(search, keys, error));
    mb_json at = mb_json_member(search, "method");
    if (status == MB_OK && cJSON_IsObject(search->value))
        status =
            mb_json_go_on(search, mb_json_choice(&at, method_names, METHOD_COUNT, &method, error));
    plan->method = (mb_search_method)method;
    return status;
}

static mb_status read_search(const mb_json *search, mb_sweep_plan *plan, mb_error *error) {
    mb_status status = read_method(search, plan, error);
    if (status == MB_OK)
        status = check_keys(search, plan->method, error);
    if (status == MB_OK)
        status = mb_plan_read_integer(search, "draws", 1, MAX_DRAWS, &plan->draws, error);
    if (status == MB_OK)
        status = mb_plan_read_seed(search, "seed", &plan->search_seed, error);
    mb_json seeds = mb_json_member(search, "seeds");
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
    if (final.value == NULL && plan->method == MB_SEARCH_NONE)
        return mb_json_go_on(
            root, mb_json_refuse(root, error,
                                 "expected \"search\" or \"final\" seeds, found nothing to train"));
    if (final.value == NULL)
        return MB_OK;
    mb_status status = mb_json_go_on(root, mb_json_keys(&final, keys, error));
    mb_json seeds = mb_json_member(&final, "seeds");
    if (status != MB_OK || !cJSON_IsObject(final.value))
        return status;
    return read_seeds(&seeds, &plan->final_seeds, error);
}

mb_status mb_plan_read_search(const mb_json *root, mb_sweep_plan *plan, mb_error *error) {
    mb_json search = mb_json_member(root, "search");
    plan->draws = 50;
    plan->search_seed = 1;
    mb_status status = search.value != NULL ? read_search(&search, plan, error) : MB_OK;
    return status == MB_OK ? read_final(root, plan, error) : status;
}
