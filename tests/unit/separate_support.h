// A device with its own memory, like a GPU: the CPU executor with a limited memory. It checks that
// host pointers are never used as device memory, and it makes asynchronous copies take time.
#ifndef TESTS_SEPARATE_SUPPORT_H
#define TESTS_SEPARATE_SUPPORT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "merbench/executor.h"

enum { SEPARATE_MOST = 4096, SEPARATE_PENDING = 16 };

typedef struct separate_memory {
    void *memory; // NULL: free
    size_t bytes;
} separate_memory;

// Guards `separate`, which two threads use.
static pthread_mutex_t separate_lock = PTHREAD_MUTEX_INITIALIZER;

static struct separate {
    mb_backend backend;
    mb_executor executor;
    separate_memory blocks[SEPARATE_MOST], host[SEPARATE_MOST];
    size_t limit, used, most; // bytes
    int uploads, refusals, runs;
    int concurrent_uploads; // calls of upload_concurrent
    // Called before each of them, without the lock; may be NULL.
    mb_status (*before_upload)(mb_error *error);
    // Asynchronous copies that the caller cannot know to be done. Of an upload: its source, and
    // what the source held. Of a download: its target, and what will arrive there.
    struct {
        const void *from; // NULL: a download
        void *to, *contents;
        size_t bytes;
    } pending[SEPARATE_PENDING];
    int pending_count;
    int noted, marked[MB_DEVICE_MARKS]; // asynchronous copies so far; as each mark was made
} separate;

static inline bool separate_holds(const separate_memory *blocks, const void *memory, size_t bytes) {
    bool holds = false;
    for (int i = 0; i < SEPARATE_MOST && !holds; i++) {
        const char *first = blocks[i].memory;
        holds = first != NULL && (const char *)memory >= first &&
                (const char *)memory + bytes <= first + blocks[i].bytes;
    }
    return holds;
}

static inline void separate_add(separate_memory *blocks, void *memory, size_t bytes) {
    int slot = 0;
    while (blocks[slot].memory != NULL)
        assert_true(++slot < SEPARATE_MOST);
    blocks[slot] = (separate_memory){memory, bytes};
}

static inline size_t separate_remove(separate_memory *blocks, const void *memory) {
    int slot = 0;
    while (blocks[slot].memory != memory)
        assert_true(++slot < SEPARATE_MOST);
    blocks[slot].memory = NULL;
    return blocks[slot].bytes;
}

static inline bool separate_owns(const void *memory) {
    pthread_mutex_lock(&separate_lock);
    bool owned = separate_holds(separate.blocks, memory, 0);
    pthread_mutex_unlock(&separate_lock);
    return owned;
}

static inline mb_status separate_describe(mb_device *device, mb_device_description *description,
                                          mb_error *error) {
    mb_status status = mb_cpu_backend.describe(device, description, error);
    pthread_mutex_lock(&separate_lock);
    description->total_bytes = (int64_t)separate.limit;
    description->free_bytes = (int64_t)(separate.limit - separate.used);
    pthread_mutex_unlock(&separate_lock);
    return status;
}

static inline mb_status separate_allocate(mb_device *device, size_t bytes, void **memory,
                                          mb_error *error) {
    pthread_mutex_lock(&separate_lock);
    mb_status status = MB_OK;
    *memory = NULL;
    if (bytes > separate.limit - separate.used) {
        separate.refusals++;
        status = mb_out_of_memory(error, "memory of the device");
    } else {
        status = mb_cpu_backend.allocate(device, bytes, memory, error);
        separate_add(separate.blocks, *memory, bytes);
        separate.used += bytes;
        separate.most = separate.used > separate.most ? separate.used : separate.most;
    }
    pthread_mutex_unlock(&separate_lock);
    return status;
}

// Also serves as release_concurrent.
static inline void separate_release(mb_device *device, void *memory) {
    pthread_mutex_lock(&separate_lock);
    separate.used -= separate_remove(separate.blocks, memory);
    pthread_mutex_unlock(&separate_lock);
    mb_cpu_backend.release(device, memory);
}

// Completes the first `noted` of all copies: the source of an upload must not have changed, and a
// download arrives.
static inline void separate_settle_first(int noted) {
    int settled = separate.noted - separate.pending_count, count = noted - settled;
    for (int i = 0; i < count; i++) {
        if (separate.pending[i].from != NULL)
            assert_memory_equal(separate.pending[i].from, separate.pending[i].contents,
                                separate.pending[i].bytes);
        else
            memcpy(separate.pending[i].to, separate.pending[i].contents, separate.pending[i].bytes);
        free(separate.pending[i].contents);
    }
    if (count <= 0)
        return;
    separate.pending_count -= count;
    memmove(separate.pending, separate.pending + count,
            (size_t)separate.pending_count * sizeof *separate.pending);
}

static inline void separate_settle(void) {
    separate_settle_first(separate.noted);
}

// Notes what an upload reads, or a download has written.
static inline void separate_note(const void *from, void *to, size_t bytes) {
    void *contents = malloc(bytes);
    assert_non_null(contents);
    assert_true(separate.pending_count < SEPARATE_PENDING);
    memcpy(contents, from != NULL ? from : to, bytes);
    separate.pending[separate.pending_count].from = from;
    separate.pending[separate.pending_count].to = to;
    separate.pending[separate.pending_count].bytes = bytes;
    separate.pending[separate.pending_count++].contents = contents;
    separate.noted++;
}

