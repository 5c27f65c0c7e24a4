// Which runs can be trained as one array: those with the same features, model and settings of
// shape, and with parts of the same shapes. What differs between them is data: learning rates,
// dropout rates and the like, seeds, folds.
//
// Everything else that an array has in common follows: the features belong to one corpus, so the
// dataset's rules, the test sets, classes and values are the same; epochs, batch size and selection
// are the plan's.
#include <stdlib.h>
#include <string.h>

#include "sweep/sweep_state.h"

static void measure_part(const mb_run_spec *spec, const mb_part *part, sweep_part *shape) {
    mb_model_config config = mb_config_for_part(spec, part);
    *shape = (sweep_part){.empty = part->count == 0};
    if (shape->empty)
        return;
    memcpy(shape->steps, config.steps, sizeof shape->steps);
    shape->rows = mb_evaluation_rows(spec, part);
}

// What of the parts decides the graphs of a run; worked out once for a fold and its features. The
// entries of the cell at hand come last.
static mb_status find_shape(mb_sweep *sweep, const mb_run_spec *spec, int32_t *index,
                            mb_error *error) {
    for (*index = sweep->shape_count - 1; *index >= 0; --*index) {
        const sweep_shape *known = &sweep->shapes[*index];
        if (known->dataset == spec->datasets && known->fold == spec->fold &&
            known->couples_rows == spec->model->couples_rows)
            return MB_OK;
    }
    sweep_shape *shapes = realloc(sweep->shapes, ((size_t)sweep->shape_count + 1) * sizeof *shapes);
    if (shapes == NULL)
        return mb_out_of_memory(error, "groups of runs");
    sweep->shapes = shapes;
    *index = sweep->shape_count++;
    sweep_shape *shape = &shapes[*index];
    *shape = (sweep_shape){
        .dataset = spec->datasets, .fold = spec->fold, .couples_rows = spec->model->couples_rows};
    const mb_part *parts[SWEEP_PARTS] = {&spec->fold->train, &spec->fold->select,
                                         &spec->fold->held};
    for (int i = 0; i < SWEEP_PARTS; i++)
        measure_part(spec, parts[i], &shape->parts[i]);
    return MB_OK;
}

static bool same_parts(const sweep_part *a, const sweep_part *b) {
    for (int i = 0; i < SWEEP_PARTS; i++)
        if (a[i].empty != b[i].empty || a[i].rows != b[i].rows ||
            memcmp(a[i].steps, b[i].steps, sizeof a[i].steps) != 0)
            return false;
    return true;
}

static bool belongs(const sweep_group *group, const mb_run_spec *spec, const mb_setting *setting,
                    const sweep_part *parts) {
    return group->dataset == spec->datasets && group->model == spec->model &&
           same_parts(group->parts, parts) &&
           mb_setting_same_shape(spec->model, &group->setting, setting);
}

static int64_t bytes_of(const mb_sweep *sweep, const sweep_group *group) {
    return sweep->apart ? group->cost.device_bytes : group->cost.shared_bytes;
}

static mb_status add_group(mb_sweep *sweep, const mb_run_spec *spec, const mb_setting *setting,
                           const sweep_part *parts, mb_error *error) {
    sweep_group group = {.dataset = spec->datasets, .model = spec->model, .setting = *setting};
    memcpy(group.parts, parts, sizeof group.parts);
    mb_status status = mb_run_estimate(spec, &group.cost, error);
    if (status != MB_OK)
        return status;
    sweep_group *groups = realloc(sweep->groups, ((size_t)sweep->group_count + 1) * sizeof *groups);
    if (groups == NULL)
        return mb_out_of_memory(error, "groups of runs");
    groups[sweep->group_count++] = group;
    sweep->groups = groups;
    if (bytes_of(sweep, &group) > sweep->totals.run_bytes)
        sweep->totals.run_bytes = bytes_of(sweep, &group);
    return MB_OK;
}

mb_status sweep_group_job(mb_sweep *sweep, const mb_setting *setting, mb_job *job,
                          mb_error *error) {
    int32_t shape = 0, index = sweep->group_count - 1;
    mb_status status = find_shape(sweep, &job->spec, &shape, error);
    if (status != MB_OK)
        return status;
    const sweep_part *parts = sweep->shapes[shape].parts;
    while (index >= 0 && !belongs(&sweep->groups[index], &job->spec, setting, parts))
        index--;
    if (index < 0) {
        status = add_group(sweep, &job->spec, setting, parts, error);
        if (status != MB_OK)
            return status;
        index = sweep->group_count - 1;
    }
    sweep_group *group = &sweep->groups[index];
    int64_t runs = ++group->runs, most = MB_POOL_MOST_RUNS;
    int64_t together = runs < most ? runs : most, array = together * bytes_of(sweep, group);
    int64_t host_bytes = sweep->apart ? group->cost.host_bytes : 0;
    if (array > sweep->totals.array_bytes)
        sweep->totals.array_bytes = array;
    if (together * host_bytes > sweep->totals.array_host_bytes)
        sweep->totals.array_host_bytes = together * host_bytes;
    job->group = index;
    job->cost = group->cost.multiply_accumulates;
    job->memory = bytes_of(sweep, group);
    job->host_memory = host_bytes;
    return MB_OK;
}
