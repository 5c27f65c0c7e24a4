// The inside of a graph: tensors and nodes, in the order in which they were recorded.
#ifndef MB_GRAPH_GRAPH_H
#define MB_GRAPH_GRAPH_H

#include <stddef.h>

#include "graph/ops.h"
#include "merbench/graph.h"

typedef struct mb_node {
    mb_op op;
    mb_op_params params;
    int32_t input_count, output_count;
    mb_tensor inputs[MB_MAX_INPUTS];
    mb_tensor outputs[MB_MAX_OUTPUTS];
} mb_node;

typedef struct mb_tensor_info {
    mb_shape shape;
    int32_t producer;  // index of its node, or -1 for a parameter
    int32_t parameter; // index in the parameter list, or -1
    bool needs_gradient;
} mb_tensor_info;

struct mb_graph {
    mb_dropout_mode dropout;
    mb_status status;
    mb_error error;
    int32_t node_count, node_capacity;
    mb_node *nodes;
    int32_t tensor_count, tensor_capacity;
    mb_tensor_info *tensors;
    int32_t parameter_count, parameter_capacity;
    mb_parameter *parameters; // without offsets, which the plan sets
    uint32_t dropout_sites, noise_sites;
    int32_t mask_count, mask_capacity; // stored masks and noise, in the order of the sites
    mb_mask_location *masks;
    int64_t mask_floats;
    int32_t max_rows; // of a batch
};

bool mb_shape_equal(const mb_shape *a, const mb_shape *b);

// Makes room for one more element of a list. False, and a failure of the graph, when out of memory.
bool mb_graph_reserve(mb_graph *graph, void **items, int32_t count, int32_t *capacity, size_t size);

// Records a node and fills `outputs` with new tensors of the given shapes. False after any failure
// of the graph.
bool mb_graph_add(mb_graph *graph, mb_op op, mb_op_params params, const mb_tensor *inputs,
                  int32_t input_count, const mb_shape *output_shapes, mb_tensor *outputs);
// The same for ops with one output.
mb_tensor mb_graph_add_one(mb_graph *graph, mb_op op, mb_op_params params, const mb_tensor *inputs,
                           int32_t input_count, mb_shape shape);

// The labels of the batch. -> (B)
mb_tensor mb_graph_labels(mb_graph *graph, mb_labels which);

// Appends the backward pass of `loss` (1). For every tensor that the graph had before the call,
// gradients[tensor] becomes the tensor of d loss / d tensor, or MB_NO_TENSOR if the loss does not
// depend on it.
mb_status mb_graph_differentiate(mb_graph *graph, mb_tensor loss, mb_tensor *gradients,
                                 mb_error *error);

#endif
