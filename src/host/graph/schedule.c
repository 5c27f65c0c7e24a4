// Dead nodes, fusion, updates.
#include "graph/schedule.h"

#include <stdlib.h>
#include <string.h>

mb_status mb_schedule_make(mb_graph *graph, const bool *kept, mb_schedule *schedule,
                           mb_error *error) {
    *schedule = (mb_schedule){.graph = graph};
    size_t tensors = (size_t)graph->tensor_count, nodes = (size_t)graph->node_count;
    bool *needed = malloc(tensors), *live = calloc(nodes + 1, 1);
    // Fusion of sources makes at most two more tensors a node.
    schedule->kept = calloc(tensors + 2 * nodes + 1, 1);
    schedule->lasting = calloc(tensors + 2 * nodes + 1, 1);
    // Updates replace or follow nodes: at most one more per parameter.
    schedule->nodes =
        malloc((nodes + (size_t)graph->parameter_count + 1) * sizeof *schedule->nodes);
    if (needed == NULL || live == NULL || schedule->kept == NULL || schedule->lasting == NULL ||
        schedule->nodes == NULL) {
        free(needed);
        free(live);
        mb_schedule_free(schedule);
        return mb_out_of_memory(error, "plan");
    }
    memcpy(needed, kept, tensors);
    memcpy(schedule->kept, kept, tensors);
    for (int32_t i = graph->node_count - 1; i >= 0; i--) {
        const mb_node *node = &graph->nodes[i];
        for (int32_t k = 0; k < node->output_count; k++)
            live[i] |= needed[node->outputs[k]];
        for (int32_t k = 0; live[i] && k < node->input_count; k++)
            needed[node->inputs[k]] = true;
    }
    for (int32_t i = 0; i < graph->node_count; i++)
        if (live[i])
            schedule->nodes[schedule->node_count++] = graph->nodes[i];
    free(needed);
    free(live);
    return MB_OK;
}

void mb_schedule_free(mb_schedule *schedule) {
    free(schedule->nodes);
    free(schedule->kept);
    free(schedule->lasting);
    *schedule = (mb_schedule){0};
}

bool mb_node_reads(const mb_node *node, mb_tensor tensor) {
    for (int32_t k = 0; k < node->input_count; k++)
        if (node->inputs[k] == tensor)
            return true;
    return false;
}

// Position of the only reader of `tensor` at or after `from`; -1 for none, -2 for several.
static int32_t only_reader(const mb_schedule *schedule, mb_tensor tensor, int32_t from) {
    int32_t found = -1;
    for (int32_t i = from; i < schedule->node_count; i++)
        if (mb_node_reads(&schedule->nodes[i], tensor)) {
            if (found >= 0)
                return -2;
            found = i;
        }
    return found;
}

void mb_schedule_remove(mb_schedule *schedule, int32_t position) {
    schedule->node_count--;
    memmove(&schedule->nodes[position], &schedule->nodes[position + 1],
            (size_t)(schedule->node_count - position) * sizeof *schedule->nodes);
}

void mb_schedule_fuse_relu(mb_schedule *schedule) {
    for (int32_t i = 0; i < schedule->node_count; i++) {
        mb_node *node = &schedule->nodes[i];
        if (node->op != MB_OP_LINEAR || schedule->kept[node->outputs[0]])
            continue;
        int32_t reader = only_reader(schedule, node->outputs[0], i + 1);
        if (reader < 0 || schedule->nodes[reader].op != MB_OP_RELU)
            continue;
        node->params.linear.relu = true;
        node->outputs[0] = schedule->nodes[reader].outputs[0];
        mb_schedule_remove(schedule, reader);
    }
}

int32_t mb_schedule_producer(const mb_schedule *schedule, mb_tensor tensor) {
    for (int32_t i = 0; i < schedule->node_count; i++)
        for (int32_t k = 0; k < schedule->nodes[i].output_count; k++)
            if (schedule->nodes[i].outputs[k] == tensor)
                return i;
    return -1;
}

// Weight gradients that can be stepped where they are made, and the op that does it.
static const struct {
    mb_op gradient, update;
} fused_updates[] = {
    {MB_OP_LINEAR_GRAD_WEIGHT, MB_OP_LINEAR_UPDATE},
    {MB_OP_RANK_LINEAR_GRAD_WEIGHT, MB_OP_RANK_LINEAR_UPDATE},
    {MB_OP_OUTER_LINEAR_GRAD_WEIGHT, MB_OP_OUTER_LINEAR_UPDATE},
    {MB_OP_CONVOLVE_GRAD_WEIGHT, MB_OP_CONVOLVE_UPDATE},
};

// MB_OP_ADAM where there is none.
static mb_op fused_update_of(mb_op gradient) {
    for (size_t i = 0; i < sizeof fused_updates / sizeof *fused_updates; i++)
        if (fused_updates[i].gradient == gradient)
            return fused_updates[i].update;
    return MB_OP_ADAM;
}

