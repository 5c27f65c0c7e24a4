// merbench doctor --device: what this machine has to train on, and whether it works.
#ifndef MB_CLI_DOCTOR_DEVICE_H
#define MB_CLI_DOCTOR_DEVICE_H

#include <stdbool.h>

#include "cli/device_choice.h"
#include "merbench/status.h"

// MB_BAD_INPUT when the device that `auto`, or the choice of a GPU, comes to fails its self-test;
// MB_UNSUPPORTED when the GPU cannot be used.
mb_status mb_doctor_device(const mb_device_choice *choice, bool json, mb_error *error);

#endif
