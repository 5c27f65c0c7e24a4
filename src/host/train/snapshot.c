#include "train/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train/resident.h"

enum { LARGE_FLOATS = 8 << 20, CHUNK_FLOATS = 1 << 18 }; // 32 MiB, 1 MiB

bool mb_snapshot_in_file(int64_t floats) {
    return floats >= LARGE_FLOATS;
}

static const char *temporary_folder(void) {
    const char *folder = getenv("TMPDIR");
    return folder != NULL && folder[0] != '\0' ? folder : "/tmp";
}

static mb_status open_file(mb_snapshot *snapshot, mb_error *error) {
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/merbench-XXXXXX", temporary_folder());
    if (length < 0 || (size_t)length >= sizeof path)
        return mb_fail(error, MB_FAILED, "TMPDIR: the path is too long");
    snapshot->file = mkostemp(path, O_CLOEXEC);
    if (snapshot->file < 0)
        return mb_fail(error, MB_FAILED, "%s: cannot make a file for the best weights: %s",
                       temporary_folder(), strerror(errno));
    unlink(path); // gone with the process, however that ends
    return MB_OK;
}

mb_status mb_snapshot_open(mb_device *device, int32_t run_count, int64_t floats,
                           mb_snapshot *snapshot, mb_error *error) {
    *snapshot = (mb_snapshot){.device = device, .floats = floats, .file = -1};
    if (device->backend->shares_host_memory && mb_snapshot_in_file(floats))
        return open_file(snapshot, error);
    return mb_device_allocate(device, (size_t)run_count * (size_t)floats * sizeof(float),
                              (void **)&snapshot->memory, error);
}

void mb_snapshot_close(mb_snapshot *snapshot) {
    if (snapshot->device == NULL)
        return;
    if (snapshot->memory != NULL)
        snapshot->device->backend->release(snapshot->device, snapshot->memory);
    if (snapshot->file >= 0)
        close(snapshot->file);
    *snapshot = (mb_snapshot){.device = NULL};
}

static mb_status write_all(int file, const char *bytes, size_t count, off_t at, mb_error *error) {
    while (count > 0) {
        ssize_t done = pwrite(file, bytes, count, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return mb_fail(error, MB_FAILED, "%s: cannot write the best weights: %s",
                           temporary_folder(), strerror(errno));
        bytes += done;
        at += done;
        count -= (size_t)done;
    }
    return MB_OK;
}

static mb_status read_all(int file, char *bytes, size_t count, off_t at, mb_error *error) {
    while (count > 0) {
        ssize_t done = pread(file, bytes, count, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return mb_fail(error, MB_FAILED, "%s: cannot read the best weights: %s",
                           temporary_folder(), done < 0 ? strerror(errno) : "the file is short");
        bytes += done;
        at += done;
        count -= (size_t)done;
    }
    return MB_OK;
}

mb_status mb_snapshot_save(mb_snapshot *snapshot, int32_t run, const float *parameters,
                           mb_error *error) {
    const mb_backend *backend = snapshot->device->backend;
    int64_t first = run * snapshot->floats;
    if (snapshot->memory != NULL)
        return backend->copy(snapshot->device, snapshot->memory + first, parameters,
                             (size_t)snapshot->floats * sizeof *parameters, error);
    float *chunk = malloc(CHUNK_FLOATS * sizeof *chunk);
    mb_status status = chunk == NULL ? mb_out_of_memory(error, "best weights") : MB_OK;
    for (int64_t i = 0; status == MB_OK && i < snapshot->floats; i += CHUNK_FLOATS) {
        int64_t left = snapshot->floats - i;
        size_t bytes = (size_t)(left < CHUNK_FLOATS ? left : CHUNK_FLOATS) * sizeof *chunk;
        status = backend->download(snapshot->device, chunk, parameters + i, bytes, error);
        if (status == MB_OK)
            status = write_all(snapshot->file, (const char *)chunk, bytes,
                               (off_t)((first + i) * (int64_t)sizeof *chunk), error);
    }
    free(chunk);
    return status;
}

mb_status mb_snapshot_load(const mb_snapshot *snapshot, int32_t run, float *parameters,
                           mb_error *error) {
    const mb_backend *backend = snapshot->device->backend;
    int64_t first = run * snapshot->floats;
    if (snapshot->memory != NULL)
        return backend->copy(snapshot->device, parameters, snapshot->memory + first,
                             (size_t)snapshot->floats * sizeof *parameters, error);
    float *chunk = malloc(CHUNK_FLOATS * sizeof *chunk);
    mb_status status = chunk == NULL ? mb_out_of_memory(error, "best weights") : MB_OK;
    for (int64_t i = 0; status == MB_OK && i < snapshot->floats; i += CHUNK_FLOATS) {
        int64_t left = snapshot->floats - i;
        size_t bytes = (size_t)(left < CHUNK_FLOATS ? left : CHUNK_FLOATS) * sizeof *chunk;
        status = read_all(snapshot->file, (char *)chunk, bytes,
                          (off_t)((first + i) * (int64_t)sizeof *chunk), error);
        if (status == MB_OK)
            status = backend->upload(snapshot->device, parameters + i, chunk, bytes, error);
    }
    free(chunk);
    return status;
}
