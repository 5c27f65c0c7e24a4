// A self-test of devices: whether a small array of models trains as on the CPU. `merbench doctor
// --device` runs it.
#ifndef MERBENCH_SELF_TEST_H
#define MERBENCH_SELF_TEST_H

#include "merbench/device.h"

#define MB_SELF_TEST_LIMIT 1e-4 // the largest acceptable *difference

// Trains three small attention models, with dropout and parts of different sizes, on made-up data,
// on the device and on `reference`, a CPU executor. *difference is the largest relative L2 distance
// between their loss curves and between their predictions; infinite when the runs ended
// differently. Fails when training fails.
mb_status mb_self_test(mb_device *device, mb_device *reference, double *difference,
                       mb_error *error);

#endif
