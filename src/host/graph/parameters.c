// Parameters: layout and start values.
#include "merbench/plan.h"

#include <math.h>
#include <string.h>

// Place of logical element e of a transposed (out, in) parameter.
static int64_t transposed_place(const mb_parameter *parameter, int64_t e) {
    int64_t out = parameter->shape.dims[0], in = parameter->shape.dims[1];
    return e % in * out + e / in;
}

void mb_parameter_store(const mb_parameter *parameter, const float *logical, float *vector) {
    float *place = vector + parameter->offset;
    int64_t elements = mb_shape_elements(&parameter->shape, 0);
    if (!parameter->transposed)
        memcpy(place, logical, (size_t)elements * sizeof *place);
    for (int64_t e = 0; parameter->transposed && e < elements; e++)
        place[transposed_place(parameter, e)] = logical[e];
}

void mb_parameter_load(const mb_parameter *parameter, const float *vector, float *logical) {
    const float *place = vector + parameter->offset;
    int64_t elements = mb_shape_elements(&parameter->shape, 0);
    if (!parameter->transposed)
        memcpy(logical, place, (size_t)elements * sizeof *place);
    for (int64_t e = 0; parameter->transposed && e < elements; e++)
        logical[e] = place[transposed_place(parameter, e)];
}

static float start_value(const mb_initial *initial, mb_key key, uint32_t index, int64_t e) {
    switch (initial->kind) {
    case MB_INITIAL_UNIFORM: {
        double u = mb_random_uniform(key, MB_STREAM_INITIAL, index, (uint64_t)e);
        return (float)(initial->scale * (2.0 * u - 1.0));
    }
    case MB_INITIAL_NORMAL:
        return (float)(initial->scale *
                       mb_random_normal(key, MB_STREAM_INITIAL, index, (uint64_t)e));
    case MB_INITIAL_CONSTANT:
        break;
    }
    return (float)initial->scale;
}

void mb_parameters_initialise(const mb_plan *plan, mb_key key, float *vector) {
    const mb_plan_info *info = mb_plan_get(plan);
    memset(vector, 0, (size_t)info->parameter_floats * sizeof *vector);
    for (int32_t i = 0; i < info->parameter_count; i++) {
        const mb_parameter *parameter = &info->parameters[i];
        int64_t elements = mb_shape_elements(&parameter->shape, 0);
        for (int64_t e = 0; e < elements; e++) {
            int64_t place = parameter->transposed ? transposed_place(parameter, e) : e;
            vector[parameter->offset + place] =
                start_value(&parameter->initial, key, (uint32_t)i, e);
        }
    }
}
