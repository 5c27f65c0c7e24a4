#include "train/resident_blocks.h"

#include <pthread.h>
#include <stdlib.h>

#include "train/prefetch.h"

// Blocks that are kept are complete: who makes one shows it to nobody before.
struct mb_residents {
    mb_prefetch *prefetch; // NULL: nothing is prefetched
    pthread_mutex_t lock;  // of the list, its links and the numbers of users
    mb_resident_block *latest;
};

// Frees a block that nobody uses. `release` of the backend: the one that waits for the device, or
// the one beside it.
static void free_block(mb_device *device, mb_resident_block *block,
                       void (*release)(mb_device *device, void *memory)) {
    if (block->memory != NULL)
        release(device, block->memory);
    free(block);
}

// ---- what is kept -----------------------------------------------------------------------------

static void lock(mb_residents *kept) {
    if (kept != NULL)
        pthread_mutex_lock(&kept->lock);
}

static void unlock(mb_residents *kept) {
    if (kept != NULL)
        pthread_mutex_unlock(&kept->lock);
}

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

bool mb_blocks_evict(mb_device *device) {
    mb_residents *kept = device->residents;
    mb_resident_block **oldest = NULL, *evicted = NULL;
    if (kept == NULL)
        return false;
    lock(kept);
    for (mb_resident_block **at = &kept->latest; *at != NULL; at = &(*at)->next)
        if ((*at)->users == 0)
            oldest = at;
    if (oldest != NULL)
        evicted = unlink_block(oldest);
    unlock(kept);
    if (evicted == NULL)
        return false;
    // Whoever used it has waited for the device since, or freed what came with it.
    free_block(device, evicted, device->backend->release_beside);
    return true;
}

size_t mb_blocks_idle_bytes(mb_device *device) {
    mb_residents *kept = device->residents;
    size_t bytes = 0;
    if (kept == NULL)
        return 0;
    lock(kept);
    for (const mb_resident_block *block = kept->latest; block != NULL; block = block->next)
        bytes += block->users == 0 ? block->bytes : 0;
    unlock(kept);
    return bytes;
}

mb_status mb_residents_keep(mb_device *device, mb_error *error) {
    if (device->residents != NULL)
        return MB_OK;
    mb_residents *kept = calloc(1, sizeof *kept);
    if (kept == NULL)
        return mb_out_of_memory(error, "residents");
    pthread_mutex_init(&kept->lock, NULL);
    device->residents = kept; // the thread's, too
    if (!device->backend->shares_host_memory)
        kept->prefetch = mb_prefetch_open(device);
    return MB_OK;
}

void mb_residents_trim(mb_device *device) {
    (void)mb_residents_settle(device, NULL);
    while (mb_blocks_evict(device))
        ;
}

void mb_residents_release(mb_device *device) {
    mb_residents *kept = device->residents;
    if (kept == NULL)
        return;
    mb_prefetch_close(kept->prefetch);
    while (mb_blocks_evict(device))
        ;
    pthread_mutex_destroy(&kept->lock);
    free(kept);
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
        bool room =
            refused.out_of_memory && (mb_residents_settle(device, NULL) || mb_blocks_evict(device));
        if (!room) {
            if (error != NULL)
                *error = refused;
            return status;
        }
    }
}

// ---- what is used -----------------------------------------------------------------------------

mb_resident_block *mb_block_find(mb_device *device, const void *host, size_t bytes) {
    mb_residents *kept = device->residents;
    mb_resident_block *found = NULL;
    if (kept == NULL)
        return NULL;
    lock(kept);
    for (mb_resident_block **at = &kept->latest; *at != NULL; at = &(*at)->next)
        if ((*at)->host == host && (*at)->bytes == bytes) {
            found = unlink_block(at);
            push(kept, found);
            found->users++;
            break;
        }
    unlock(kept);
    return found;
}

// In pieces, so that it can be given up soon. From ordinary memory: locking the pages of a corpus
// takes about as long as copying it, and the driver's own copies cost this thread alone.
static mb_status upload_beside(mb_device *device, const mb_resident_block *block,
                               const atomic_bool *cancel, mb_error *error) {
    enum { PIECE = 32 << 20 };
    mb_status status = MB_OK;
    for (size_t at = 0; status == MB_OK && at < block->bytes; at += PIECE) {
        size_t left = block->bytes - at;
        if (atomic_load(cancel))
            return mb_fail(error, MB_FAILED, "cancelled");
        status = device->backend->upload_beside(device, (char *)block->memory + at,
                                                (const char *)block->host + at,
                                                left < PIECE ? left : PIECE, error);
    }
    return status;
}

// Memory and contents: for who uses the device, or (with `cancel`) for the thread beside it.
static mb_status fill_block(mb_device *device, mb_resident_block *block, const atomic_bool *cancel,
                            mb_error *error) {
    const mb_backend *backend = device->backend;
    mb_status status = cancel == NULL
                           ? mb_device_allocate(device, block->bytes, &block->memory, error)
                           : backend->allocate(device, block->bytes, &block->memory, error);
    if (status != MB_OK) {
        block->memory = NULL;
        return status;
    }
    return cancel == NULL ? backend->upload(device, block->memory, block->host, block->bytes, error)
                          : upload_beside(device, block, cancel, error);
}

mb_status mb_block_make(mb_device *device, const void *host, size_t bytes,
                        const atomic_bool *cancel, mb_resident_block **made, mb_error *error) {
    mb_residents *kept = device->residents;
    mb_resident_block *block = calloc(1, sizeof *block);
    if (block == NULL)
        return mb_out_of_memory(error, "residents");
    *block = (mb_resident_block){.host = host, .bytes = bytes, .users = 1};
    mb_status status = fill_block(device, block, cancel, error);
    if (status != MB_OK) {
        free_block(device, block,
                   cancel == NULL ? device->backend->release : device->backend->release_beside);
        return status;
    }
    if (kept != NULL) {
        lock(kept);
        push(kept, block);
        unlock(kept);
    }
    *made = block;
    return MB_OK;
}

void mb_block_leave(mb_device *device, mb_resident_block *block) {
    mb_residents *kept = device->residents;
    lock(kept);
    bool unused = --block->users == 0;
    unlock(kept);
    if (unused && kept == NULL) // those that are kept stay in the list
        free_block(device, block, device->backend->release);
}

// ---- what comes next --------------------------------------------------------------------------

void mb_residents_expect(mb_device *device, const mb_resident *host, int32_t utterances) {
    if (device->residents != NULL)
        mb_prefetch_expect(device->residents->prefetch, host, utterances);
}

void mb_residents_prefetch(mb_device *device) {
    if (device->residents != NULL)
        mb_prefetch_start(device->residents->prefetch);
}

bool mb_residents_settle(mb_device *device, const mb_resident *wanted) {
    return device->residents != NULL && mb_prefetch_settle(device->residents->prefetch, wanted);
}
