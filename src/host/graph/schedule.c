// The planner: dead nodes, fusion, updates.
#include "graph/schedule.h"

#include <stdlib.h>
#include <string.h>

mb_status mb_schedule_make(mb_graph *graph, const bool *kept, mb_schedule *schedule,
                           mb_error *error) {
    *schedule = (mb_schedule){.graph = graph};
    size_t tensors = (size_t)graph->tensor_count, nodes = (size_t)graph->node_count;
    bool *needed = malloc(tensors), *live = calloc(nodes + 1, 1);
    // The fusion of sources adds at most two tensors for each node.
    schedule->kept = calloc(tensors + 2 * nodes + 1, 1);
    schedule->persistent = calloc(tensors + 2 * nodes + 1, 1);
    // Updates add at most one node for each parameter.
    schedule->nodes =
        malloc((nodes + (size_t)graph->parameter_count + 1) * sizeof *schedule->nodes);
    if (needed == NULL || live == NULL || schedule->kept == NULL || schedule->persistent == NULL ||
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
    free(schedule->persistent);
    *schedule = (mb_schedule){0};
}

bool mb_node_reads(const mb_node *node, mb_tensor tensor) {
    for (int32_t k = 0; k < node->input_count; k++)
        if (node->inputs[k] == tensor)
            return true;
    return false;
}

// The index of the only reader of `tensor` from node `from` on; -1 for none, -2 for several.
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

// Ops that make weight gradients, and the ops that apply Adam to the weights instead.
static const struct {
    mb_op gradient, update;
} fused_updates[] = {
    {MB_OP_LINEAR_GRAD_WEIGHT, MB_OP_LINEAR_UPDATE},
    {MB_OP_RANK_LINEAR_GRAD_WEIGHT, MB_OP_RANK_LINEAR_UPDATE},
    {MB_OP_OUTER_LINEAR_GRAD_WEIGHT, MB_OP_OUTER_LINEAR_UPDATE},
    {MB_OP_CONVOLVE_GRAD_WEIGHT, MB_OP_CONVOLVE_UPDATE},
};

// The update takes the inputs of the gradient in the same order.
#define SAME_INPUTS(gradient, update)                                                              \
    _Static_assert(sizeof(mb_##gradient##_inputs) == sizeof(mb_##update##_inputs) &&               \
                       MB_INPUT(gradient, dy) == MB_INPUT(update, dy),                             \
                   #update " has other inputs than " #gradient)
SAME_INPUTS(linear_grad_weight, linear_update);
SAME_INPUTS(rank_linear_grad_weight, rank_linear_update);
SAME_INPUTS(outer_linear_grad_weight, outer_linear_update);
SAME_INPUTS(convolve_grad_weight, convolve_update);

// MB_OP_ADAM where there is no such op.
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
