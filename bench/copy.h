// How fast a device copies its own memory: an upper limit that can be measured on every device.
#ifndef MB_BENCH_COPY_H
#define MB_BENCH_COPY_H

#include "merbench/device.h"

// Repeated copies of one buffer of device memory to another.
typedef struct mb_bench_copy {
    mb_device *device;
    void *from, *to;
    size_t bytes;
    int32_t passes;
} mb_bench_copy;

// Allocates and fills the buffers, and chooses the number of passes so that a run takes 20 ms or
// more.
mb_status mb_bench_copy_open(mb_device *device, size_t bytes, mb_bench_copy *copy, mb_error *error);
mb_status mb_bench_copy_run(const mb_bench_copy *copy, mb_error *error); // and waits
double mb_bench_copy_bytes(const mb_bench_copy *copy); // of a run, reading and writing
void mb_bench_copy_close(mb_bench_copy *copy);

// The fastest of five runs, in GB/s, counting both reading and writing. `copy` may use memory of
// the caller; if its passes are 0, they are chosen here.
mb_status mb_bench_copy_rate(mb_bench_copy *copy, double *gigabytes_per_second, mb_error *error);

// How many bytes to copy to measure the memory of the device and not its caches: 512 MiB, or less
// if that is not free.
mb_status mb_bench_copy_large(mb_device *device, size_t *bytes, mb_error *error);

// How fast the device copies that many bytes, in GB/s.
mb_status mb_bench_copy_ceiling(mb_device *device, size_t *bytes, double *gigabytes_per_second,
                                mb_error *error);

#endif
