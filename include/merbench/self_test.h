// Whether a device trains as it should: a small array of models against a CPU executor.
#ifndef MERBENCH_SELF_TEST_H
#define MERBENCH_SELF_TEST_H

#include "merbench/device.h"

#define MB_SELF_TEST_LIMIT 1e-4 // of *difference

// Trains three small attention models, with dropout and unequal parts, on made-up data on the
// device and on `reference`, a CPU executor. *difference: the largest relative L2 distance between
// the loss curves and the predictions of both; infinite when the runs ended differently. A failure
// is that of training.
mb_status mb_self_test(mb_device *device, mb_device *reference, double *difference,
                       mb_error *error);

#endif
