// A table of the time of each op of a plan, with the bytes that it moves and its operations.
#ifndef MB_BENCH_OP_TABLE_H
#define MB_BENCH_OP_TABLE_H

#include <stdbool.h>

#include "graph/ops.h"
#include "merbench/status.h"

// One op of the plan, or all ops of a kind. All numbers are for one step of all models.
typedef struct mb_bench_op_line {
    const mb_plan_op *op; // the op; for a kind, the op that moves the most bytes
    int64_t most_bytes;   // of that op
    int32_t count;
    double seconds, bytes, multiply_accumulates;
} mb_bench_op_line;

typedef struct mb_bench_op_table {
    const mb_plan *plan;
    int32_t models;
    double copy;                         // GB/s of the device's own copies; 0 = not measured
    mb_bench_op_line *ops;               // (plan->op_count), in the order of the plan
    mb_bench_op_line kinds[MB_OP_COUNT]; // slowest first
    int32_t kind_count;
    mb_bench_op_line all;
} mb_bench_op_table;

// op_seconds: as in mb_launch, after `steps` steps.
mb_status mb_bench_op_table_make(const mb_plan *plan, int32_t models, double copy,
                                 const double *op_seconds, int32_t steps, mb_bench_op_table *table,
                                 mb_error *error);
void mb_bench_op_table_free(mb_bench_op_table *table);

// Prints the table to stdout, as text or as lines of JSON. With `verbose`, every op of the plan is
// printed first, in order, and lines end with shapes.
void mb_bench_op_table_print(const mb_bench_op_table *table, bool verbose);
void mb_bench_op_table_print_json(const mb_bench_op_table *table, bool verbose);

#endif
