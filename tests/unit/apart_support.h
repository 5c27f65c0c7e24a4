// A device with memory of its own, as a GPU has: the CPU executor, but the host's arrays are none
// of its business, its memory is limited, and asynchronous uploads take their time.
#ifndef TESTS_APART_SUPPORT_H
#define TESTS_APART_SUPPORT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "merbench/executor.h"

enum { APART_MOST = 4096, APART_PENDING = 16 };

typedef struct apart_memory {
    void *memory; // NULL: free
    size_t bytes;
} apart_memory;

static pthread_mutex_t apart_lock = PTHREAD_MUTEX_INITIALIZER; // of `apart`: two threads call

static struct apart {
    mb_backend backend;
    mb_executor executor;
    apart_memory blocks[APART_MOST], host[APART_MOST];
    size_t limit, used, most; // bytes
    int uploads, refusals, runs;
    int beside; // uploads by another thread than the one that uses the device
    // Before each of them, without the lock; may be NULL.
    mb_status (*before_beside)(mb_error *error);
    // What still moves, as far as the caller can know: where from, and what stood there; or where
    // to, and what arrives there.
    struct {
        const void *from; // NULL: a download
        void *to, *contents;
        size_t bytes;
    } pending[APART_PENDING];
    int pending_count;
    int noted, marked[MB_DEVICE_MARKS]; // asynchronous copies so far; when a mark was made
} apart;

static inline bool apart_holds(const apart_memory *blocks, const void *memory, size_t bytes) {
    bool holds = false;
    for (int i = 0; i < APART_MOST && !holds; i++) {
        const char *first = blocks[i].memory;
        holds = first != NULL && (const char *)memory >= first &&
                (const char *)memory + bytes <= first + blocks[i].bytes;
    }
    return holds;
}

static inline void apart_add(apart_memory *blocks, void *memory, size_t bytes) {
    int slot = 0;
    while (blocks[slot].memory != NULL)
        assert_true(++slot < APART_MOST);
    blocks[slot] = (apart_memory){memory, bytes};
}

static inline size_t apart_remove(apart_memory *blocks, const void *memory) {
    int slot = 0;
    while (blocks[slot].memory != memory)
        assert_true(++slot < APART_MOST);
    blocks[slot].memory = NULL;
    return blocks[slot].bytes;
}

static inline bool apart_owns(const void *memory) {
    pthread_mutex_lock(&apart_lock);
    bool owned = apart_holds(apart.blocks, memory, 0);
    pthread_mutex_unlock(&apart_lock);
    return owned;
}

static inline mb_status apart_describe(mb_device *device, mb_device_description *description,
                                       mb_error *error) {
    mb_status status = mb_cpu_backend.describe(device, description, error);
    pthread_mutex_lock(&apart_lock);
    description->total_bytes = (int64_t)apart.limit;
    description->free_bytes = (int64_t)(apart.limit - apart.used);
    pthread_mutex_unlock(&apart_lock);
    return status;
}

static inline mb_status apart_allocate(mb_device *device, size_t bytes, void **memory,
                                       mb_error *error) {
    pthread_mutex_lock(&apart_lock);
    mb_status status = MB_OK;
    *memory = NULL;
    if (bytes > apart.limit - apart.used) {
        apart.refusals++;
        status = mb_out_of_memory(error, "memory of the device");
    } else {
        status = mb_cpu_backend.allocate(device, bytes, memory, error);
        apart_add(apart.blocks, *memory, bytes);
        apart.used += bytes;
        apart.most = apart.used > apart.most ? apart.used : apart.most;
    }
    pthread_mutex_unlock(&apart_lock);
    return status;
}

// As release_beside, too.
static inline void apart_release(mb_device *device, void *memory) {
    pthread_mutex_lock(&apart_lock);
    apart.used -= apart_remove(apart.blocks, memory);
    pthread_mutex_unlock(&apart_lock);
    mb_cpu_backend.release(device, memory);
}

// The first `noted` of all copies are done: what was being uploaded did not change before that
// could be known, and what was being downloaded is there now.
static inline void apart_settle_first(int noted) {
    int settled = apart.noted - apart.pending_count, count = noted - settled;
    for (int i = 0; i < count; i++) {
        if (apart.pending[i].from != NULL)
            assert_memory_equal(apart.pending[i].from, apart.pending[i].contents,
                                apart.pending[i].bytes);
        else
            memcpy(apart.pending[i].to, apart.pending[i].contents, apart.pending[i].bytes);
        free(apart.pending[i].contents);
    }
    if (count <= 0)
        return;
    apart.pending_count -= count;
    memmove(apart.pending, apart.pending + count,
            (size_t)apart.pending_count * sizeof *apart.pending);
}

static inline void apart_settle(void) {
    apart_settle_first(apart.noted);
}

// Keeps what an upload reads from, or a download has written to.
static inline void apart_note(const void *from, void *to, size_t bytes) {
    void *contents = malloc(bytes);
    assert_non_null(contents);
    assert_true(apart.pending_count < APART_PENDING);
    memcpy(contents, from != NULL ? from : to, bytes);
    apart.pending[apart.pending_count].from = from;
    apart.pending[apart.pending_count].to = to;
    apart.pending[apart.pending_count].bytes = bytes;
    apart.pending[apart.pending_count++].contents = contents;
    apart.noted++;
}

