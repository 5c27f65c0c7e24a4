// What the constructors of ops share: they check shapes, record, and return a tensor.
#ifndef MB_GRAPH_CONSTRUCT_H
#define MB_GRAPH_CONSTRUCT_H

#include "graph/graph.h"

// Of ops that have none.
extern const mb_op_params mb_no_params;

// Whether all inputs are there; false also after an earlier failure.
bool mb_given(const mb_graph *graph, const mb_tensor *tensors, int32_t count);

// Records the failure "op: expected ..., found shapes" and returns MB_NO_TENSOR.
mb_tensor mb_refuse(mb_graph *graph, mb_op op, const char *expected, const mb_tensor *tensors,
                    int32_t count);

// What lies side by side in a recurrence over (B, T, D): (B, D) along time, (T, D) along the rows.
mb_shape mb_side_shape(const mb_shape *sequence, mb_recurrence way);

// A new dropout site on a tensor of this shape; mode off where the graph has no dropout. For a mask
// from outside it notes where that will lie.
mb_op_params mb_dropout_params(mb_graph *graph, mb_dropout_site site, const mb_shape *shape);

// An op that keeps the shape of its one input.
mb_tensor mb_same_shape(mb_graph *graph, mb_op op, mb_op_params params, mb_tensor x);

#endif
