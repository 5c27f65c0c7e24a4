#include "train/resident.h"

#include <stdlib.h>

// A copy of an array of the host.
struct mb_resident_block {
    const void *host;
    size_t bytes;
    void *memory;
    int32_t users;
    mb_resident_block *next; // among those that are kept: used before this one
};

struct mb_residents {
    mb_resident_block *latest;
};

static void free_block(mb_device *device, mb_resident_block *block) {
    if (block->memory != NULL)
        device->backend->release(device, block->memory);
    free(block);
}

// ---- what is kept -----------------------------------------------------------------------------

static void push(mb_residents *kept, mb_resident_block *block) {
    block->next = kept->latest;
    kept->latest = block;
}

// Takes the block out that `place` points to.
static mb_resident_block *unlink_block(mb_resident_block **place) {
    mb_resident_block *block = *place;
    *place = block->next;
    block->next = NULL;
    return block;
}

// Frees the one that was not used for the longest time; false when all are in use.
static bool evict(mb_device *device) {
    mb_resident_block **oldest = NULL;
    if (device->residents == NULL)
        return false;
    for (mb_resident_block **at = &device->residents->latest; *at != NULL; at = &(*at)->next)
        if ((*at)->users == 0)
            oldest = at;
    if (oldest == NULL)
        return false;
    free_block(device, unlink_block(oldest));
    return true;
}

mb_status mb_residents_keep(mb_device *device, mb_error *error) {
    if (device->residents == NULL)
        device->residents = calloc(1, sizeof *device->residents);
    return device->residents == NULL ? mb_out_of_memory(error, "residents") : MB_OK;
}

void mb_residents_trim(mb_device *device) {
    while (evict(device))
        ;
}

void mb_residents_release(mb_device *device) {
    mb_residents_trim(device);
    free(device->residents);
    device->residents = NULL;
}

mb_status mb_device_allocate(mb_device *device, size_t bytes, void **memory, mb_error *error) {
    mb_error refused = {.message = ""};
    for (;;) {
        refused.out_of_memory = false;
        mb_status status = device->backend->allocate(device, bytes, memory, &refused);
        if (status == MB_OK)
            return MB_OK;
        *memory = NULL;
        if (!refused.out_of_memory || !evict(device)) {
            if (error != NULL)
                *error = refused;
            return status;
        }
    }
}

// ---- what is used -----------------------------------------------------------------------------

static mb_status find_block(mb_device *device, const void *host, size_t bytes,
                            mb_resident_block **found, mb_error *error) {
    mb_residents *kept = device->residents;
    *found = NULL;
    if (kept != NULL)
        for (mb_resident_block **at = &kept->latest; *at != NULL; at = &(*at)->next)
            if ((*at)->host == host && (*at)->bytes == bytes) {
                *found = unlink_block(at);
                push(kept, *found);
                return MB_OK;
            }
    mb_resident_block *block = calloc(1, sizeof *block);
    if (block == NULL)
        return mb_out_of_memory(error, "residents");
    *block = (mb_resident_block){.host = host, .bytes = bytes};
    mb_status status = mb_device_allocate(device, bytes, &block->memory, error);
    if (status == MB_OK)
        status = device->backend->upload(device, block->memory, host, bytes, error);
    if (status != MB_OK) {
        free_block(device, block);
        return status;
    }
    if (kept != NULL)
        push(kept, block);
    *found = block;
    return MB_OK;
}

// Puts the device's copy of an array in place of the host's.
static mb_status reside(mb_residence *residence, int32_t slot, size_t bytes, const void **array,
                        mb_error *error) {
    if (*array == NULL)
        return MB_OK;
    mb_status status =
        find_block(residence->device, *array, bytes, &residence->blocks[slot], error);
    if (status != MB_OK)
        return status;
    residence->blocks[slot]->users++;
    *array = residence->blocks[slot]->memory;
    return MB_OK;
}

static mb_status reside_modality(mb_residence *residence, int32_t m, size_t n, mb_error *error) {
    int32_t dimension = residence->dataset.modalities[m].dimension;
    const int64_t *offsets = residence->dataset.modalities[m].offsets;
    size_t frames = offsets != NULL ? (size_t)offsets[n] : n;
    if (dimension == 0)
        return MB_OK;
    mb_status status = reside(residence, 2 * m, frames * (size_t)dimension * sizeof(float),
                              (const void **)&residence->dataset.modalities[m].values, error);
    if (status == MB_OK)
        status = reside(residence, 2 * m + 1, (n + 1) * sizeof *offsets,
                        (const void **)&residence->dataset.modalities[m].offsets, error);
    return status;
}

mb_status mb_residence_open(mb_device *device, const mb_resident *host, int32_t utterances,
                            mb_residence *residence, mb_error *error) {
    size_t n = (size_t)utterances;
    mb_status status = MB_OK;
    *residence = (mb_residence){.device = device, .dataset = *host};
    if (device->backend->shares_host_memory)
        return MB_OK;
    for (int32_t m = 0; status == MB_OK && m < MB_MODALITY_COUNT; m++)
        status = reside_modality(residence, m, n, error);
    if (status == MB_OK)
        status = reside(residence, 2 * MB_MODALITY_COUNT, n * sizeof(int32_t),
                        (const void **)&residence->dataset.emotions, error);
    if (status == MB_OK)
        status = reside(residence, 2 * MB_MODALITY_COUNT + 1, n * sizeof(float),
                        (const void **)&residence->dataset.valences, error);
    return status;
}

void mb_residence_close(mb_residence *residence) {
    for (size_t i = 0; i < sizeof residence->blocks / sizeof *residence->blocks; i++) {
        mb_resident_block *block = residence->blocks[i];
        // Those that are kept stay in the list.
        if (block != NULL && --block->users == 0 && residence->device->residents == NULL)
            free_block(residence->device, block);
    }
    *residence = (mb_residence){.device = NULL};
}