static inline mb_status apart_mark(mb_device *device, int32_t mark, mb_error *error) {
    assert_in_range(mark, 0, MB_DEVICE_MARKS - 1);
    apart.marked[mark] = apart.noted;
    return mb_cpu_backend.mark(device, mark, error);
}

static inline mb_status apart_wait_for_mark(mb_device *device, int32_t mark, mb_error *error) {
    apart_settle_first(apart.marked[mark]);
    return mb_cpu_backend.wait_for_mark(device, mark, error);
}

static inline mb_status apart_allocate_host(mb_device *device, size_t bytes, void **memory,
                                            mb_error *error) {
    mb_status status = mb_cpu_backend.allocate_host(device, bytes, memory, error);
    memset(*memory, 0xFF, bytes);
    apart_add(apart.host, *memory, bytes);
    return status;
}

static inline void apart_release_host(mb_device *device, void *memory) {
    apart_settle();
    (void)apart_remove(apart.host, memory);
    mb_cpu_backend.release_host(device, memory);
}

static inline mb_status apart_upload(mb_device *device, void *to, const void *from, size_t bytes,
                                     mb_error *error) {
    assert_true(apart_owns(to));
    apart.uploads++;
    return mb_cpu_backend.upload(device, to, from, bytes, error);
}

static inline mb_status apart_upload_async(mb_device *device, void *to, const void *from,
                                           size_t bytes, mb_error *error) {
    assert_true(apart_owns(to));
    assert_true(apart_holds(apart.host, from, bytes));
    apart_note(from, NULL, bytes);
    return mb_cpu_backend.upload_async(device, to, from, bytes, error);
}

static inline mb_status apart_download_async(mb_device *device, void *to, const void *from,
                                             size_t bytes, mb_error *error) {
    assert_true(apart_owns(from));
    assert_true(apart_holds(apart.host, to, bytes));
    mb_status status = mb_cpu_backend.download_async(device, to, from, bytes, error);
    apart_note(NULL, to, bytes);
    memset(to, 0xFF, bytes);
    return status;
}

static inline mb_status apart_download(mb_device *device, void *to, const void *from, size_t bytes,
                                       mb_error *error) {
    assert_true(apart_owns(from));
    apart_settle();
    return mb_cpu_backend.download(device, to, from, bytes, error);
}

static inline mb_status apart_synchronize(mb_device *device, mb_error *error) {
    apart_settle();
    return mb_cpu_backend.synchronize(device, error);
}

static inline mb_status apart_upload_beside(mb_device *device, void *to, const void *from,
                                            size_t bytes, mb_error *error) {
    mb_status status = apart.before_beside != NULL ? apart.before_beside(error) : MB_OK;
    if (status != MB_OK)
        return status;
    assert_true(apart_owns(to));
    pthread_mutex_lock(&apart_lock);
    apart.beside++;
    pthread_mutex_unlock(&apart_lock);
    return mb_cpu_backend.upload_beside(device, to, from, bytes, error);
}

static inline int apart_beside(void) {
    pthread_mutex_lock(&apart_lock);
    int beside = apart.beside;
    pthread_mutex_unlock(&apart_lock);
    return beside;
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
    for (int m = 0; m < launch->dataset->stream_count; m++) {
        if (launch->dataset->streams[m].dimension == 0)
            continue;
        assert_true(apart_owns(launch->dataset->streams[m].values));
        if (launch->dataset->streams[m].offsets != NULL)
            assert_true(apart_owns(launch->dataset->streams[m].offsets));
    }
    apart.runs++;
    return mb_cpu_backend.executor->run(device, plan, launch, error);
}

static inline mb_status apart_open_device(mb_device **device, mb_error *error) {
    mb_status status = mb_cpu_open(NULL, device, error);
    if (status == MB_OK)
        (*device)->backend = &apart.backend;
    return status;
}

// The backend, as it is when the program starts; one device at a time.
static inline const mb_backend *apart_begin(size_t limit) {
    apart = (struct apart){
        .backend = mb_cpu_backend, .executor = *mb_cpu_backend.executor, .limit = limit};
    apart.backend.name = "apart";
    apart.backend.shares_host_memory = false;
    apart.backend.executor = &apart.executor;
    apart.executor.steps_per_launch = 3;
    apart.executor.run = apart_run;
    apart.backend.open = apart_open_device;
    apart.backend.allocate = apart_allocate;
    apart.backend.release = apart_release;
    apart.backend.describe = apart_describe;
    apart.backend.allocate_host = apart_allocate_host;
    apart.backend.release_host = apart_release_host;
    apart.backend.upload = apart_upload;
    apart.backend.upload_async = apart_upload_async;
    apart.backend.upload_beside = apart_upload_beside;
    apart.backend.release_beside = apart_release;
    apart.backend.download = apart_download;
    apart.backend.download_async = apart_download_async;
    apart.backend.mark = apart_mark;
    apart.backend.wait_for_mark = apart_wait_for_mark;
    apart.backend.synchronize = apart_synchronize;
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
    mb_cpu_backend.close(device);
}

#endif
