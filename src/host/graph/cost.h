// The cost of an op of a plan.
#ifndef MB_GRAPH_COST_H
#define MB_GRAPH_COST_H

#include "graph/ops.h"

// Multiply-accumulates of an op with known operands, for a batch of `rows` rows.
int64_t mb_plan_op_cost(const mb_plan_op *op, int32_t rows);

#endif
