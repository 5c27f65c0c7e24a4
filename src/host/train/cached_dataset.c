// Datasets on a device.
#include <string.h>

#include "train/cached_arrays.h"

// An array of a dataset: the address of its pointer, and its size. An array is absent if that
// address or the pointer is NULL.
typedef struct array_pointer {
    const void **array;
    size_t bytes;
} array_pointer;

// Lists the arrays of a dataset.
static void list_arrays(mb_dataset *dataset, array_pointer arrays[MB_DATASET_ARRAYS]) {
    size_t n = (size_t)dataset->utterance_count;
    memset(arrays, 0, MB_DATASET_ARRAYS * sizeof *arrays);
    arrays[0] = (array_pointer){(const void **)&dataset->emotions, n * sizeof *dataset->emotions};
    arrays[1] = (array_pointer){(const void **)&dataset->valences, n * sizeof *dataset->valences};
    for (int32_t i = 0; i < dataset->stream_count; i++) {
        mb_stream *stream = &dataset->streams[i];
        size_t bytes = mb_stream_bytes(stream, dataset->utterance_count);
        if (stream->dimension == 0)
            continue;
        arrays[2 + 2 * i] = (array_pointer){&stream->values, bytes};
        arrays[3 + 2 * i] =
            (array_pointer){(const void **)&stream->offsets, (n + 1) * sizeof *stream->offsets};
    }
}

static bool absent(const array_pointer *at) {
    return at->array == NULL || *at->array == NULL;
}

// Adds a user to every copy that exists; returns the total size of those that do not.
static size_t use_existing(mb_cached_dataset *cached, const array_pointer arrays[]) {
    size_t missing = 0;
    for (int i = 0; i < MB_DATASET_ARRAYS; i++) {
        if (absent(&arrays[i]))
            continue;
        cached->arrays[i] = mb_cached_array_find(cached->cache, *arrays[i].array, arrays[i].bytes);
        missing += cached->arrays[i] == NULL ? arrays[i].bytes : 0;
    }
    return missing;
}

// Makes the missing copies, and points the dataset to the copies.
static mb_status upload_missing(mb_cached_dataset *cached, const array_pointer arrays[],
                                const atomic_bool *cancel, mb_error *error) {
    for (int i = 0; i < MB_DATASET_ARRAYS; i++) {
        mb_cached_array **array = &cached->arrays[i];
        mb_status status = MB_OK;
        if (absent(&arrays[i]))
            continue;
        if (*array == NULL)
            *array = mb_cached_array_find(cached->cache, *arrays[i].array,
                                          arrays[i].bytes); // two streams may share the array
        if (*array == NULL)
            status = mb_cached_array_make(cached->cache, *arrays[i].array, arrays[i].bytes, cancel,
                                          array, error);
        if (status != MB_OK)
            return status;
        *arrays[i].array = (*array)->memory;
    }
    return MB_OK;
}

mb_status mb_cached_dataset_open(mb_device_cache *cache, const mb_dataset *host,
                                 mb_cached_dataset *cached, mb_error *error) {
    array_pointer arrays[MB_DATASET_ARRAYS];
    *cached = (mb_cached_dataset){.cache = cache, .dataset = *host};
    if (cache->device->backend->shares_host_memory)
        return MB_OK;
    (void)mb_cache_settle(cache, host);
    list_arrays(&cached->dataset, arrays);
    (void)use_existing(cached, arrays); // before others are freed for the rest
    return upload_missing(cached, arrays, NULL, error);
}

void mb_cached_dataset_close(mb_cached_dataset *cached) {
    for (int i = 0; i < MB_DATASET_ARRAYS; i++)
        if (cached->arrays[i] != NULL)
            mb_cached_array_leave(cached->cache, cached->arrays[i]);
    *cached = (mb_cached_dataset){.cache = NULL};
}

// ---- prefetching ------------------------------------------------------------------------------

// Frees copies without users until `bytes` are free; false, with nothing freed, if that could not
// be enough. A fraction of the device's memory stays free for the backend itself, which may need it
// for captured steps and the tables of a step.
static bool free_memory(mb_device_cache *cache, size_t bytes) {
    enum { LEFT_FREE = 32 }; // a 32nd of the memory
    mb_device_description memory;
    if (cache->device->backend->describe(cache->device, &memory, NULL) != MB_OK)
        return false;
    int64_t wanted = (int64_t)bytes + memory.total_bytes / LEFT_FREE;
    if (memory.free_bytes + (int64_t)mb_cache_idle_bytes(cache) < wanted)
        return false;
    while (memory.free_bytes < wanted && mb_cache_evict(cache))
        if (cache->device->backend->describe(cache->device, &memory, NULL) != MB_OK)
            return false;
    return memory.free_bytes >= wanted;
}

void mb_cache_fetch(mb_device_cache *cache, const mb_dataset *host, const atomic_bool *cancel) {
    array_pointer arrays[MB_DATASET_ARRAYS];
    mb_cached_dataset cached = {.cache = cache, .dataset = *host};
    list_arrays(&cached.dataset, arrays);
    size_t missing = use_existing(&cached, arrays);
    mb_error ignored = {.message = ""}; // opening the dataset reports it
    if (missing > 0 && free_memory(cache, missing))
        (void)upload_missing(&cached, arrays, cancel, &ignored);
    mb_cached_dataset_close(&cached);
}
