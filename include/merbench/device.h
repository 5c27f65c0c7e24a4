// A device, the CPU or a GPU: how to open it, allocate memory on it and copy to and from it. A
// program opens one, keeps datasets on it (device_cache.h) and trains on it (train.h); executor.h
// declares how plans run on it.
#ifndef MERBENCH_DEVICE_H
#define MERBENCH_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "merbench/status.h"

typedef struct mb_device mb_device;
typedef struct mb_executor mb_executor; // executor.h

enum { MB_DEVICE_TEXT = 192 }; // bytes of a description

// The description of a device.
typedef struct mb_device_description {
    char text[MB_DEVICE_TEXT];       // as the ledger records it: "cuda NVIDIA H200 sm_90"
    int64_t total_bytes, free_bytes; // of its memory
} mb_device_description;

typedef struct mb_backend {
    const char *name;        // "cpu", "cuda"
    bool shares_host_memory; // whether host pointers are valid as device memory
    const mb_executor *executor;
    mb_status (*open)(mb_device **device, mb_error *error);
    void (*close)(mb_device *device);
    mb_status (*describe)(mb_device *device, mb_device_description *description, mb_error *error);
    // Sets error->out_of_memory when the device has too little memory.
    mb_status (*allocate)(mb_device *device, size_t bytes, void **memory, mb_error *error);
    void (*release)(mb_device *device, void *memory);
    // Page-locked host memory, which the device can read and write directly: for tables that are
    // copied every epoch.
    mb_status (*allocate_host)(mb_device *device, size_t bytes, void **memory, mb_error *error);
    void (*release_host)(mb_device *device, void *memory);
    // Has read `from` when it returns. It may wait for the device.
    mb_status (*upload)(mb_device *device, void *to, const void *from, size_t bytes,
                        mb_error *error);
    // Asynchronous copies. The host memory must come from allocate_host. The caller must not change
    // the source of an upload, or read the target of a download, before the device has done the
    // copy: until wait_for_mark on a later mark, synchronize or download returns.
    mb_status (*upload_async)(mb_device *device, void *to, const void *from, size_t bytes,
                              mb_error *error);
    mb_status (*download_async)(mb_device *device, void *to, const void *from, size_t bytes,
                                mb_error *error);
    // While one thread uses the device, another thread may call these two, describe and allocate.
    // None of them waits for work of the device. upload_concurrent returns when the copy is done.
    // release_concurrent frees memory that no queued work still needs.
    mb_status (*upload_concurrent)(mb_device *device, void *to, const void *from, size_t bytes,
                                   mb_error *error);
    void (*release_concurrent)(mb_device *device, void *memory);
    mb_status (*download)(mb_device *device, void *to, const void *from, size_t bytes,
                          mb_error *error);
    mb_status (*zero)(mb_device *device, void *memory, size_t bytes, mb_error *error);
    // Copies within device memory at full speed: the yardstick of the benches.
    mb_status (*copy)(mb_device *device, void *to, const void *from, size_t bytes, mb_error *error);
    // Marks 0 ... MB_DEVICE_MARKS - 1: `mark` queues a mark after all work queued so far;
    // wait_for_mark returns when the device has reached it.
    mb_status (*mark)(mb_device *device, int32_t mark, mb_error *error);
    mb_status (*wait_for_mark)(mb_device *device, int32_t mark, mb_error *error);
    mb_status (*synchronize)(mb_device *device, mb_error *error);
} mb_backend;

enum { MB_DEVICE_MARKS = 3 };

// How the CUDA executor multiplies matrices in plans that do not train. All other products
// are float32.
typedef enum mb_precision {
    MB_PRECISION_FLOAT32, // full float32 accuracy
    MB_PRECISION_TF32,    // operands rounded to 10 bits of mantissa
} mb_precision;

// The common head of every device.
struct mb_device {
    const mb_backend *backend;
    mb_precision precision; // set when the device is opened
    uint64_t launch_ids;    // ids given out so far (mb_device_launch_ids)
    // NULL, or a flag as in merbench/stop.h. Once it is set, work on the device may be left undone:
    // nothing that the device computes from then on means anything.
    const int *stop;
};

extern const mb_backend mb_cpu_backend;

// Opens the CPU executor with the kernels of one instruction set: "avx512", "avx2" or "portable";
// NULL takes the best that the processor has. MB_UNSUPPORTED when the processor or the build
// lacks it.
mb_status mb_cpu_open(const char *isa_name, mb_device **device, mb_error *error);

// The CUDA executor, or NULL in a build without CUDA. Its `open` takes the first usable GPU and
// computes products in float32.
const mb_backend *mb_cuda_backend(void);

enum { MB_ANY_GPU = -1 }; // the first usable GPU

typedef struct mb_cuda_options {
    // A precision other than float32 is appended to the description: "cuda NVIDIA H200 sm_90 tf32".
    mb_precision precision;
    int32_t gpu; // the number of a GPU, from 0, as CUDA counts visible GPUs; or MB_ANY_GPU
} mb_cuda_options;

// Fails with MB_UNSUPPORTED and the reason when there is no driver or no GPU, the requested GPU
// does not exist, or no GPU is usable.
mb_status mb_cuda_open(const mb_cuda_options *options, mb_device **device, mb_error *error);

#endif
