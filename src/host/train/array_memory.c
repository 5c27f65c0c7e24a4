#include "train/array_memory.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 256 }; // bytes, of tables: whole cache lines, whole memory transactions of a GPU

typedef struct table {
    void *pointer; // address of the pointer to the table
    size_t bytes;
} table;

// Lays tables out one after another from `base` on, sets the pointers to them, and returns their
// size. With base NULL it only computes the size.
static size_t place_tables(const table *tables, size_t count, char *base) {
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        char *address = base != NULL && tables[i].bytes > 0 ? base + at : NULL;
        if (base != NULL)
            memcpy(tables[i].pointer, &address, sizeof address); // a pointer to any type
        at += (tables[i].bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    return at;
}

static size_t place_device_tables(mb_array *array, const mb_array_sizes *sizes, int32_t run_count,
                                  char *base) {
    size_t runs = (size_t)run_count, models = runs * (size_t)sizes->parameter_floats;
    size_t arenas = runs * (size_t)sizes->arena_floats, steps = runs * (size_t)sizes->steps;
    size_t utterances = runs * (size_t)sizes->utterances, selected = runs * (size_t)sizes->selected;
    size_t classes = (size_t)sizes->class_count, outputs = (size_t)sizes->value_count;
    const table tables[] = {
        {&array->parameters, models * sizeof(float)},
        {&array->first_moments, models * sizeof(float)},
        {&array->second_moments, models * sizeof(float)},
        {&array->arena, arenas * sizeof(float)},
        {&array->slots, runs * MB_SLOT_COUNT * sizeof(float)},
        {&array->keys, runs * sizeof(mb_key)},
        {&array->widest, steps * sizeof(int32_t)},
        {&array->losses, steps * sizeof(float)},
        {&array->training.rows, steps * sizeof(int32_t)},
        {&array->training.indices, utterances * sizeof(int32_t)},
        {&array->training.steps, runs * sizeof(uint32_t)},
        {&array->corpus_order, utterances * sizeof(int32_t)},
        {&array->train_counts, runs * sizeof(int32_t)},
        {&array->shuffled, runs * sizeof(int32_t)},
        {&array->evaluation.rows, steps * sizeof(int32_t)},
        {&array->evaluation.indices, utterances * sizeof(int32_t)},
        {&array->evaluation.steps, runs * sizeof(uint32_t)},
        {&array->auxiliary, steps * sizeof(float)},
        {&array->logits, utterances * classes * sizeof(float)},
        {&array->values, utterances * outputs * sizeof(float)},
        {&array->counts, runs * sizeof(int32_t)},
        {&array->tallies, runs * sizeof(mb_tally)},
        {&array->chosen, runs * sizeof(int32_t)},
        {&array->best_logits, selected * classes * sizeof(float)},
        {&array->best_values, selected * outputs * sizeof(float)},
    };
    return place_tables(tables, sizeof tables / sizeof *tables, base);
}

static size_t place_host_tables(mb_array *array, const mb_array_sizes *sizes, int32_t run_count,
                                char *base) {
    size_t runs = (size_t)run_count, steps = runs * (size_t)sizes->steps;
    size_t utterances = runs * (size_t)sizes->utterances;
    size_t classes = (size_t)sizes->class_count, outputs = (size_t)sizes->value_count;
    const table tables[] = {
        {&array->training.host_rows, steps * sizeof(int32_t)},
        {&array->training.host_steps, runs * sizeof(uint32_t)},
        {&array->evaluation.host_rows, steps * sizeof(int32_t)},
        {&array->host_indices, utterances * sizeof(int32_t)},
        {&array->evaluation.host_steps, runs * sizeof(uint32_t)},
        {&array->host_widest, steps * sizeof(int32_t)},
        {&array->host_losses, steps * sizeof(float)},
        {&array->host_logits, utterances * classes * sizeof(float)},
        {&array->host_values, utterances * outputs * sizeof(float)},
        {&array->host_counts, runs * sizeof(int32_t)},
        {&array->host_tallies, runs * sizeof(mb_tally)},
        {&array->host_chosen, runs * sizeof(int32_t)},
    };
    return place_tables(tables, sizeof tables / sizeof *tables, base);
}

void mb_array_bytes(const mb_array_sizes *sizes, int32_t run_count, int64_t *device,
                    int64_t *host) {
    mb_array none;
    *device = (int64_t)place_device_tables(&none, sizes, run_count, NULL);
    *host = (int64_t)place_host_tables(&none, sizes, run_count, NULL);
}

mb_status mb_array_allocate(mb_array *array, const mb_array_sizes *sizes, mb_error *error) {
    mb_device *device = array->device;
    int64_t device_bytes, host_bytes;
    mb_array_bytes(sizes, array->run_count, &device_bytes, &host_bytes);
    mb_status status =
        mb_cache_allocate(array->cache, (size_t)device_bytes, &array->device_tables, error);
    if (status != MB_OK)
        return status;
    place_device_tables(array, sizes, array->run_count, array->device_tables);
    array->small_bytes =
        (size_t)device_bytes - (size_t)((char *)array->slots - (char *)array->device_tables);
    status = device->backend->allocate_host(device, (size_t)host_bytes, &array->host_tables, error);
    if (status != MB_OK) {
        array->host_tables = NULL;
        return status;
    }
    memset(array->host_tables, 0, (size_t)host_bytes);
    place_host_tables(array, sizes, array->run_count, array->host_tables);
    array->steps_done = calloc((size_t)array->run_count, sizeof *array->steps_done);
    array->widest_so_far = calloc((size_t)array->run_count, sizeof *array->widest_so_far);
    if (array->steps_done == NULL || array->widest_so_far == NULL)
        return mb_out_of_memory(error, "array");
    return MB_OK;
}

void mb_array_release(mb_array *array) {
    const mb_backend *backend = array->device->backend;
    if (array->device_tables != NULL)
        backend->release(array->device, array->device_tables);
    if (array->host_tables != NULL)
        backend->release_host(array->device, array->host_tables);
    free(array->steps_done);
    free(array->widest_so_far);
}
