// What a step costs.
#ifndef MB_GRAPH_COST_H
#define MB_GRAPH_COST_H

#include "graph/ops.h"

// Multiply-accumulates of a step whose operands are known.
int64_t mb_step_cost(const mb_step *step, int32_t rows);

#endif
