// A device with memory of its own, as a GPU has: the CPU executor, but the host's arrays are none
// of its business, and its memory is limited.
#ifndef TESTS_APART_SUPPORT_H
#define TESTS_APART_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "merbench/device.h"

enum { APART_MOST = 4096 };

static struct apart {
    mb_backend backend;
    struct {
        void *memory;
        size_t bytes;
    } blocks[APART_MOST];     // memory NULL: free
    size_t limit, used, most; // bytes
    int uploads, refusals, runs;
} apart;

static inline bool apart_owns(const void *memory) {
    for (int i = 0; i < APART_MOST; i++) {
        const char *first = apart.blocks[i].memory;
        if (first != NULL && (const char *)memory >= first &&
            (const char *)memory <= first + apart.blocks[i].bytes)
            return true;
    }
    return false;
}

static inline mb_status apart_allocate(mb_device *device, size_t bytes, void **memory,
                                       mb_error *error) {
    int slot = 0;
    if (apart.used + bytes > apart.limit) {
        apart.refusals++;
        *memory = NULL;
        return mb_out_of_memory(error, "memory of the device");
    }
    while (apart.blocks[slot].memory != NULL)
        assert_true(++slot < APART_MOST);
    mb_status status = mb_cpu_backend.allocate(device, bytes, memory, error);
    apart.blocks[slot].memory = *memory;
    apart.blocks[slot].bytes = bytes;
    apart.used += bytes;
    apart.most = apart.used > apart.most ? apart.used : apart.most;
    return status;
}

static inline void apart_release(mb_device *device, void *memory) {
    int slot = 0;
    while (apart.blocks[slot].memory != memory)
        assert_true(++slot < APART_MOST);
    apart.used -= apart.blocks[slot].bytes;
    apart.blocks[slot].memory = NULL;
    mb_cpu_backend.release(device, memory);
}

static inline mb_status apart_upload(mb_device *device, void *to, const void *from, size_t bytes,
                                     mb_error *error) {
    assert_true(apart_owns(to));
    apart.uploads++;
    return mb_cpu_backend.upload(device, to, from, bytes, error);
}

static inline mb_status apart_run(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                                  mb_error *error) {
    const void *tables[] = {launch->indices,
                            launch->rows,
                            launch->parameters,
                            launch->arena,
                            launch->slots,
                            launch->keys,
                            launch->steps,
                            launch->dataset->emotions,
                            launch->dataset->valences};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        assert_true(apart_owns(tables[i]));
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        if (launch->dataset->modalities[m].dimension == 0)
            continue;
        assert_true(apart_owns(launch->dataset->modalities[m].values));
        if (launch->dataset->modalities[m].offsets != NULL)
            assert_true(apart_owns(launch->dataset->modalities[m].offsets));
    }
    apart.runs++;
    return mb_cpu_backend.run(device, plan, launch, error);
}

static inline mb_status apart_open_device(mb_device **device, mb_error *error) {
    mb_status status = mb_cpu_open(NULL, device, error);
    if (status == MB_OK)
        (*device)->backend = &apart.backend;
    return status;
}

// The backend, as it is when the program starts; one device at a time.
static inline const mb_backend *apart_begin(size_t limit) {
    apart = (struct apart){.backend = mb_cpu_backend, .limit = limit};
    apart.backend.name = "apart";
    apart.backend.shares_host_memory = false;
    apart.backend.steps_per_launch = 3;
    apart.backend.open = apart_open_device;
    apart.backend.allocate = apart_allocate;
    apart.backend.release = apart_release;
    apart.backend.upload = apart_upload;
    apart.backend.run = apart_run;
    return &apart.backend;
}

static inline mb_device *apart_open(size_t limit) {
    mb_device *device = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(apart_begin(limit)->open(&device, &error), MB_OK);
    return device;
}

// Everything was given back.
static inline void apart_close(mb_device *device) {
    assert_int_equal(apart.used, 0);
    assert_null(device->residents);
    mb_cpu_backend.close(device);
}

#endif
