// Counts the host's calls: CUDASIM_STATISTICS.
#ifndef CUDASIM_STATISTICS_H
#define CUDASIM_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

namespace cudasim {

struct statistics {
    uint64_t kernels;                         // kernels that were executed
    uint64_t kernel_launches, graph_launches; // by the host, not those that are captured
    uint64_t copies_up, copies_down, bytes_up, bytes_down;
    uint64_t allocations, host_allocations; // of device memory, of page-locked memory
    uint64_t waits;                         // calls that wait for the device
    uint64_t ranges;                        // of NVTX
    int64_t open_ranges;
    double device_seconds; // processor time of kernels and copies
};

// The counts; guarded by the lock of the runtime.
extern statistics counts;

// Adds the time from its construction to its destruction to counts.device_seconds; nested ones are
// counted once.
struct device_time {
    double began;
    device_time();
    ~device_time();
};

// Makes the process print the counts to standard error when it ends.
void report_statistics_at_exit();

} // namespace cudasim

#endif
