#include "train/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "merbench/executor.h"
#include "merbench/stop.h"

enum { LARGE_FLOATS = 8 << 20 }; // 32 MiB

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
        return mb_fail(error, MB_FAILED, "TMPDIR: expected a path of less than %zu bytes",
                       sizeof path);
    snapshot->file = mkostemp(path, O_CLOEXEC);
    if (snapshot->file < 0)
        return mb_fail(error, MB_FAILED, "%s: cannot create a file for the best weights: %s",
                       temporary_folder(), strerror(errno));
    unlink(path); // the file vanishes when the process ends, in whatever way
    return MB_OK;
}

mb_status mb_snapshot_open(mb_device_cache *cache, int32_t run_count, int64_t floats,
                           mb_snapshot *snapshot, mb_error *error) {
    mb_device *device = cache->device;
    *snapshot =
        (mb_snapshot){.device = device, .run_count = run_count, .floats = floats, .file = -1};
    if (device->backend->shares_host_memory && mb_snapshot_in_file(floats))
        return open_file(snapshot, error);
    return mb_cache_allocate(cache, (size_t)run_count * (size_t)floats * sizeof(float),
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

enum { PIECE = 4 << 20 }; // bytes that are read or written between two looks at the stop flag

static size_t piece_of(size_t count) {
    return count < PIECE ? count : PIECE;
}

static mb_status write_all(const mb_snapshot *snapshot, const char *bytes, size_t count, off_t at,
                           mb_error *error) {
    while (count > 0 && !mb_stopped(snapshot->device->stop)) {
        ssize_t done = pwrite(snapshot->file, bytes, piece_of(count), at);
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

static mb_status read_all(const mb_snapshot *snapshot, char *bytes, size_t count, off_t at,
                          mb_error *error) {
    while (count > 0 && !mb_stopped(snapshot->device->stop)) {
        ssize_t done = pread(snapshot->file, bytes, piece_of(count), at);
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

// Copy the weights of one run, in host memory, to and from the file.
static mb_status save_run(const mb_snapshot *snapshot, int32_t run, const float *parameters,
                          mb_error *error) {
    size_t bytes = (size_t)snapshot->floats * sizeof *parameters;
    return write_all(snapshot, (const char *)(parameters + run * snapshot->floats), bytes,
                     (off_t)bytes * run, error);
}

static mb_status load_run(const mb_snapshot *snapshot, int32_t run, float *parameters,
                          mb_error *error) {
    size_t bytes = (size_t)snapshot->floats * sizeof *parameters;
    return read_all(snapshot, (char *)(parameters + run * snapshot->floats), bytes,
                    (off_t)bytes * run, error);
}

static mb_status copy_rows(const mb_snapshot *snapshot, const int32_t *chosen, float *to,
                           const float *from, mb_error *error) {
    mb_row_copy copy = {.run_count = snapshot->run_count,
                        .chosen = chosen,
                        .to = to,
                        .from = from,
                        .to_stride = snapshot->floats,
                        .from_stride = snapshot->floats,
                        .floats = snapshot->floats};
    return snapshot->device->backend->executor->copy_rows(snapshot->device, &copy, error);
}

mb_status mb_snapshot_save(mb_snapshot *snapshot, const int32_t *chosen, const float *parameters,
                           mb_error *error) {
    if (snapshot->memory != NULL)
        return copy_rows(snapshot, chosen, snapshot->memory, parameters, error);
    mb_status status = MB_OK;
    for (int32_t a = 0; status == MB_OK && a < snapshot->run_count; a++)
        if (chosen[a])
            status = save_run(snapshot, a, parameters, error);
    return status;
}

mb_status mb_snapshot_load(const mb_snapshot *snapshot, const int32_t *chosen, float *parameters,
                           mb_error *error) {
    if (snapshot->memory != NULL)
        return copy_rows(snapshot, chosen, parameters, snapshot->memory, error);
    mb_status status = MB_OK;
    for (int32_t a = 0; status == MB_OK && a < snapshot->run_count; a++)
        if (chosen[a])
            status = load_run(snapshot, a, parameters, error);
    return status;
}
