// What the constructors of ops share. A constructor checks shapes, records a node and returns
// its output.
#ifndef MB_GRAPH_CONSTRUCT_H
#define MB_GRAPH_CONSTRUCT_H

#include "graph/graph.h"

// The parameters of an op without parameters.
extern const mb_op_params mb_no_params;

// Whether all inputs exist; false after any failure of the graph.
bool mb_given(const mb_graph *graph, const mb_tensor *tensors, int32_t count);

// Records the failure "op: expected ..., found shapes" and returns MB_NO_TENSOR.
mb_tensor mb_refuse(mb_graph *graph, mb_op op, const char *expected, const mb_tensor *tensors,
                    int32_t count);

// The shape of one element of a recurrence over (B, T, D), with what runs side by side: (B, D)
// along time, (T, D) along the rows.
mb_shape mb_state_shape(const mb_shape *sequence, mb_recurrence way);

// The parameters of a new dropout site on a tensor of this shape; mode MB_DROPOUT_OFF where the
// graph has no dropout. A stored mask gets its offset here.
mb_op_params mb_dropout_params(mb_graph *graph, mb_dropout_site site, const mb_shape *shape);

// Records an op whose output has the shape of its one input.
mb_tensor mb_same_shape(mb_graph *graph, mb_op op, mb_op_params params, mb_tensor x);

#endif
