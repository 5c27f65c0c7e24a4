// Counts of what the host asks of the device: CUDASIM_STATISTICS.
#ifndef CUDASIM_STATISTICS_H
#define CUDASIM_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

namespace cudasim {

struct statistics {
    uint64_t kernels;                         // that ran
    uint64_t kernel_launches, graph_launches; // by the host; those of a capture are none
    uint64_t copies_up, copies_down, bytes_up, bytes_down;
    uint64_t allocations, host_allocations; // of device memory, of page-locked memory
    uint64_t waits;                         // calls that wait for the device
    uint64_t ranges;                        // of NVTX
    int64_t open_ranges;
    double device_seconds; // of the processor, for kernels and copies
};

// Counts that are kept; the lock of the runtime guards them.
extern statistics counts;

// Adds the time from its making to its end to counts.device_seconds; those within others count
// once.
struct device_time {
    double began;
    device_time();
    ~device_time();
};

// Has the counts written to standard error when the process ends.
void report_statistics_at_exit();

} // namespace cudasim

#endif
