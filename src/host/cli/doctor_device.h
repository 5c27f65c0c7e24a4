// merbench doctor --device: which devices this machine has for training, and whether they work.
#ifndef MB_CLI_DOCTOR_DEVICE_H
#define MB_CLI_DOCTOR_DEVICE_H

#include <stdbool.h>

#include "cli/device_choice.h"
#include "merbench/status.h"

// MB_BAD_INPUT: the device that `auto` or --gpu chooses fails its self-test. MB_UNSUPPORTED: the
// GPU cannot be used.
mb_status mb_doctor_device(const mb_device_choice *choice, bool json, mb_error *error);

#endif
