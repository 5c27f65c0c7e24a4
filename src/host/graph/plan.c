// Compiles a graph into a plan.
#include "graph/cost.h"
#include "graph/schedule.h"

#include <stdlib.h>
#include <string.h>

typedef struct compilation {
    mb_graph *graph;
    mb_plan_mode mode;
    int32_t max_rows;
    mb_graph_outputs outputs;
    mb_tensor cross_entropy, mean_squared_error, total;
    mb_tensor *gradients; // by forward tensor; all MB_NO_TENSOR in a plan that evaluates
    mb_schedule schedule;
    int64_t *offsets; // by tensor
} compilation;

static mb_tensor sum(mb_graph *graph, mb_tensor a, mb_tensor b) {
    if (a == MB_NO_TENSOR || b == MB_NO_TENSOR)
        return a == MB_NO_TENSOR ? b : a;
    return mb_add(graph, a, b);
}

// total = interloss + cross entropy + mean squared error, as far as they exist.
static void build_losses(compilation *c) {
    c->total = c->outputs.interloss;
    if (c->outputs.emos_out != MB_NO_TENSOR) {
        mb_tensor labels = mb_graph_labels(c->graph, MB_LABELS_EMOTION);
        c->cross_entropy = mb_cross_entropy(c->graph, c->outputs.emos_out, labels);
        c->total = sum(c->graph, c->total, c->cross_entropy);
    }
    if (c->outputs.vals_out != MB_NO_TENSOR) {
        mb_tensor labels = mb_graph_labels(c->graph, MB_LABELS_VALENCE);
        c->mean_squared_error = mb_mean_squared_error(c->graph, c->outputs.vals_out, labels);
        c->total = sum(c->graph, c->total, c->mean_squared_error);
    }
    if (c->total == MB_NO_TENSOR)
        mb_graph_refuse(c->graph, "a graph without class and value outputs has no loss");
}

// Adds losses and the backward pass.
static mb_status build(compilation *c, mb_error *error) {
    if (c->mode != MB_PLAN_EVALUATE)
        build_losses(c);
    mb_status status = mb_graph_status(c->graph, error);
    if (status != MB_OK)
        return status;
    c->gradients = malloc(((size_t)c->graph->tensor_count + 1) * sizeof *c->gradients);
    if (c->gradients == NULL)
        return mb_out_of_memory(error, "plan");
    if (c->mode != MB_PLAN_EVALUATE)
        return mb_graph_differentiate(c->graph, c->total, c->gradients, error);
    for (mb_tensor tensor = 0; tensor < c->graph->tensor_count; tensor++)
        c->gradients[tensor] = MB_NO_TENSOR;
    return MB_OK;
}

static bool is_parameter(const mb_graph *graph, mb_tensor tensor) {
    return graph->tensors[tensor].parameter >= 0;
}

static mb_status schedule(compilation *c, mb_error *error) {
    mb_graph *graph = c->graph;
    bool *kept = calloc((size_t)graph->tensor_count + 1, sizeof *kept);
    if (kept == NULL)
        return mb_out_of_memory(error, "plan");
    const mb_tensor results[] = {c->outputs.features,
                                 c->outputs.emos_out,
                                 c->outputs.vals_out,
                                 c->outputs.interloss,
                                 c->cross_entropy,
                                 c->mean_squared_error,
                                 c->total};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (results[i] != MB_NO_TENSOR)
            kept[results[i]] = true;
    for (mb_tensor tensor = 0; tensor < graph->tensor_count; tensor++)
        if (is_parameter(graph, tensor) && c->gradients[tensor] != MB_NO_TENSOR)
            kept[c->gradients[tensor]] = true;
    mb_status status = mb_schedule_make(graph, kept, &c->schedule, error);
    free(kept);
    if (status != MB_OK)
        return status;
    mb_schedule_fuse_relu(&c->schedule);
    if (c->mode == MB_PLAN_TRAIN) {
        for (mb_tensor tensor = 0; tensor < graph->tensor_count; tensor++)
            if (is_parameter(graph, tensor) && c->gradients[tensor] != MB_NO_TENSOR)
                c->schedule.kept[c->gradients[tensor]] = false; // not needed after its update
        status = mb_schedule_add_updates(&c->schedule, c->gradients, error);
    }
    if (status == MB_OK)
        status = mb_schedule_fuse_sources(&c->schedule, c->mode == MB_PLAN_TRAIN, error);
    return status;
}

static mb_operand operand_of(const compilation *c, const mb_plan *plan, mb_tensor tensor) {
    const mb_tensor_info *info = &c->graph->tensors[tensor];
    if (info->parameter >= 0)
        return (mb_operand){MB_SPACE_PARAMETERS, plan->parameters[info->parameter].offset,
                            info->shape};
    return (mb_operand){MB_SPACE_ARENA, c->offsets[tensor], info->shape};
}

static mb_location location_of(const compilation *c, mb_tensor tensor) {
    if (tensor == MB_NO_TENSOR)
        return (mb_location){.offset = -1};
    return (mb_location){c->offsets[tensor], c->graph->tensors[tensor].shape};
}

