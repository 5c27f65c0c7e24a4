// Parameters: layout and start values.
#include "merbench/plan.h"

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

// Elements 4 * group ... of the parameter drawn as `index`: a uniform element e is word e % 4 of
// counter e / 4, a normal one is drawn at index e.
static void start_values(const mb_initial *initial, mb_key key, uint32_t index, int64_t group,
                         float values[4]) {
    if (initial->kind == MB_INITIAL_UNIFORM) {
        mb_random4 random = mb_random(key, MB_STREAM_INITIAL, index, (uint64_t)group);
        for (int i = 0; i < 4; i++)
            values[i] = (float)(initial->scale * ((double)random.words[i] * 0x1p-31 - 1.0));
    } else {
        for (int i = 0; i < 4; i++) {
            uint64_t element = (uint64_t)group * 4 + (uint64_t)i;
            values[i] = initial->kind == MB_INITIAL_CONSTANT
                            ? (float)initial->scale
                            : (float)(initial->scale *
                                      mb_random_normal(key, MB_STREAM_INITIAL, index, element));
        }
    }
}

void mb_parameters_initialise(const mb_plan *plan, mb_key key, float *vector) {
    const mb_plan_info *info = mb_plan_get(plan);
    memset(vector, 0, (size_t)info->parameter_floats * sizeof *vector);
    for (int32_t i = 0; i < info->parameter_count; i++) {
        const mb_parameter *parameter = &info->parameters[i];
        int64_t elements = mb_shape_elements(&parameter->shape, 0);
        float values[4];
        for (int64_t e = 0; e < elements; e++) {
            if (e % 4 == 0)
                start_values(&parameter->initial, key, (uint32_t)parameter->drawn_as, e / 4,
                             values);
            int64_t place = parameter->transposed ? transposed_place(parameter, e) : e;
            vector[parameter->offset + place] = values[e % 4];
        }
    }
}
