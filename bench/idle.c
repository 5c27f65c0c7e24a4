#include "idle.h"

#include <stdlib.h>
#include <string.h>

#include "merbench/plan.h"

static mb_idle_counts requests;

static mb_status allocate(mb_device *device, size_t bytes, void **memory, mb_error *error) {
    (void)device;
    requests.allocations++;
    *memory = calloc(1, bytes + 1); // predictions may be zeros
    return *memory == NULL ? mb_out_of_memory(error, "device memory") : MB_OK;
}

static mb_status copy(mb_device *device, void *to, const void *from, size_t bytes,
                      mb_error *error) {
    (void)device, (void)error, (void)to, (void)from;
    requests.copies++;
    requests.bytes += (int64_t)bytes;
    return MB_OK;
}

// All losses and tallies are zeros.
static mb_status download_async(mb_device *device, void *to, const void *from, size_t bytes,
                                mb_error *error) {
    memset(to, 0, bytes);
    return copy(device, to, from, bytes, error);
}

static mb_status download(mb_device *device, void *to, const void *from, size_t bytes,
                          mb_error *error) {
    requests.waits++;
    return download_async(device, to, from, bytes, error);
}

static mb_status zero(mb_device *device, void *memory, size_t bytes, mb_error *error) {
    (void)device, (void)memory, (void)bytes, (void)error;
    return MB_OK;
}

static mb_status initialise(mb_device *device, const mb_plan *plan, int32_t run_count,
                            const mb_key *keys, float *parameters, mb_error *error) {
    (void)device, (void)plan, (void)run_count, (void)keys, (void)parameters, (void)error;
    return MB_OK;
}

static mb_status run(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                     mb_error *error) {
    (void)device, (void)error;
    requests.launches++;
    requests.steps += mb_plan_get(plan)->trains ? launch->step_count : 0;
    return MB_OK;
}

static mb_status copy_rows(mb_device *device, const mb_row_copy *rows, mb_error *error) {
    (void)device, (void)rows, (void)error;
    requests.launches++;
    return MB_OK;
}

static mb_status shuffle(mb_device *device, const mb_shuffle_launch *launch, mb_error *error) {
    (void)device, (void)launch, (void)error;
    requests.launches++;
    return MB_OK;
}

static mb_status tally(mb_device *device, const mb_tally_launch *launch, mb_error *error) {
    (void)device, (void)launch, (void)error;
    requests.launches++;
    return MB_OK;
}

static mb_status mark(mb_device *device, int32_t number, mb_error *error) {
    (void)device, (void)number, (void)error;
    return MB_OK;
}

static mb_status wait_for_mark(mb_device *device, int32_t number, mb_error *error) {
    requests.waits++;
    return mark(device, number, error);
}

static mb_status synchronize(mb_device *device, mb_error *error) {
    requests.waits++;
    return mark(device, 0, error);
}

static void release(mb_device *device, void *memory) {
    (void)device;
    free(memory);
}

static const mb_executor idle_executor = {
    .initialise = initialise,
    .copy_rows = copy_rows,
    .shuffle = shuffle,
    .steps_per_launch = 64,
    .work_per_launch = INT64_MAX,
    .run = run,
    .tally = tally,
};

static mb_backend idle_backend(void) {
    mb_backend backend = mb_cpu_backend; // for open, close and describe
    backend.name = "idle";
    backend.shares_host_memory = false;
    backend.executor = &idle_executor;
    backend.allocate = backend.allocate_host = allocate;
    backend.release = backend.release_host = backend.release_concurrent = release;
    backend.upload = backend.upload_async = backend.upload_concurrent = backend.copy = copy;
    backend.download = download;
    backend.download_async = download_async;
    backend.zero = zero;
    backend.mark = mark;
    backend.wait_for_mark = wait_for_mark;
    backend.synchronize = synchronize;
    return backend;
}

mb_status mb_idle_open(mb_idle *idle, mb_error *error) {
    *idle = (mb_idle){.backend = idle_backend()};
    mb_status status = mb_cpu_backend.open(&idle->device, error);
    if (status == MB_OK)
        idle->device->backend = &idle->backend;
    requests = (mb_idle_counts){0};
    return status;
}

const mb_idle_counts *mb_idle_requests(void) {
    return &requests;
}

void mb_idle_close(mb_idle *idle) {
    mb_cpu_backend.close(idle->device);
}