// Whether no other parameter has the same gradient tensor.
static bool only_owner(const mb_graph *graph, const mb_tensor *gradients, mb_tensor parameter) {
    for (mb_tensor other = 0; other < graph->tensor_count; other++)
        if (other != parameter && graph->tensors[other].parameter >= 0 &&
            gradients[other] == gradients[parameter])
            return false;
    return true;
}

mb_status mb_schedule_add_updates(mb_schedule *schedule, const mb_tensor *gradients,
                                  mb_error *error) {
    const mb_graph *graph = schedule->graph;
    for (mb_tensor tensor = 0; tensor < graph->tensor_count; tensor++) {
        const mb_tensor_info *info = &graph->tensors[tensor];
        if (info->parameter < 0 || gradients[tensor] == MB_NO_TENSOR)
            continue;
        mb_tensor gradient = gradients[tensor];
        int32_t position = mb_schedule_producer(schedule, gradient);
        if (position < 0)
            return mb_fail(error, MB_FAILED, "parameter %s: its gradient is made by no node",
                           graph->parameters[info->parameter].name);
        mb_node *producer = &schedule->nodes[position];
        mb_op update = fused_update_of(producer->op);
        if (update != MB_OP_ADAM && only_owner(graph, gradients, tensor) &&
            only_reader(schedule, gradient, position) == -1 &&
            only_reader(schedule, tensor, position) == -1) {
            producer->op = update;
            producer->params.update.parameter = info->parameter;
            producer->output_count = 0;
            continue;
        }
        schedule->nodes[schedule->node_count++] = (mb_node){.op = MB_OP_ADAM,
                                                            .params = {.update = {info->parameter}},
                                                            .input_count = 1,
                                                            .inputs = {gradient}};
    }
    return MB_OK;
}

// Every weight is used once for each row and step.
static int64_t gated_memory_cost(const mb_tensor_info *tensors, const mb_node *node,
                                 const int32_t weights[4], int32_t rows) {
    int64_t elements = 0;
    for (int32_t i = 0; i < 4; i++)
        elements += mb_shape_elements(&tensors[node->inputs[weights[i]]].shape, rows);
    return mb_shape_vectors(&tensors[node->inputs[1]].shape, rows) * elements;
}

// Every vector of dy meets as many vectors of x as the filter is wide.
static int64_t convolution_cost(const mb_shape *x, const mb_shape *dy, int32_t rows) {
    int64_t width = x->dims[1] - dy->dims[1] + 1;
    return mb_shape_elements(dy, rows) * width * mb_shape_last(x);
}

// Products with both cells, with the attention's weight, and of queries with keys. The backward
// pass leaves out the part of the cells that saw y.
static int64_t decoder_cost(const mb_tensor_info *tensors, const mb_node *node, int32_t rows) {
    bool forward = node->op == MB_OP_ATTENTION_DECODER;
    const mb_shape *states = &tensors[node->inputs[1]].shape;
    const mb_shape *alpha = &tensors[forward ? node->outputs[1] : node->inputs[6]].shape;
    int64_t vectors = mb_shape_vectors(states, rows), h = mb_shape_last(states);
    int64_t seen = forward ? mb_shape_last(&tensors[node->inputs[0]].shape) + h : h;
    int64_t products = forward ? 2 : 4; // with keys and values
    return vectors * (2 * 4 * h * seen + 2 * h * h) + mb_shape_elements(alpha, rows) * products * h;
}

