// merbench doctor --device: what this machine has to train on, and whether it works.
#ifndef MB_CLI_DOCTOR_DEVICE_H
#define MB_CLI_DOCTOR_DEVICE_H

#include <stdbool.h>

#include "merbench/status.h"

// MB_BAD_INPUT when the device that `auto` chooses fails its self-test.
mb_status mb_doctor_device(bool json, mb_error *error);

#endif
