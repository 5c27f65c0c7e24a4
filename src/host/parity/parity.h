// Comparison of the engine with stored values of the reference toolkit.
//
// A file holds one model with its inputs, start parameters, outputs, losses, gradients and twenty
// Adam steps, or a whole training loop. Errors are relative L2 errors per tensor, ||x - ref|| /
// ||ref||; the limit is max(limit of the group, 20 * fp64_rel), where fp64_rel is the distance
// between the reference's own float32 and float64 results.
#ifndef MB_PARITY_PARITY_H
#define MB_PARITY_PARITY_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/device.h"
#include "merbench/status.h"

enum { MB_PARITY_MOST_GROUPS = 8 };

// On a device that multiplies in TF32, which has 11 bits where float32 has 24, no limit of what is
// not trained is narrower.
#define MB_PARITY_TF32_LIMIT 2e-2

// Outputs, gradients, ...: the tensor that is worst in relation to its limit.
typedef struct mb_parity_group {
    const char *name;
    int32_t compared;   // tensors
    int32_t failed;     // of them beyond the limit
    double worst_error; // of the tensor with the largest error / limit
    double worst_limit;
    char worst_tensor[128];
} mb_parity_group;

typedef struct mb_parity_report {
    char model[64];
    int32_t group_count;
    mb_parity_group groups[MB_PARITY_MOST_GROUPS];
    char finding[512]; // what does not fit at all: a tensor that is missing on one side, ...
} mb_parity_report;

// MB_OK: everything holds. MB_BAD_INPUT: a limit is broken (*report tells which) or the file cannot
// be used. MB_UNSUPPORTED: a model or kind of file that is not known; the message says which.
mb_status mb_parity_file(mb_device *device, const char *path, mb_parity_report *report,
                         mb_error *error);

#endif