int64_t mb_node_cost(const mb_graph *graph, const mb_node *node, int32_t rows) {
    const mb_tensor_info *tensors = graph->tensors;
    const mb_shape *first = node->input_count > 0 ? &tensors[node->inputs[0]].shape : NULL;
    int64_t cost = 0;
    switch (node->op) {
    case MB_OP_LINEAR:
        return mb_shape_vectors(first, rows) *
               mb_shape_elements(&tensors[node->inputs[1]].shape, rows);
    case MB_OP_SOURCE_LINEAR:
        return rows * mb_shape_elements(&tensors[node->inputs[0]].shape, rows);
    case MB_OP_SOURCE_LINEAR_UPDATE: // dy (B, O) -> x (B, I)
        return mb_shape_elements(first, rows) * mb_shape_last(&tensors[node->outputs[0]].shape);
    case MB_OP_LINEAR_THIRDS:
        for (int32_t k = 0; k < 3; k++)
            cost += mb_shape_elements(&tensors[node->inputs[k]].shape, rows) *
                    mb_shape_last(&tensors[node->outputs[k]].shape);
        return cost;
    case MB_OP_LINEAR_GRAD_INPUT:
        for (int32_t k = 0; k < mb_last_count(node, linear_grad_input, dy); k++)
            cost += mb_shape_elements(&tensors[mb_in_last(node, linear_grad_input, dy, k)].shape,
                                      rows) *
                    mb_shape_last(&tensors[node->outputs[0]].shape);
        return cost;
    case MB_OP_LINEAR_GRAD_WEIGHT:
    case MB_OP_LINEAR_UPDATE:
        for (int32_t k = 0; k < node->input_count; k += 2)
            cost += mb_shape_elements(&tensors[node->inputs[k]].shape, rows) *
                    mb_shape_last(&tensors[node->inputs[k + 1]].shape);
        return cost;
    case MB_OP_CONVOLVE: // every vector of y (or dy) meets the filter (O, I, K)
        return mb_shape_vectors(&tensors[node->outputs[0]].shape, rows) *
               mb_shape_elements(&tensors[node->inputs[1]].shape, rows);
    case MB_OP_CONVOLVE_GRAD_INPUT:
        return mb_shape_vectors(first, rows) *
               mb_shape_elements(&tensors[node->inputs[1]].shape, rows);
    case MB_OP_CONVOLVE_GRAD_WEIGHT:
    case MB_OP_CONVOLVE_UPDATE:
        return convolution_cost(first, &tensors[node->inputs[1]].shape, rows);
    case MB_OP_ATTENTION_SCORES: // every element of q meets Lk keys
        return mb_shape_elements(first, rows) * tensors[node->inputs[1]].shape.dims[1];
    case MB_OP_ATTENTION_APPLY: // every weight meets D / heads values
    case MB_OP_ATTENTION_APPLY_TRANSPOSED:
        return mb_shape_elements(first, rows) *
               (mb_shape_last(&tensors[node->inputs[1]].shape) / first->dims[1]);
    case MB_OP_LSTM:
        return mb_shape_vectors(first, rows) *
               mb_shape_elements(&tensors[node->inputs[1]].shape, rows);
    case MB_OP_LSTM_GRAD:
        return mb_shape_vectors(first, rows) *
               mb_shape_elements(&tensors[node->inputs[2]].shape, rows);
    case MB_OP_ATTENTION_DECODER:
    case MB_OP_ATTENTION_DECODER_GRAD:
        return decoder_cost(tensors, node, rows);
    case MB_OP_GATED_MEMORY: // W, V of both gates
        return gated_memory_cost(tensors, node, (const int32_t[]){2, 4, 6, 8}, rows);
    case MB_OP_GATED_MEMORY_GRAD:
        return gated_memory_cost(tensors, node, (const int32_t[]){7, 8, 9, 10}, rows);
    case MB_OP_MEAN_DISCREPANCY: // three, two kernels for each pair of rows
        return 3 * rows * mb_shape_elements(first, rows);
    case MB_OP_MEAN_DISCREPANCY_GRAD:
        return 2 * rows * mb_shape_elements(first, rows);
    case MB_OP_RANK_LINEAR: // x (B, I) or dy (B, K, O) against F (K, I, O)
    case MB_OP_RANK_LINEAR_GRAD_INPUT:
        return rows * mb_shape_elements(&tensors[node->inputs[1]].shape, rows);
    case MB_OP_RANK_LINEAR_GRAD_WEIGHT:
    case MB_OP_RANK_LINEAR_UPDATE: // x (B, I), dy (B, K, O)
        return mb_shape_last(first) * mb_shape_elements(&tensors[node->inputs[1]].shape, rows);
    case MB_OP_WEIGHTED_SUM:
    case MB_OP_WEIGHTED_SUM_GRAD_WEIGHTS:
        return mb_shape_elements(&tensors[node->inputs[1]].shape, rows);
    case MB_OP_OUTER_LINEAR: // a, v, l, W
        return rows * mb_shape_elements(&tensors[node->inputs[3]].shape, rows);
    case MB_OP_OUTER_LINEAR_GRAD_INPUTS: // dy, a, v, l, W
        return rows * mb_shape_elements(&tensors[node->inputs[4]].shape, rows);
    case MB_OP_OUTER_LINEAR_GRAD_WEIGHT:
    case MB_OP_OUTER_LINEAR_UPDATE: // a, v, l, dy
        return mb_shape_elements(first, rows) * mb_shape_last(&tensors[node->inputs[1]].shape) *
               mb_shape_last(&tensors[node->inputs[2]].shape) *
               mb_shape_last(&tensors[node->inputs[3]].shape);
    case MB_OP_MIX:
    case MB_OP_MIX_GRAD_WEIGHTS:
        return mb_shape_elements(&tensors[node->inputs[1]].shape, rows);
    case MB_OP_CONTRASTIVE:
        return rows * mb_shape_elements(first, rows);
    case MB_OP_CONTRASTIVE_GRAD:
        return 2 * rows * mb_shape_elements(first, rows);
    case MB_OP_OVERLAP:
    case MB_OP_OVERLAP_GRAD:
        return rows * mb_shape_elements(first, rows);
    default:
        return 0; // elementwise: no products
    }
}