// Lays parameters out in the order in which they were recorded, each on its own cache lines.
static void lay_out_parameters(const compilation *c, mb_plan *plan) {
    mb_graph *graph = c->graph;
    plan->parameters = graph->parameters; // the plan takes the list
    graph->parameters = NULL;
    plan->info.parameters = plan->parameters;
    plan->info.parameter_count = graph->parameter_count;
    for (int32_t i = 0; i < graph->parameter_count; i++) {
        mb_parameter *parameter = &plan->parameters[i];
        int64_t elements = mb_shape_elements(&parameter->shape, 0);
        parameter->offset = plan->info.parameter_floats;
        plan->info.parameter_floats += (elements + 15) / 16 * 16;
        plan->info.parameter_elements += parameter->frozen ? 0 : elements;
    }
    for (mb_tensor tensor = 0; tensor < graph->tensor_count; tensor++) {
        int32_t index = graph->tensors[tensor].parameter;
        if (index < 0 || c->gradients[tensor] == MB_NO_TENSOR)
            continue;
        plan->parameters[index].trained = true;
        if (c->mode == MB_PLAN_GRADIENTS)
            plan->parameters[index].gradient = c->offsets[c->gradients[tensor]];
    }
}

static mb_status emit(compilation *c, mb_plan *plan, mb_error *error) {
    const mb_schedule *order = &c->schedule;
    c->offsets = malloc(((size_t)c->graph->tensor_count + 1) * sizeof *c->offsets);
    if (c->offsets == NULL)
        return mb_out_of_memory(error, "plan");
    mb_status status =
        mb_schedule_assign_memory(order, c->max_rows, c->offsets, &plan->info.arena_floats, error);
    if (status != MB_OK)
        return status;
    size_t operands = 0;
    for (int32_t i = 0; i < order->node_count; i++)
        operands += (size_t)(order->nodes[i].input_count + order->nodes[i].output_count);
    plan->ops = calloc((size_t)order->node_count + 1, sizeof *plan->ops);
    plan->operands = calloc(operands + 1, sizeof *plan->operands);
    if (plan->ops == NULL || plan->operands == NULL)
        return mb_out_of_memory(error, "plan");
    lay_out_parameters(c, plan);
    mb_operand *next = plan->operands;
    for (int32_t i = 0; i < order->node_count; i++) {
        const mb_node *node = &order->nodes[i];
        mb_plan_op *op = &plan->ops[plan->op_count++];
        *op = (mb_plan_op){.kind = node->op,
                           .params = node->params,
                           .input_count = node->input_count,
                           .output_count = node->output_count,
                           .inputs = next,
                           .outputs = next + node->input_count};
        for (int32_t k = 0; k < node->input_count; k++)
            *next++ = operand_of(c, plan, node->inputs[k]);
        for (int32_t k = 0; k < node->output_count; k++)
            *next++ = operand_of(c, plan, node->outputs[k]);
        op->multiply_accumulates = mb_plan_op_cost(op, c->max_rows);
        plan->info.multiply_accumulates += op->multiply_accumulates;
    }
    plan->info.max_rows = c->max_rows;
    plan->info.trains = c->mode == MB_PLAN_TRAIN;
    plan->info.mask_floats = c->graph->mask_floats;
    plan->info.mask_count = c->graph->mask_count;
    plan->info.masks = plan->masks = c->graph->masks; // taken, like the parameters
    c->graph->masks = NULL;
    plan->info.features = location_of(c, c->outputs.features);
    plan->info.emos_out = location_of(c, c->outputs.emos_out);
    plan->info.vals_out = location_of(c, c->outputs.vals_out);
    plan->info.interloss = location_of(c, c->outputs.interloss);
    plan->info.cross_entropy = location_of(c, c->cross_entropy);
    plan->info.mean_squared_error = location_of(c, c->mean_squared_error);
    plan->info.total = location_of(c, c->total);
    return MB_OK;
}

mb_status mb_plan_compile(mb_graph *graph, const mb_graph_outputs *outputs, mb_plan_mode mode,
                          mb_plan **plan, mb_error *error) {
    *plan = NULL;
    compilation c = {.graph = graph,
                     .mode = mode,
                     .max_rows = graph->max_rows,
                     .outputs = *outputs,
                     .cross_entropy = MB_NO_TENSOR,
                     .mean_squared_error = MB_NO_TENSOR,
                     .total = MB_NO_TENSOR};
    mb_plan *made = calloc(1, sizeof *made);
    mb_status status = made == NULL ? mb_out_of_memory(error, "plan") : build(&c, error);
    if (status == MB_OK)
        status = schedule(&c, error);
    if (status == MB_OK)
        status = emit(&c, made, error);
    mb_schedule_free(&c.schedule);
    mb_graph_free(c.graph);
    free(c.gradients);
    free(c.offsets);
    if (status != MB_OK)
        mb_plan_free(made);
    else
        *plan = made;
    return status;
}

void mb_plan_free(mb_plan *plan) {
    if (plan == NULL)
        return;
    free(plan->ops);
    free(plan->operands);
    free(plan->parameters);
    free(plan->masks);
    free(plan);
}

const mb_plan_info *mb_plan_get(const mb_plan *plan) {
    return &plan->info;
}
