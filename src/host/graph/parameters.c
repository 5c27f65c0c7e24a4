// Parameters: layout and start values.
#include "merbench/plan.h"

#include <string.h>

// Place of logical element e of a transposed parameter: (out, in) lies as (in, out), (out, in,
// width) as (width, in, out).
static int64_t transposed_place(const mb_parameter *parameter, int64_t e) {
    int64_t place = 0;
    for (int32_t i = parameter->shape.count - 1; i >= 0; i--) {
        int64_t size = parameter->shape.dims[i];
        place = place * size + e % size;
        e /= size;
    }
    return place;
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
        mb_random4 random = mb_random(key, MB_RANDOM_INITIAL, index, (uint64_t)group);
        for (int i = 0; i < 4; i++)
            values[i] = (float)(initial->scale * ((double)random.words[i] * 0x1p-31 - 1.0));
    } else {
        for (int i = 0; i < 4; i++) {
            uint64_t element = (uint64_t)group * 4 + (uint64_t)i;
            values[i] = initial->kind == MB_INITIAL_CONSTANT
                            ? (float)initial->scale
                            : (float)(initial->scale *
                                      mb_random_normal(key, MB_RANDOM_INITIAL, index, element));
        }
    }
}

static void start_plain(const mb_parameter *parameter, mb_key key, uint32_t index, float *to) {
    int64_t elements = mb_shape_elements(&parameter->shape, 0);
    float values[4];
    for (int64_t e = 0; e < elements; e++) {
        if (e % 4 == 0)
            start_values(&parameter->initial, key, index, e / 4, values);
        to[e] = values[e % 4];
    }
}

// (out, inner), where inner is (in) or (in, width). A part of the inner elements at a time, so that
// what lies together is written while it is in the cache.
static void start_transposed(const mb_parameter *parameter, mb_key key, uint32_t index, float *to) {
    enum { PART = 1024 };
    int64_t out = parameter->shape.dims[0], inner = mb_shape_elements(&parameter->shape, 0) / out;
    for (int64_t first = 0; first < inner; first += PART)
        for (int64_t o = 0; o < out; o++) {
            float values[4];
            for (int64_t r = first; r < inner && r < first + PART; r++) {
                int64_t e = o * inner + r;
                if (e % 4 == 0 || r == first)
                    start_values(&parameter->initial, key, index, e / 4, values);
                to[transposed_place(parameter, e)] = values[e % 4];
            }
        }
}

void mb_parameters_initialise(const mb_plan *plan, mb_key key, float *vector) {
    const mb_plan_info *info = mb_plan_get(plan);
    memset(vector, 0, (size_t)info->parameter_floats * sizeof *vector);
    for (int32_t i = 0; i < info->parameter_count; i++) {
        const mb_parameter *parameter = &info->parameters[i];
        float *to = vector + parameter->offset;
        uint32_t index = (uint32_t)parameter->drawn_as;
        if (parameter->transposed)
            start_transposed(parameter, key, index, to);
        else
            start_plain(parameter, key, index, to);
    }
}
