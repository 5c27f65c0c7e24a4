// How fast a device copies its own memory: the ceiling that both devices have.
#ifndef MB_BENCH_COPY_H
#define MB_BENCH_COPY_H

#include "merbench/device.h"

// Copies of one piece of device memory to another, again and again.
typedef struct mb_bench_copy {
    mb_device *device;
    void *from, *to;
    size_t bytes;
    int32_t passes;
} mb_bench_copy;

// Memory of its own, filled, and so many passes that the clock can tell (20 ms or more).
mb_status mb_bench_copy_open(mb_device *device, size_t bytes, mb_bench_copy *copy, mb_error *error);
mb_status mb_bench_copy_run(const mb_bench_copy *copy, mb_error *error); // waits for the end
double mb_bench_copy_bytes(const mb_bench_copy *copy); // of a run, read and written
void mb_bench_copy_close(mb_bench_copy *copy);

// The fastest of five runs, in GB/s, reading and writing counted. `copy` may point into memory of
// the caller, its passes 0: then they are found here.
mb_status mb_bench_copy_rate(mb_bench_copy *copy, double *gigabytes_per_second, mb_error *error);

// Bytes to copy in order to learn what the memory of the device does, not its caches: 512 MiB, less
// where that is not free.
mb_status mb_bench_copy_large(mb_device *device, size_t *bytes, mb_error *error);

// How fast the device copies so many bytes, in GB/s.
mb_status mb_bench_copy_ceiling(mb_device *device, size_t *bytes, double *gigabytes_per_second,
                                mb_error *error);

#endif
