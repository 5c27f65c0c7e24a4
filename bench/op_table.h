// What the ops of a plan took, beside what they move and compute: lines of a table.
#ifndef MB_BENCH_OP_TABLE_H
#define MB_BENCH_OP_TABLE_H

#include <stdbool.h>

#include "graph/ops.h"
#include "merbench/status.h"

// An op of the plan, or all of a kind. All numbers are of one step of all models.
typedef struct mb_bench_op_line {
    const mb_step *step; // the op; of a kind, the one that moves most
    int64_t most_bytes;  // that one's
    int32_t count;
    double seconds, bytes, multiply_accumulates;
} mb_bench_op_line;

typedef struct mb_bench_op_table {
    const mb_plan *plan;
    int32_t models;
    double copy;                         // GB/s of the device's own copies; 0 = not measured
    mb_bench_op_line *ops;               // (plan's steps), in their order
    mb_bench_op_line kinds[MB_OP_COUNT]; // slowest first
    int32_t kind_count;
    mb_bench_op_line all;
} mb_bench_op_table;

// op_seconds: as a launch leaves them (mb_launch) after so many steps.
mb_status mb_bench_op_table_make(const mb_plan *plan, int32_t models, double copy,
                                 const double *op_seconds, int32_t steps, mb_bench_op_table *table,
                                 mb_error *error);
void mb_bench_op_table_free(mb_bench_op_table *table);

// To stdout, as text or as a line of JSON for every line. With `verbose`, every op of the plan in
// its order comes first, and shapes stand behind each line.
void mb_bench_op_table_print(const mb_bench_op_table *table, bool verbose);
void mb_bench_op_table_print_json(const mb_bench_op_table *table, bool verbose);

#endif
