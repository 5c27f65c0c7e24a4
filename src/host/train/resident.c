// Datasets on a device.
#include "train/resident_blocks.h"

// An array of a dataset: where its address stands, its size. Absent: NULL, or NULL stands there.
typedef struct place {
    const void **array;
    size_t bytes;
} place;

// The arrays of a dataset.
static void list_places(mb_resident *dataset, int32_t utterances, place places[]) {
    size_t n = (size_t)utterances;
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++) {
        const int64_t **offsets = &dataset->modalities[m].offsets;
        size_t frames = *offsets != NULL ? (size_t)(*offsets)[n] : n;
        size_t row = (size_t)dataset->modalities[m].dimension * sizeof(float);
        places[2 * m] = places[2 * m + 1] = (place){.array = NULL};
        if (row == 0)
            continue;
        places[2 * m] = (place){(const void **)&dataset->modalities[m].values, frames * row};
        places[2 * m + 1] = (place){(const void **)offsets, (n + 1) * sizeof **offsets};
    }
    places[2 * MB_MODALITY_COUNT] =
        (place){(const void **)&dataset->emotions, n * sizeof *dataset->emotions};
    places[2 * MB_MODALITY_COUNT + 1] =
        (place){(const void **)&dataset->valences, n * sizeof *dataset->valences};
}

static bool absent(const place *at) {
    return at->array == NULL || *at->array == NULL;
}

// Takes into use what is there; bytes of the rest.
static size_t hold_kept(mb_residence *residence, const place places[]) {
    size_t missing = 0;
    for (int i = 0; i < MB_RESIDENT_ARRAYS; i++) {
        if (absent(&places[i]))
            continue;
        residence->blocks[i] = mb_block_find(residence->device, *places[i].array, places[i].bytes);
        missing += residence->blocks[i] == NULL ? places[i].bytes : 0;
    }
    return missing;
}

// Brings what is not there, and puts the device's copies in place of the host's arrays.
static mb_status bring_missing(mb_residence *residence, const place places[],
                               const atomic_bool *cancel, mb_error *error) {
    for (int i = 0; i < MB_RESIDENT_ARRAYS; i++) {
        mb_resident_block **block = &residence->blocks[i];
        mb_status status = MB_OK;
        if (absent(&places[i]))
            continue;
        if (*block == NULL)
            *block = mb_block_find(residence->device, *places[i].array,
                                   places[i].bytes); // two modalities may share it
        if (*block == NULL)
            status = mb_block_make(residence->device, *places[i].array, places[i].bytes, cancel,
                                   block, error);
        if (status != MB_OK)
            return status;
        *places[i].array = (*block)->memory;
    }
    return MB_OK;
}

mb_status mb_residence_open(mb_device *device, const mb_resident *host, int32_t utterances,
                            mb_residence *residence, mb_error *error) {
    place places[MB_RESIDENT_ARRAYS];
    *residence = (mb_residence){.device = device, .dataset = *host};
    if (device->backend->shares_host_memory)
        return MB_OK;
    (void)mb_residents_settle(device, host);
    list_places(&residence->dataset, utterances, places);
    (void)hold_kept(residence, places); // before room is made for the rest
    return bring_missing(residence, places, NULL, error);
}

void mb_residence_close(mb_residence *residence) {
    for (int i = 0; i < MB_RESIDENT_ARRAYS; i++)
        if (residence->blocks[i] != NULL)
            mb_block_leave(residence->device, residence->blocks[i]);
    *residence = (mb_residence){.device = NULL};
}

// ---- what comes next --------------------------------------------------------------------------

// Whether `bytes` are free, if need be without what nobody uses. A part of the device's memory
// stays free for what the backend itself may still want: captured steps, tables of a step.
static bool make_room(mb_device *device, size_t bytes) {
    enum { LEFT_FREE = 32 }; // a 32nd
    mb_device_description memory;
    if (device->backend->describe(device, &memory, NULL) != MB_OK)
        return false;
    int64_t wanted = (int64_t)bytes + memory.total_bytes / LEFT_FREE;
    if (memory.free_bytes + (int64_t)mb_blocks_idle_bytes(device) < wanted)
        return false;
    while (memory.free_bytes < wanted && mb_blocks_evict(device))
        if (device->backend->describe(device, &memory, NULL) != MB_OK)
            return false;
    return memory.free_bytes >= wanted;
}

void mb_residents_fetch(mb_device *device, const mb_resident *host, int32_t utterances,
                        const atomic_bool *cancel) {
    place places[MB_RESIDENT_ARRAYS];
    mb_residence residence = {.device = device, .dataset = *host};
    list_places(&residence.dataset, utterances, places);
    size_t missing = hold_kept(&residence, places);
    mb_error ignored = {.message = ""}; // whoever opens the dataset meets it again
    if (missing > 0 && make_room(device, missing))
        (void)bring_missing(&residence, places, cancel, &ignored);
    mb_residence_close(&residence);
}
