// How many bytes the ops of a plan have to move.
#ifndef MB_BENCH_BYTES_H
#define MB_BENCH_BYTES_H

#include <stdbool.h>

#include "graph/ops.h"

// The least number of bytes that an op of the plan moves, for one run with a batch of max_rows
// rows, in the middle of a launch. Each number that is read or written counts once, as 4 bytes:
//   operands             as ops.def lists them; if only some columns are read, only those
//   features             if the op reads them from the dataset
//   updated weights      24 bytes each: the weight and its two moments, read and written
//   workspaces           nothing, because executors may do without them
//
// In plans that train, the update of a first layer reads the features of its own batch and of the
// next one, and writes sums (B, O), which SOURCE_LINEAR reads: W is read once a step.
int64_t mb_bench_op_bytes(const mb_plan *plan, const mb_plan_op *op);

// Multiply-adds of an op for one run, as the plan counts them; those of a first layer are counted
// where they are made, in the update of the previous step.
int64_t mb_bench_op_products(const mb_plan *plan, const mb_plan_op *op);

// Whether an op is an update, which applies Adam to params.update.parameter.
bool mb_bench_op_updates(const mb_plan_op *op);

#endif
