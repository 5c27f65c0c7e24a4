// What tests, also those in C, ask of the simulator.
#ifndef CUDASIM_CONTROL_H
#define CUDASIM_CONTROL_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// Whether a context was made on the device.
bool cudasim_has_context(int device);

// cudasim::reload_environment(), after which no device has a context.
void cudasim_start_anew(void);

#ifdef __cplusplus
}
#endif

#endif
