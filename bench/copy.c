#include "copy.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum { REPEATS = 5 };

mb_status mb_bench_copy_run(const mb_bench_copy *copy, mb_error *error) {
    const mb_backend *backend = copy->device->backend;
    mb_status status = MB_OK;
    for (int32_t pass = 0; status == MB_OK && pass < copy->passes; pass++)
        status = backend->copy(copy->device, copy->to, copy->from, copy->bytes, error);
    return status == MB_OK ? backend->synchronize(copy->device, error) : status;
}

double mb_bench_copy_bytes(const mb_bench_copy *copy) {
    return 2.0 * (double)copy->bytes * copy->passes;
}

static mb_status find_passes(mb_bench_copy *copy, mb_error *error) {
    mb_status status = MB_OK;
    double seconds = 0.0;
    copy->passes = 1;
    status = mb_bench_copy_run(copy, error); // warm-up: touches the memory
    while (status == MB_OK && seconds < 0.02) {
        double began = mb_bench_seconds();
        status = mb_bench_copy_run(copy, error);
        seconds = mb_bench_seconds() - began;
        if (seconds < 0.02)
            copy->passes *= 2;
    }
    return status;
}

mb_status mb_bench_copy_open(mb_device *device, size_t bytes, mb_bench_copy *copy,
                             mb_error *error) {
    *copy = (mb_bench_copy){.device = device, .bytes = bytes};
    mb_status status = device->backend->allocate(device, bytes, &copy->from, error);
    if (status == MB_OK)
        status = device->backend->allocate(device, bytes, &copy->to, error);
    // Pages that were never written may all be the same physical page.
    char *host = malloc(bytes);
    if (status == MB_OK && host == NULL)
        status = mb_out_of_memory(error, "copy");
    if (status == MB_OK) {
        memset(host, 1, bytes);
        status = device->backend->upload(device, copy->from, host, bytes, error);
    }
    free(host);
    return status == MB_OK ? find_passes(copy, error) : status;
}

void mb_bench_copy_close(mb_bench_copy *copy) {
    if (copy->from != NULL)
        copy->device->backend->release(copy->device, copy->from);
    if (copy->to != NULL)
        copy->device->backend->release(copy->device, copy->to);
    *copy = (mb_bench_copy){0};
}

mb_status mb_bench_copy_rate(mb_bench_copy *copy, double *gigabytes_per_second, mb_error *error) {
    mb_status status = copy->passes > 0 ? MB_OK : find_passes(copy, error);
    *gigabytes_per_second = 0.0;
    for (int repeat = 0; status == MB_OK && repeat < REPEATS; repeat++) {
        double began = mb_bench_seconds();
        status = mb_bench_copy_run(copy, error);
        double rate = 1e-9 * mb_bench_copy_bytes(copy) / (mb_bench_seconds() - began);
        *gigabytes_per_second = rate > *gigabytes_per_second ? rate : *gigabytes_per_second;
    }
    return status;
}

mb_status mb_bench_copy_large(mb_device *device, size_t *bytes, mb_error *error) {
    mb_device_description description;
    mb_status status = device->backend->describe(device, &description, error);
    if (status == MB_OK) {
        int64_t most = description.free_bytes / 8 / 4096 * 4096;
        *bytes = most < (int64_t)512 << 20 ? (size_t)most : (size_t)512 << 20;
        *bytes = *bytes < 4096 ? 4096 : *bytes;
    }
    return status;
}

mb_status mb_bench_copy_ceiling(mb_device *device, size_t *bytes, double *gigabytes_per_second,
                                mb_error *error) {
    mb_bench_copy copy = {0};
    mb_status status = mb_bench_copy_large(device, bytes, error);
    if (status == MB_OK)
        status = mb_bench_copy_open(device, *bytes, &copy, error);
    if (status == MB_OK)
        status = mb_bench_copy_rate(&copy, gigabytes_per_second, error);
    mb_bench_copy_close(&copy);
    return status;
}
