#include "train/array_memory.h"

#include <stdlib.h>
#include <string.h>

static mb_status allocate(mb_array *array, size_t count, size_t size, void **memory,
                          mb_error *error) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return mb_out_of_memory(error, "array");
    return mb_device_allocate(array->device, bytes, memory, error);
}

static mb_status allocate_tables(mb_array *array, int64_t arena_floats, mb_error *error) {
    size_t runs = (size_t)array->run_count, models = runs * (size_t)array->parameter_floats;
    size_t arenas = runs * (size_t)arena_floats, steps = runs * (size_t)array->most_steps;
    size_t utterances = runs * (size_t)array->index_stride;
    size_t selected = runs * (size_t)array->select_stride;
    size_t classes = (size_t)array->specs[0].config.class_count;
    size_t outputs = (size_t)array->specs[0].config.value_count;
    struct {
        void **memory;
        size_t count, size;
    } wanted[] = {
        {(void **)&array->parameters, models, sizeof(float)},
        {(void **)&array->first_moments, models, sizeof(float)},
        {(void **)&array->second_moments, models, sizeof(float)},
        {(void **)&array->arena, arenas, sizeof(float)},
        {(void **)&array->slots, runs * MB_SLOT_COUNT, sizeof(float)},
        {(void **)&array->keys, runs, sizeof(mb_key)},
        {(void **)&array->steps, runs, sizeof(uint32_t)},
        {(void **)&array->widest, steps, sizeof(int32_t)},
        {(void **)&array->losses, steps, sizeof(float)},
        {(void **)&array->training.rows, steps, sizeof(int32_t)},
        {(void **)&array->training.indices, utterances, sizeof(int32_t)},
        {(void **)&array->evaluation.rows, steps, sizeof(int32_t)},
        {(void **)&array->evaluation.indices, utterances, sizeof(int32_t)},
        {(void **)&array->auxiliary, steps, sizeof(float)},
        {(void **)&array->logits, utterances * classes, sizeof(float)},
        {(void **)&array->values, utterances * outputs, sizeof(float)},
        {(void **)&array->counts, runs, sizeof(int32_t)},
        {(void **)&array->tallies, runs, sizeof(mb_tally)},
        {(void **)&array->chosen, runs, sizeof(int32_t)},
        {(void **)&array->best_logits, selected * classes, sizeof(float)},
        {(void **)&array->best_values, selected * outputs, sizeof(float)},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        mb_status status = MB_OK;
        if (wanted[i].count > 0)
            status = allocate(array, wanted[i].count, wanted[i].size, wanted[i].memory, error);
        if (status != MB_OK)
            return status;
    }
    return MB_OK;
}

// Zeros, in memory that copies to and from the device are fast with.
static mb_status allocate_host(mb_array *array, size_t count, size_t size, void **memory,
                               mb_error *error) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return mb_out_of_memory(error, "array");
    mb_status status = array->device->backend->allocate_host(array->device, bytes, memory, error);
    if (status == MB_OK)
        memset(*memory, 0, bytes);
    else
        *memory = NULL;
    return status;
}

static mb_status allocate_host_tables(mb_array *array, mb_error *error) {
    size_t runs = (size_t)array->run_count, steps = runs * (size_t)array->most_steps;
    size_t utterances = runs * (size_t)array->index_stride;
    size_t classes = (size_t)array->specs[0].config.class_count;
    size_t outputs = (size_t)array->specs[0].config.value_count;
    struct {
        void **memory;
        size_t count, size;
    } wanted[] = {
        {(void **)&array->training.host_rows, steps, sizeof(int32_t)},
        {(void **)&array->training.host_indices, utterances, sizeof(int32_t)},
        {(void **)&array->next_indices, utterances, sizeof(int32_t)},
        {(void **)&array->evaluation.host_rows, steps, sizeof(int32_t)},
        {(void **)&array->evaluation.host_indices, utterances, sizeof(int32_t)},
        {(void **)&array->host_widest, steps, sizeof(int32_t)},
        {(void **)&array->host_losses, steps, sizeof(float)},
        {(void **)&array->host_logits, utterances * classes, sizeof(float)},
        {(void **)&array->host_values, utterances * outputs, sizeof(float)},
        {(void **)&array->host_counts, runs, sizeof(int32_t)},
        {(void **)&array->host_tallies, runs, sizeof(mb_tally)},
        {(void **)&array->host_chosen, runs, sizeof(int32_t)},
    };
    mb_status status = MB_OK;
    for (size_t i = 0; status == MB_OK && i < sizeof wanted / sizeof *wanted; i++)
        status = allocate_host(array, wanted[i].count, wanted[i].size, wanted[i].memory, error);
    array->host_steps = calloc(runs, sizeof *array->host_steps);
    array->widest_so_far = calloc(runs, sizeof *array->widest_so_far);
    if (status == MB_OK && (array->host_steps == NULL || array->widest_so_far == NULL))
        return mb_out_of_memory(error, "array");
    return status;
}

mb_status mb_array_allocate(mb_array *array, int64_t arena_floats, mb_error *error) {
    mb_status status = allocate_tables(array, arena_floats, error);
    return status == MB_OK ? allocate_host_tables(array, error) : status;
}

void mb_array_release(mb_array *array) {
    void *memory[] = {
        array->parameters,
        array->first_moments,
        array->second_moments,
        array->arena,
        array->slots,
        array->keys,
        array->steps,
        array->widest,
        array->losses,
        array->training.rows,
        array->training.indices,
        array->evaluation.rows,
        array->evaluation.indices,
        array->auxiliary,
        array->logits,
        array->values,
        array->counts,
        array->tallies,
        array->chosen,
        array->best_logits,
        array->best_values,
    };
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        if (memory[i] != NULL)
            array->device->backend->release(array->device, memory[i]);
    void *tables[] = {
        array->training.host_rows,
        array->training.host_indices,
        array->next_indices,
        array->evaluation.host_rows,
        array->evaluation.host_indices,
        array->host_widest,
        array->host_losses,
        array->host_logits,
        array->host_values,
        array->host_counts,
        array->host_tallies,
        array->host_chosen,
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (tables[i] != NULL)
            array->device->backend->release_host(array->device, tables[i]);
    free(array->host_steps);
    free(array->widest_so_far);
}
