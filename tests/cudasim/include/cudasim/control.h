// Functions of the simulator for tests, also for those in C.
#ifndef CUDASIM_CONTROL_H
#define CUDASIM_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Whether the device has a context.
bool cudasim_has_context(int device);

// The number of calls of this thread so far that wait for all streams of the device.
uint64_t cudasim_device_wide_waits(void);

// cudasim::reload_environment(), after which no device has a context.
void cudasim_start_anew(void);

#ifdef __cplusplus
}
#endif

#endif
