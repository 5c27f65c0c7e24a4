// What the ops of a plan have to move.
#ifndef MB_BENCH_BYTES_H
#define MB_BENCH_BYTES_H

#include <stdbool.h>

#include "graph/ops.h"

// Bytes that an op of the plan moves at least, for one run with a batch of max_rows rows and in the
// middle of a launch. Each number that it reads counts once, each that it writes once, 4 bytes:
//
//   operands             what the op says of them in ops.def; of those that it reads a part of (a
//                        slice), that part
//   features             where they are read from the dataset
//   weights it steps     24 bytes each: the weight and its two moments, read and written
//   rooms                nothing: whether an executor uses them is its own business
//
// In plans that train, the update of a first layer reads the features of its own batch and of the
// next one, and leaves sums (B, O), which are what SOURCE_LINEAR reads: W is read once a step.
int64_t mb_bench_op_bytes(const mb_plan *plan, const mb_step *step);

// Multiply-adds of an op for one run, as the plan counts them; those of a first layer where they
// are made, in the update of the step before.
int64_t mb_bench_op_products(const mb_plan *plan, const mb_step *step);

// Whether an op ends in Adam: it steps params.update.parameter.
bool mb_bench_op_updates(const mb_step *step);

#endif
