#include "parity/masks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The masks of a file, and the sites that they belong to.
typedef struct mask_list {
    char **names; // datasets of /noise/dropout
    char **sites;
    bool *used;
    int count;
} mask_list;

static mb_status list_open(const mb_fixture *fixture, mask_list *list, mb_error *error) {
    *list = (mask_list){.names = NULL};
    if (!mb_h5_has(fixture->h5, "/noise/dropout")) // the file has noise alone
        return MB_OK;
    mb_status status = mb_h5_list(fixture->h5, "/noise/dropout", &list->names, &list->count, error);
    list->sites = calloc((size_t)list->count + 1, sizeof *list->sites);
    list->used = calloc((size_t)list->count + 1, sizeof *list->used);
    if (status == MB_OK && (list->sites == NULL || list->used == NULL))
        status = mb_out_of_memory(error, "dropout masks");
    for (int i = 0; status == MB_OK && i < list->count; i++)
        status =
            mb_h5_attribute_text(fixture->h5, mb_path_of("/noise/dropout", list->names[i]).text,
                                 "site", &list->sites[i], error);
    return status;
}

static void list_close(mask_list *list) {
    for (int i = 0; list->sites != NULL && i < list->count; i++)
        free(list->sites[i]);
    free(list->sites);
    free(list->used);
    mb_h5_free_names(list->names, list->count);
}

// Reads a mask: 0 for a dropped element, 1 for a kept one.
static mb_status read_named_mask(const mb_fixture *fixture, const char *name, int64_t count,
                                 float **mask, mb_error *error) {
    mb_path path = mb_path_of("/noise/dropout", name);
    mb_status status = mb_fixture_floats(fixture, path.text, count, mask, error);
    for (int64_t i = 0; status == MB_OK && i < count; i++)
        if ((*mask)[i] != 0.0f && (*mask)[i] != 1.0f)
            status = mb_fail(error, MB_BAD_INPUT, "%s: %s: number %lld: expected 0 or 1, found %g",
                             fixture->path, path.text, (long long)i, (double)(*mask)[i]);
    return status; // the caller frees the mask
}

static mb_status read_mask(const mb_fixture *fixture, mask_list *list, const char *site,
                           int64_t count, float **mask, mb_error *error) {
    for (int i = 0; i < list->count; i++)
        if (!list->used[i] && strcmp(list->sites[i], site) == 0) {
            list->used[i] = true;
            return read_named_mask(fixture, list->names[i], count, mask, error);
        }
    return mb_fail(error, MB_BAD_INPUT, "%s: /noise/dropout: no mask for site '%s'", fixture->path,
                   site);
}

// The number of elements after the first two dimensions.
static int64_t inner_elements(const mb_shape *shape) {
    int64_t inner = 1;
    for (int32_t i = 2; i < shape->count; i++)
        inner *= shape->dims[i];
    return inner;
}

// Copies the mask (B, ...) of one call to step t of (B, T, ...).
static void put_step(const float *mask, int32_t rows, int32_t steps, int64_t inner, int32_t t,
                     float *to) {
    for (int32_t b = 0; b < rows; b++)
        memcpy(to + ((int64_t)b * steps + t) * inner, mask + b * inner, (size_t)inner * sizeof *to);
}

// The reference's mask has `whole` steps for each vector of `inner` numbers; copies the last
// of them.
static void put_last_steps(const float *mask, int64_t outer, int32_t whole, int64_t inner,
                           float *to) {
    for (int64_t i = 0; i < outer; i++)
        memcpy(to + i * inner, mask + (i * whole + whole - 1) * inner, (size_t)inner * sizeof *to);
}

// Fills the mask of a site that has a single step from a mask in the file that has all steps: (T,
// B, D), or (B, N, T, Lk) for attention.
static mb_status fill_last_step(const mb_fixture *fixture, mask_list *list,
                                const mb_mask_location *location, int32_t rows, float *to,
                                mb_error *error) {
    int64_t count = mb_shape_elements(&location->shape, rows);
    int32_t whole = location->whole_steps;
    float *mask = NULL;
    mb_status status = read_mask(fixture, list, location->site, count * whole, &mask, error);
    if (status == MB_OK && location->layout == MB_MASK_TIME_FIRST)
        put_last_steps(mask, 1, whole, count, to);
    else if (status == MB_OK)
        put_last_steps(mask, count / mb_shape_last(&location->shape), whole,
                       mb_shape_last(&location->shape), to);
    free(mask);
    return status;
}

static mb_status fill_noise(const mb_fixture *fixture, const char *group,
                            const mb_mask_location *location, int32_t rows, float *to,
                            mb_error *error) {
    float *noise = NULL;
    int64_t count = mb_shape_elements(&location->shape, rows);
    mb_status status =
        mb_fixture_floats(fixture, mb_path_of(group, location->site).text, count, &noise, error);
    if (status == MB_OK)
        memcpy(to, noise, (size_t)count * sizeof *to);
    free(noise);
    return status;
}

static mb_status fill_site(const mb_fixture *fixture, mask_list *list,
                           const mb_mask_location *location, int32_t rows, float *to,
                           mb_error *error) {
    int32_t steps = location->shape.count > 2 ? location->shape.dims[1] : 1;
    int64_t inner = inner_elements(&location->shape),
            count = mb_shape_elements(&location->shape, rows);
    float *mask = NULL;
    mb_status status = MB_OK;
    if (location->whole_steps > 0)
        return fill_last_step(fixture, list, location, rows, to, error);
    if (location->layout != MB_MASK_PER_STEP) {
        status = read_mask(fixture, list, location->site, count, &mask, error);
        if (status == MB_OK && location->layout == MB_MASK_AS_TENSOR)
            memcpy(to, mask, (size_t)count * sizeof *to);
        for (int32_t t = 0; status == MB_OK && location->layout == MB_MASK_TIME_FIRST && t < steps;
             t++)
            put_step(mask + (int64_t)t * rows * inner, rows, steps, inner, t, to);
        free(mask);
        return status;
    }
    for (int32_t t = 0; status == MB_OK && t < steps; t++) {
        char site[112];
        snprintf(site, sizeof site, "%s#%d", location->site, t);
        status = read_mask(fixture, list, site, count / steps, &mask, error);
        if (status == MB_OK)
            put_step(mask, rows, steps, inner, t, to);
        free(mask);
        mask = NULL;
    }
    return status;
}

mb_status mb_parity_load_masks(const mb_fixture *fixture, const char *noise, mb_runner *runner,
                               mb_error *error) {
    const mb_plan_info *info = mb_plan_get(runner->plan);
    float *masks = calloc((size_t)info->mask_floats + 1, sizeof *masks);
    mask_list list;
    mb_status status = list_open(fixture, &list, error);
    if (status == MB_OK && masks == NULL)
        status = mb_out_of_memory(error, "dropout masks");
    for (int32_t i = 0; status == MB_OK && i < info->mask_count; i++) {
        const mb_mask_location *location = &info->masks[i];
        float *to = masks + location->offset;
        status = location->layout == MB_MASK_NOISE
                     ? fill_noise(fixture, noise, location, info->max_rows, to, error)
                     : fill_site(fixture, &list, location, info->max_rows, to, error);
    }
    for (int i = 0; status == MB_OK && i < list.count; i++)
        if (!list.used[i])
            status = mb_fail(error, MB_BAD_INPUT,
                             "%s: /noise/dropout/%s: the model has no more calls of site '%s'",
                             fixture->path, list.names[i], list.sites[i]);
    if (status == MB_OK)
        status = mb_runner_set_masks(runner, masks, error);
    list_close(&list);
    free(masks);
    return status;
}
