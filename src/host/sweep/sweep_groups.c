// Groups the runs that can be trained as one array. The runs of a group have the same features,
// model and options that determine the shape of the graph, and their parts have the same shapes.
// They may differ in everything that is only data: learning rates, dropout rates and the like,
// seeds, folds.
//
// Everything else that the runs of an array must have in common follows from this. Equal features
// belong to one corpus, so that the rules of the dataset, the test sets, classes and values are the
// same. Epochs, batch size and selection are those of the plan.
//
// A group owns the compiled plans of its runs. The plans of many groups would fill the memory, so
// most of them are dropped when the group has been measured, and are made again when the first run
// of the group is trained.
#include <stdlib.h>
#include <string.h>

#include "sweep/sweep_state.h"

enum { MOST_IDLE_PLANS = 64 }; // number of groups that keep their plans after they were measured

static void measure_part(const mb_run_spec *spec, const mb_part *part, sweep_part *shape) {
    mb_model_config config = mb_config_for_part(spec, part);
    *shape = (sweep_part){.empty = part->count == 0};
    if (shape->empty)
        return;
    memcpy(shape->steps, config.steps, sizeof shape->steps);
    shape->rows = mb_evaluation_rows(spec, part);
}

// Finds or makes the shapes of the parts of a run, which are the same for all runs with this fold
// and these features. The search begins at the end, where the entries of the current cell are.
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
           group->selection_only == spec->selection_only && same_parts(group->parts, parts) &&
           mb_setting_same_shape(spec->model, &group->setting, setting);
}

static int64_t bytes_of(const mb_sweep *sweep, const sweep_group *group) {
    return sweep->device_memory ? group->cost.device_bytes : group->cost.shared_bytes;
}

static void drop_plans(mb_sweep *sweep, sweep_group *group) {
    sweep->plans_kept -= group->plans != NULL;
    mb_run_plans_free(group->plans);
    group->plans = NULL;
}

static mb_status measure_group(mb_sweep *sweep, const mb_run_spec *spec, sweep_group *group,
                               mb_error *error) {
    mb_run_spec measured = *spec;
    mb_status status = mb_run_plans_make(spec, &group->plans, error);
    measured.plans = group->plans;
    if (status == MB_OK)
        status = mb_run_estimate(&measured, &group->cost, error);
    if (status != MB_OK) {
        mb_run_plans_free(group->plans);
        return status;
    }
    sweep->plans_kept++;
    if (sweep->plans_kept > MOST_IDLE_PLANS)
        drop_plans(sweep, group);
    return MB_OK;
}

static mb_status add_group(mb_sweep *sweep, const mb_run_spec *spec, const mb_setting *setting,
                           const sweep_part *parts, mb_error *error) {
    sweep_group group = {.dataset = spec->datasets,
                         .model = spec->model,
                         .setting = *setting,
                         .selection_only = spec->selection_only};
    memcpy(group.parts, parts, sizeof group.parts);
    mb_status status = measure_group(sweep, spec, &group, error);
    if (status != MB_OK)
        return status;
    sweep_group *groups = realloc(sweep->groups, ((size_t)sweep->group_count + 1) * sizeof *groups);
    if (groups == NULL) {
        drop_plans(sweep, &group);
        return mb_out_of_memory(error, "groups of runs");
    }
    groups[sweep->group_count++] = group;
    sweep->groups = groups;
    if (bytes_of(sweep, &group) > sweep->totals.run_bytes)
        sweep->totals.run_bytes = bytes_of(sweep, &group);
    return MB_OK;
}

static mb_status find_group(mb_sweep *sweep, const mb_run_spec *spec, const mb_setting *setting,
                            int32_t *index, mb_error *error) {
    int32_t shape = 0;
    mb_status status = find_shape(sweep, spec, &shape, error);
    if (status != MB_OK)
        return status;
    const sweep_part *parts = sweep->shapes[shape].parts;
    for (*index = sweep->group_count - 1; *index >= 0; --*index)
        if (belongs(&sweep->groups[*index], spec, setting, parts))
            return MB_OK;
    status = add_group(sweep, spec, setting, parts, error);
    *index = sweep->group_count - 1;
    return status;
}

mb_status sweep_group_job(mb_sweep *sweep, const mb_run_spec *spec, const mb_setting *setting,
                          mb_job *job, mb_error *error) {
    pthread_mutex_lock(&sweep->lists);
    mb_status status = find_group(sweep, spec, setting, &job->group, error);
    if (status == MB_OK)
        sweep->groups[job->group].waiting++;
    pthread_mutex_unlock(&sweep->lists);
    if (status != MB_OK)
        return status;
    sweep_group *group = &sweep->groups[job->group];
    int64_t runs = ++group->runs, most = MB_POOL_MOST_RUNS;
    int64_t together = runs < most ? runs : most, array = together * bytes_of(sweep, group);
    int64_t host_bytes = sweep->device_memory ? group->cost.host_bytes : 0;
    if (array > sweep->totals.array_bytes)
        sweep->totals.array_bytes = array;
    if (together * host_bytes > sweep->totals.array_host_bytes)
        sweep->totals.array_host_bytes = together * host_bytes;
    job->cost = group->cost.multiply_accumulates;
    job->steps = (int64_t)mb_steps_per_epoch(spec) * spec->training.epochs;
    job->memory = bytes_of(sweep, group);
    job->host_memory = host_bytes;
    return MB_OK;
}

mb_status sweep_find_plans(mb_sweep *sweep, int32_t index, mb_run_spec *spec, mb_error *error) {
    sweep_group *group = &sweep->groups[index];
    mb_status status = MB_OK;
    if (group->plans == NULL) {
        status = mb_run_plans_make(spec, &group->plans, error);
        sweep->plans_kept += status == MB_OK;
    }
    spec->plans = group->plans;
    return status;
}

void sweep_job_ended(mb_sweep *sweep, const mb_job *job) {
    pthread_mutex_lock(&sweep->lists);
    sweep_group *group = &sweep->groups[job->group];
    if (--group->waiting == 0)
        drop_plans(sweep, group);
    pthread_mutex_unlock(&sweep->lists);
}

void sweep_free_groups(mb_sweep *sweep) {
    for (int32_t i = 0; i < sweep->group_count; i++)
        mb_run_plans_free(sweep->groups[i].plans);
    free(sweep->groups);
    free(sweep->shapes);
}