static inline mb_status separate_mark(mb_device *device, int32_t mark, mb_error *error) {
    assert_in_range(mark, 0, MB_DEVICE_MARKS - 1);
    separate.marked[mark] = separate.noted;
    return mb_cpu_backend.mark(device, mark, error);
}

static inline mb_status separate_wait_for_mark(mb_device *device, int32_t mark, mb_error *error) {
    separate_settle_first(separate.marked[mark]);
    return mb_cpu_backend.wait_for_mark(device, mark, error);
}

static inline mb_status separate_allocate_host(mb_device *device, size_t bytes, void **memory,
                                               mb_error *error) {
    mb_status status = mb_cpu_backend.allocate_host(device, bytes, memory, error);
    memset(*memory, 0xFF, bytes);
    separate_add(separate.host, *memory, bytes);
    return status;
}

static inline void separate_release_host(mb_device *device, void *memory) {
    separate_settle();
    (void)separate_remove(separate.host, memory);
    mb_cpu_backend.release_host(device, memory);
}

static inline mb_status separate_upload(mb_device *device, void *to, const void *from, size_t bytes,
                                        mb_error *error) {
    assert_true(separate_owns(to));
    separate.uploads++;
    return mb_cpu_backend.upload(device, to, from, bytes, error);
}

static inline mb_status separate_upload_async(mb_device *device, void *to, const void *from,
                                              size_t bytes, mb_error *error) {
    assert_true(separate_owns(to));
    assert_true(separate_holds(separate.host, from, bytes));
    separate_note(from, NULL, bytes);
    return mb_cpu_backend.upload_async(device, to, from, bytes, error);
}

static inline mb_status separate_download_async(mb_device *device, void *to, const void *from,
                                                size_t bytes, mb_error *error) {
    assert_true(separate_owns(from));
    assert_true(separate_holds(separate.host, to, bytes));
    mb_status status = mb_cpu_backend.download_async(device, to, from, bytes, error);
    separate_note(NULL, to, bytes);
    memset(to, 0xFF, bytes);
    return status;
}

static inline mb_status separate_download(mb_device *device, void *to, const void *from,
                                          size_t bytes, mb_error *error) {
    assert_true(separate_owns(from));
    separate_settle();
    return mb_cpu_backend.download(device, to, from, bytes, error);
}

static inline mb_status separate_synchronize(mb_device *device, mb_error *error) {
    separate_settle();
    return mb_cpu_backend.synchronize(device, error);
}

static inline mb_status separate_upload_concurrent(mb_device *device, void *to, const void *from,
                                                   size_t bytes, mb_error *error) {
    mb_status status = separate.before_upload != NULL ? separate.before_upload(error) : MB_OK;
    if (status != MB_OK)
        return status;
    assert_true(separate_owns(to));
    pthread_mutex_lock(&separate_lock);
    separate.concurrent_uploads++;
    pthread_mutex_unlock(&separate_lock);
    return mb_cpu_backend.upload_concurrent(device, to, from, bytes, error);
}

static inline int separate_concurrent_uploads(void) {
    pthread_mutex_lock(&separate_lock);
    int uploads = separate.concurrent_uploads;
    pthread_mutex_unlock(&separate_lock);
    return uploads;
}

static inline mb_status separate_run(mb_device *device, const mb_plan *plan,
                                     const mb_launch *launch, mb_error *error) {
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
        assert_true(separate_owns(tables[i]));
    for (int m = 0; m < launch->dataset->stream_count; m++) {
        if (launch->dataset->streams[m].dimension == 0)
            continue;
        assert_true(separate_owns(launch->dataset->streams[m].values));
        if (launch->dataset->streams[m].offsets != NULL)
            assert_true(separate_owns(launch->dataset->streams[m].offsets));
    }
    separate.runs++;
    return mb_cpu_backend.executor->run(device, plan, launch, error);
}

static inline mb_status separate_open_device(mb_device **device, mb_error *error) {
    mb_status status = mb_cpu_open(NULL, device, error);
    if (status == MB_OK)
        (*device)->backend = &separate.backend;
    return status;
}

// The backend in its initial state; for one device at a time.
static inline const mb_backend *separate_begin(size_t limit) {
    separate = (struct separate){
        .backend = mb_cpu_backend, .executor = *mb_cpu_backend.executor, .limit = limit};
    separate.backend.name = "separate";
    separate.backend.shares_host_memory = false;
    separate.backend.executor = &separate.executor;
    separate.executor.steps_per_launch = 3;
    separate.executor.run = separate_run;
    separate.backend.open = separate_open_device;
    separate.backend.allocate = separate_allocate;
    separate.backend.release = separate_release;
    separate.backend.describe = separate_describe;
    separate.backend.allocate_host = separate_allocate_host;
    separate.backend.release_host = separate_release_host;
    separate.backend.upload = separate_upload;
    separate.backend.upload_async = separate_upload_async;
    separate.backend.upload_concurrent = separate_upload_concurrent;
    separate.backend.release_concurrent = separate_release;
    separate.backend.download = separate_download;
    separate.backend.download_async = separate_download_async;
    separate.backend.mark = separate_mark;
    separate.backend.wait_for_mark = separate_wait_for_mark;
    separate.backend.synchronize = separate_synchronize;
    return &separate.backend;
}

static inline mb_device *separate_open(size_t limit) {
    mb_device *device = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(separate_begin(limit)->open(&device, &error), MB_OK);
    return device;
}

// All memory must have been freed.
static inline void separate_close(mb_device *device) {
    assert_int_equal(separate.used, 0);
    mb_cpu_backend.close(device);
}

#endif
