#include "statistics.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

namespace cudasim {

statistics counts;

static int depth; // of device_time

static double processor_seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

device_time::device_time() : began(processor_seconds(CLOCK_THREAD_CPUTIME_ID)) {
    depth++;
}

device_time::~device_time() {
    if (--depth == 0)
        counts.device_seconds += processor_seconds(CLOCK_THREAD_CPUTIME_ID) - began;
}

static void report() {
    fprintf(stderr,
            "cudasim: {\"kernels\": %llu, \"kernel_launches\": %llu, \"graph_launches\": %llu, "
            "\"copies_up\": %llu, \"bytes_up\": %llu, \"copies_down\": %llu, \"bytes_down\": %llu, "
            "\"allocations\": %llu, \"host_allocations\": %llu, \"waits\": %llu, "
            "\"ranges\": %llu, \"open_ranges\": %lld, \"host_seconds\": %.6f}\n",
            (unsigned long long)counts.kernels, (unsigned long long)counts.kernel_launches,
            (unsigned long long)counts.graph_launches, (unsigned long long)counts.copies_up,
            (unsigned long long)counts.bytes_up, (unsigned long long)counts.copies_down,
            (unsigned long long)counts.bytes_down, (unsigned long long)counts.allocations,
            (unsigned long long)counts.host_allocations, (unsigned long long)counts.waits,
            (unsigned long long)counts.ranges, (long long)counts.open_ranges,
            processor_seconds(CLOCK_PROCESS_CPUTIME_ID) - counts.device_seconds);
}

void report_statistics_at_exit() {
    static bool registered = false;
    if (!registered)
        registered = atexit(report) == 0;
}

} // namespace cudasim
