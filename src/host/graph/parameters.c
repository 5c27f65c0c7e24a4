// Parameters: their layout and start values.
#include "merbench/plan.h"

#include <string.h>

#include "merbench/stop.h"

// The position at which a transposed parameter stores its logical element e: (out, in) is stored as
// (in, out), (out, in, width) as (width, in, out).
static int64_t transposed_position(const mb_parameter *parameter, int64_t e) {
    int64_t position = 0;
    for (int32_t i = parameter->shape.count - 1; i >= 0; i--) {
        int64_t size = parameter->shape.dims[i];
        position = position * size + e % size;
        e /= size;
    }
    return position;
}

void mb_parameter_store(const mb_parameter *parameter, const float *logical, float *vector) {
    float *stored = vector + parameter->offset;
    int64_t elements = mb_shape_elements(&parameter->shape, 0);
    if (!parameter->transposed)
        memcpy(stored, logical, (size_t)elements * sizeof *stored);
    for (int64_t e = 0; parameter->transposed && e < elements; e++)
        stored[transposed_position(parameter, e)] = logical[e];
}

void mb_parameter_load(const mb_parameter *parameter, const float *vector, float *logical) {
    const float *stored = vector + parameter->offset;
    int64_t elements = mb_shape_elements(&parameter->shape, 0);
    if (!parameter->transposed)
        memcpy(logical, stored, (size_t)elements * sizeof *stored);
    for (int64_t e = 0; parameter->transposed && e < elements; e++)
        logical[e] = stored[transposed_position(parameter, e)];
}

enum { CHUNK = 1024 }; // elements

// Elements 4 * group ... 4 * group + 3 of a parameter that is drawn as `index`: a uniform element e
// is word e % 4 of counter e / 4, a normal one is drawn at index e.
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

static void start_plain(const mb_parameter *parameter, mb_key key, uint32_t index, const int *stop,
                        float *to) {
    int64_t elements = mb_shape_elements(&parameter->shape, 0);
    float values[4];
    for (int64_t e = 0; e < elements; e++) {
        if (e % CHUNK == 0 && mb_stopped(stop))
            return;
        if (e % 4 == 0)
            start_values(&parameter->initial, key, index, e / 4, values);
        to[e] = values[e % 4];
    }
}

// Fills (out, inner), where inner is (in) or (in, width), in chunks of inner elements: neighbouring
// elements of the stored parameter are then written while they are in the cache.
static void start_transposed(const mb_parameter *parameter, mb_key key, uint32_t index,
                             const int *stop, float *to) {
    int64_t out = parameter->shape.dims[0], inner = mb_shape_elements(&parameter->shape, 0) / out;
    for (int64_t first = 0; first < inner && !mb_stopped(stop); first += CHUNK)
        for (int64_t o = 0; o < out; o++) {
            float values[4];
            for (int64_t r = first; r < inner && r < first + CHUNK; r++) {
                int64_t e = o * inner + r;
                if (e % 4 == 0 || r == first)
                    start_values(&parameter->initial, key, index, e / 4, values);
                to[transposed_position(parameter, e)] = values[e % 4];
            }
        }
}

void mb_parameters_initialise(const mb_plan *plan, mb_key key, const int *stop, float *vector) {
    const mb_plan_info *info = mb_plan_get(plan);
    mb_clear(vector, (size_t)info->parameter_floats * sizeof *vector, stop);
    for (int32_t i = 0; i < info->parameter_count; i++) {
        const mb_parameter *parameter = &info->parameters[i];
        float *to = vector + parameter->offset;
        uint32_t index = (uint32_t)parameter->drawn_as;
        if (parameter->transposed)
            start_transposed(parameter, key, index, stop, to);
        else
            start_plain(parameter, key, index, stop, to);
    }
}
