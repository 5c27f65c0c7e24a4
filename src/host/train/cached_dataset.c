// Datasets on a device.
#include <string.h>

#include "train/cached_arrays.h"

// An array of a dataset: where its address stands, its size. Absent: NULL, or NULL stands there.
typedef struct place {
    const void **array;
    size_t bytes;
} place;

// The arrays of a dataset.
static void list_places(mb_dataset *dataset, place places[MB_DATASET_ARRAYS]) {
    size_t n = (size_t)dataset->utterance_count;
    memset(places, 0, MB_DATASET_ARRAYS * sizeof *places);
    places[0] = (place){(const void **)&dataset->emotions, n * sizeof *dataset->emotions};
    places[1] = (place){(const void **)&dataset->valences, n * sizeof *dataset->valences};
    for (int32_t i = 0; i < dataset->stream_count; i++) {
        mb_stream *stream = &dataset->streams[i];
        size_t bytes = mb_stream_bytes(stream, dataset->utterance_count);
        if (stream->dimension == 0)
            continue;
        places[2 + 2 * i] = (place){&stream->values, bytes};
        places[3 + 2 * i] =
            (place){(const void **)&stream->offsets, (n + 1) * sizeof *stream->offsets};
    }
}

static bool absent(const place *at) {
    return at->array == NULL || *at->array == NULL;
}

// Takes into use what is there; bytes of the rest.
static size_t hold_kept(mb_cached_dataset *cached, const place places[]) {
    size_t missing = 0;
    for (int i = 0; i < MB_DATASET_ARRAYS; i++) {
        if (absent(&places[i]))
            continue;
        cached->arrays[i] = mb_cached_array_find(cached->cache, *places[i].array, places[i].bytes);
        missing += cached->arrays[i] == NULL ? places[i].bytes : 0;
    }
    return missing;
}

// Brings what is not there, and puts the device's copies in place of the host's arrays.
static mb_status bring_missing(mb_cached_dataset *cached, const place places[],
                               const atomic_bool *cancel, mb_error *error) {
    for (int i = 0; i < MB_DATASET_ARRAYS; i++) {
        mb_cached_array **array = &cached->arrays[i];
        mb_status status = MB_OK;
        if (absent(&places[i]))
            continue;
        if (*array == NULL)
            *array = mb_cached_array_find(cached->cache, *places[i].array,
                                          places[i].bytes); // two streams may share it
        if (*array == NULL)
            status = mb_cached_array_make(cached->cache, *places[i].array, places[i].bytes, cancel,
                                          array, error);
        if (status != MB_OK)
            return status;
        *places[i].array = (*array)->memory;
    }
    return MB_OK;
}

mb_status mb_cached_dataset_open(mb_device_cache *cache, const mb_dataset *host,
                                 mb_cached_dataset *cached, mb_error *error) {
    place places[MB_DATASET_ARRAYS];
    *cached = (mb_cached_dataset){.cache = cache, .dataset = *host};
    if (cache->device->backend->shares_host_memory)
        return MB_OK;
    (void)mb_cache_settle(cache, host);
    list_places(&cached->dataset, places);
    (void)hold_kept(cached, places); // before room is made for the rest
    return bring_missing(cached, places, NULL, error);
}

void mb_cached_dataset_close(mb_cached_dataset *cached) {
    for (int i = 0; i < MB_DATASET_ARRAYS; i++)
        if (cached->arrays[i] != NULL)
            mb_cached_array_leave(cached->cache, cached->arrays[i]);
    *cached = (mb_cached_dataset){.cache = NULL};
}

// ---- what comes next --------------------------------------------------------------------------

// Whether `bytes` are free, if need be without what nobody uses. A part of the device's memory
// stays free for what the backend itself may still want: captured steps, tables of a step.
static bool make_room(mb_device_cache *cache, size_t bytes) {
    enum { LEFT_FREE = 32 }; // a 32nd
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
    place places[MB_DATASET_ARRAYS];
    mb_cached_dataset cached = {.cache = cache, .dataset = *host};
    list_places(&cached.dataset, places);
    size_t missing = hold_kept(&cached, places);
    mb_error ignored = {.message = ""}; // whoever opens the dataset meets it again
    if (missing > 0 && make_room(cache, missing))
        (void)bring_missing(&cached, places, cancel, &ignored);
    mb_cached_dataset_close(&cached);
}
