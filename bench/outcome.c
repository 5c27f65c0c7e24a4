#include "outcome.h"

#include <stdlib.h>
#include <string.h>

enum { PARAMETERS, FIRST_MOMENTS, SECOND_MOMENTS, LOSSES };

static const char *const table_names[MB_BENCH_OUTCOME_TABLES] = {"parameters", "first moments",
                                                                 "second moments", "losses"};

mb_status mb_bench_outcome_fetch(const mb_bench_array *array, int32_t run,
                                 mb_bench_outcome *outcome, mb_error *error) {
    const float *from[] = {array->parameters, array->first_moments, array->second_moments,
                           array->losses};
    mb_status status = MB_OK;
    *outcome = (mb_bench_outcome){.values = {NULL}};
    for (int t = 0; status == MB_OK && t < MB_BENCH_OUTCOME_TABLES; t++) {
        int64_t floats =
            t == LOSSES ? array->steps_per_epoch : mb_plan_get(array->plan)->parameter_floats;
        size_t bytes = (size_t)floats * sizeof(float);
        outcome->floats[t] = floats;
        outcome->values[t] = malloc(bytes + 1);
        if (outcome->values[t] == NULL)
            return mb_out_of_memory(error, "results of a run");
        status = array->device->backend->download(array->device, outcome->values[t],
                                                  from[t] + run * floats, bytes, error);
    }
    return status;
}

// The parameter that a float of a run's parameters belongs to.
static const char *parameter_at(const mb_plan *plan, int64_t offset) {
    const mb_plan_info *info = mb_plan_get(plan);
    for (int32_t i = 0; i < info->parameter_count; i++) {
        const mb_parameter *p = &info->parameters[i];
        if (offset >= p->offset && offset < p->offset + mb_shape_elements(&p->shape, 0))
            return p->name;
    }
    return "between parameters";
}

mb_status mb_bench_outcome_compare(const mb_plan *plan, const mb_bench_outcome *together,
                                   const mb_bench_outcome *alone, mb_error *error) {
    for (int t = 0; t < MB_BENCH_OUTCOME_TABLES; t++) {
        const float *x = together->values[t], *y = alone->values[t];
        int64_t at = 0, floats = together->floats[t];
        while (at < floats && memcmp(&x[at], &y[at], sizeof *x) == 0)
            at++;
        if (at == floats)
            continue;
        uint32_t bits[2];
        memcpy(&bits[0], &x[at], sizeof bits[0]);
        memcpy(&bits[1], &y[at], sizeof bits[1]);
        return mb_fail(error, MB_FAILED,
                       "%s differ at %lld of %lld (%s): %.9g (%08x) in the array, %.9g (%08x) "
                       "alone",
                       table_names[t], (long long)at, (long long)floats,
                       t == LOSSES ? "a step" : parameter_at(plan, at), (double)x[at], bits[0],
                       (double)y[at], bits[1]);
    }
    return MB_OK;
}

void mb_bench_outcome_spoil(mb_bench_outcome *outcome) {
    float *value = &outcome->values[SECOND_MOMENTS][outcome->floats[SECOND_MOMENTS] / 2];
    uint32_t bits;
    memcpy(&bits, value, sizeof bits);
    bits ^= 1;
    memcpy(value, &bits, sizeof bits);
}

void mb_bench_outcome_free(mb_bench_outcome *outcome) {
    for (int t = 0; t < MB_BENCH_OUTCOME_TABLES; t++)
        free(outcome->values[t]);
    *outcome = (mb_bench_outcome){.values = {NULL}};
}
