// Compares the engine with stored values of the reference toolkit.
//
// A file has one model with its inputs, start parameters, outputs, losses, gradients and twenty
// Adam steps, or a whole training loop, or results of data rules or metrics. Errors of tensors are
// relative L2 errors, ||x - ref|| / ||ref||. The limit is max(limit of the group, 20 * fp64_rel),
// where fp64_rel is the distance between the float32 and float64 results of the reference itself.
#ifndef MB_PARITY_PARITY_H
#define MB_PARITY_PARITY_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/device.h"
#include "merbench/status.h"

enum { MB_PARITY_MOST_GROUPS = 8 };

// The smallest limit, but for training, on a device that multiplies in TF32, which has 11 bits of
// mantissa where float32 has 24.
#define MB_PARITY_TF32_LIMIT 2e-2

// A group of tensors: outputs, gradients, ...
typedef struct mb_parity_group {
    const char *name;
    int32_t compared;   // number of tensors
    int32_t failed;     // number of them beyond their limits
    double worst_error; // and below: of the tensor with the largest error / limit
    double worst_limit;
    char worst_tensor[128];
} mb_parity_group;

typedef struct mb_parity_report {
    char model[64];
    int32_t group_count;
    mb_parity_group groups[MB_PARITY_MOST_GROUPS];
    char finding[512]; // a difference that is not a number: a tensor is missing, ...
} mb_parity_report;

// MB_OK: every comparison is within its limit. MB_BAD_INPUT: one is not (*report tells which),
// or the file cannot be used. MB_UNSUPPORTED: an unknown model or kind of file; the message
// says which. MB_FAILED: no memory, or the file could not be read.
mb_status mb_parity_file(mb_device *device, const char *path, mb_parity_report *report,
                         mb_error *error);

#endif
