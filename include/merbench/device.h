// A device: its memory, copies, marks. The CPU or a GPU; what runs plans on it is executor.h.
#ifndef MERBENCH_DEVICE_H
#define MERBENCH_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "merbench/status.h"

typedef struct mb_device mb_device;
typedef struct mb_executor mb_executor; // executor.h

// What a device says of itself.
typedef struct mb_device_description {
    char text[192];                  // for the ledger: "cpu avx512", "cuda NVIDIA H200 sm_90"
    int64_t total_bytes, free_bytes; // of its memory
} mb_device_description;

typedef struct mb_backend {
    const char *name;        // "cpu", "cuda"
    bool shares_host_memory; // whether host pointers may stand for device memory
    const mb_executor *executor;
    mb_status (*open)(mb_device **device, mb_error *error);
    void (*close)(mb_device *device);
    mb_status (*describe)(mb_device *device, mb_device_description *description, mb_error *error);
    // Memory that the device refuses sets error->out_of_memory.
    mb_status (*allocate)(mb_device *device, size_t bytes, void **memory, mb_error *error);
    void (*release)(mb_device *device, void *memory);
    // Page-locked memory of the host, which the device reads and writes itself, for tables that
    // move every epoch.
    mb_status (*allocate_host)(mb_device *device, size_t bytes, void **memory, mb_error *error);
    void (*release_host)(mb_device *device, void *memory);
    // The copy has read `from` when the call returns, and may have waited for the device.
    mb_status (*upload)(mb_device *device, void *to, const void *from, size_t bytes,
                        mb_error *error);
    // The memory of the host is that of allocate_host. It stays as it is, or has not got everything
    // yet, until the device has come that far: until wait_for_mark of a later mark, synchronize or
    // download returns.
    mb_status (*upload_async)(mb_device *device, void *to, const void *from, size_t bytes,
                              mb_error *error);
    mb_status (*download_async)(mb_device *device, void *to, const void *from, size_t bytes,
                                mb_error *error);
    // While one thread uses the device, another may call these two, describe and allocate. None of
    // them waits for what the device is doing. upload_beside: done when the call returns.
    // release_beside: of memory that no work given to the device needs any more.
    mb_status (*upload_beside)(mb_device *device, void *to, const void *from, size_t bytes,
                               mb_error *error);
    void (*release_beside)(mb_device *device, void *memory);
    mb_status (*download)(mb_device *device, void *to, const void *from, size_t bytes,
                          mb_error *error);
    mb_status (*zero)(mb_device *device, void *memory, size_t bytes, mb_error *error);
    // Within device memory, as fast as it goes: the yardstick of benches.
    mb_status (*copy)(mb_device *device, void *to, const void *from, size_t bytes, mb_error *error);
    // A place in the order of what the device is given, 0 ... MB_DEVICE_MARKS - 1: mark puts it
    // behind what was given so far, wait_for_mark returns when that is done.
    mb_status (*mark)(mb_device *device, int32_t mark, mb_error *error);
    mb_status (*wait_for_mark)(mb_device *device, int32_t mark, mb_error *error);
    mb_status (*synchronize)(mb_device *device, mb_error *error);
} mb_backend;

enum { MB_DEVICE_MARKS = 3 };

// How the CUDA executor multiplies matrices in plans that train nothing. Others always do it in
// float32.
typedef enum mb_precision {
    MB_PRECISION_FLOAT32, // as exact as float32
    MB_PRECISION_TF32,    // operands are rounded to 10 bits of mantissa
} mb_precision;

// Every device starts with its backend.
struct mb_device {
    const mb_backend *backend;
    mb_precision precision; // set when the device is opened
    uint64_t numbers;       // of launches, given out so far
};

extern const mb_backend mb_cpu_backend;

// The CPU executor with the kernels of one instruction set ("avx512", "avx2", "portable"; NULL =
// the best that the processor has). MB_UNSUPPORTED when the processor or the build lacks it.
mb_status mb_cpu_open(const char *isa_name, mb_device **device, mb_error *error);

// The CUDA executor; NULL in a build without CUDA. Opening it takes the first GPU that can be used,
// and makes products in float32.
const mb_backend *mb_cuda_backend(void);

enum { MB_ANY_GPU = -1 }; // the first one that can be used

typedef struct mb_cuda_options {
    mb_precision precision; // other than float32, the description ends in it: "cuda NVIDIA H200
                            // sm_90 tf32"
    int32_t gpu;            // as CUDA numbers those that it shows, from 0; or MB_ANY_GPU
} mb_cuda_options;

// Fails with MB_UNSUPPORTED, and says why, where there is no driver, no GPU, not the one that is
// asked for, or none that can be used.
mb_status mb_cuda_open(const mb_cuda_options *options, mb_device **device, mb_error *error);

#endif
