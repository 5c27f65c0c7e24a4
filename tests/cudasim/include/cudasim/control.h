// What tests, also those in C, ask of the simulator.
#ifndef CUDASIM_CONTROL_H
#define CUDASIM_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Whether a context was made on the device.
bool cudasim_has_context(int device);

// Calls of this thread so far that wait for all that the device was given, whatever the stream.
uint64_t cudasim_device_wide_waits(void);

// cudasim::reload_environment(), after which no device has a context.
void cudasim_start_anew(void);

#ifdef __cplusplus
}
#endif

#endif
