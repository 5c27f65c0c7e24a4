// The planner: fusion of first layers, which are the features of utterances, their dropout and the
// linear maps that read them.
#include "graph/construct.h"
#include "graph/schedule.h"

// The stream and the dropout of a tensor of features.
typedef struct source {
    int32_t stream;
    bool dropped;
    mb_dropout_setting dropout;
} source;

static bool is_gathered(const mb_schedule *schedule, mb_tensor tensor, source *found) {
    int32_t position = mb_schedule_producer(schedule, tensor);
    if (position < 0)
        return false;
    const mb_node *node = &schedule->nodes[position];
    if (node->op != MB_OP_GATHER)
        return false;
    *found = (source){.stream = node->params.gather.stream};
    return schedule->graph->tensors[tensor].shape.count == 2;
}

// Whether a tensor is one vector of features for each row, after dropout or without.
static bool is_source(const mb_schedule *schedule, mb_tensor tensor, source *found) {
    int32_t position = mb_schedule_producer(schedule, tensor);
    if (position < 0 || schedule->nodes[position].op != MB_OP_DROPOUT)
        return is_gathered(schedule, tensor, found);
    const mb_node *node = &schedule->nodes[position];
    if (node->params.dropout.mode != MB_DROPOUT_RANDOM ||
        !is_gathered(schedule, node->inputs[0], found))
        return false;
    found->dropped = true;
    found->dropout = node->params.dropout;
    return true;
}

static int32_t parameter_of(const mb_schedule *schedule, mb_tensor tensor) {
    return schedule->graph->tensors[tensor].parameter;
}

// The index of the update of a linear map's weight, for input `x`; -1 for none.
static int32_t update_of(const mb_schedule *schedule, const mb_node *linear, mb_tensor x) {
    int32_t weight = parameter_of(schedule, mb_in(linear, linear, weight));
    for (int32_t i = 0; i < schedule->node_count; i++) {
        const mb_node *node = &schedule->nodes[i];
        if (node->op == MB_OP_LINEAR_UPDATE && mb_group_count(node, linear_update) == 1 &&
            mb_in(node, linear_update, x) == x && node->params.update.parameter == weight)
            return i;
    }
    return -1;
}

// Whether a linear map can be fused with its source; in a plan that trains, its update, too.
static bool fits(const mb_schedule *schedule, const mb_node *linear, mb_tensor x, bool trains) {
    int32_t weight = parameter_of(schedule, mb_in(linear, linear, weight));
    if (linear->op != MB_OP_LINEAR || mb_in(linear, linear, x) != x || weight < 0)
        return false;
    return !trains || (schedule->graph->parameters[weight].fewest_rows <= 1 &&
                       update_of(schedule, linear, x) >= 0);
}

// Whether every reader of `x` can be fused with it.
static bool all_fit(const mb_schedule *schedule, mb_tensor x, bool trains) {
    int32_t maps = 0, updates = 0;
    if (schedule->kept[x])
        return false;
    for (int32_t i = 0; i < schedule->node_count; i++) {
        const mb_node *node = &schedule->nodes[i];
        if (!mb_node_reads(node, x))
            continue;
        if (node->op == MB_OP_LINEAR_UPDATE)
            updates++;
        else if (fits(schedule, node, x, trains))
            maps++;
        else
            return false;
    }
    return maps > 0 && updates == (trains ? maps : 0);
}

// A tensor that keeps its value from one execution of the plan to the next.
static mb_tensor add_buffer(mb_schedule *schedule, const mb_shape *shape) {
    mb_graph *graph = schedule->graph;
    if (!mb_graph_reserve(graph, (void **)&graph->tensors, graph->tensor_count,
                          &graph->tensor_capacity, sizeof *graph->tensors))
        return MB_NO_TENSOR;
    graph->tensors[graph->tensor_count] = (mb_tensor_info){*shape, -1, -1, false};
    schedule->kept[graph->tensor_count] = false;
    schedule->persistent[graph->tensor_count] = true;
    return graph->tensor_count++;
}

// Fuses the linear map at `position`, and its update in a plan that trains, with its source.
static mb_status fuse(mb_schedule *schedule, int32_t position, const source *found, bool trains,
                      mb_error *error) {
    mb_graph *graph = schedule->graph;
    mb_node *linear = &schedule->nodes[position];
    mb_tensor x = mb_in(linear, linear, x);
    int32_t update = trains ? update_of(schedule, linear, x) : -1;
    int32_t inputs = mb_shape_last(&graph->tensors[x].shape);
    int32_t outputs = mb_shape_last(&graph->tensors[linear->outputs[0]].shape);
    int32_t chunks = trains ? (inputs + MB_SOURCE_CHUNK - 1) / MB_SOURCE_CHUNK + 1 : 1;
    mb_shape x_buffer = {3, {trains ? 2 : 1, MB_ROWS, trains ? inputs : MB_SOURCE_GROUP}};
    mb_shape sums = {3, {chunks, MB_ROWS, (outputs + 31) / 32 * 32}};
    mb_node layer = {.op = MB_OP_SOURCE_LINEAR};
    mb_out(&layer, source_linear, y) = linear->outputs[0];
    mb_out(&layer, source_linear, x_buffer) = add_buffer(schedule, &x_buffer);
    mb_out(&layer, source_linear, sums) = add_buffer(schedule, &sums);
    layer.output_count = sizeof(mb_source_linear_outputs);
    if (mb_out(&layer, source_linear, x_buffer) == MB_NO_TENSOR ||
        mb_out(&layer, source_linear, sums) == MB_NO_TENSOR)
        return mb_graph_status(graph, error);
    mb_in(&layer, source_linear, weight) = mb_in(linear, linear, weight);
    if (mb_has(linear, linear, bias))
        mb_in(&layer, source_linear, bias) = mb_in(linear, linear, bias);
    layer.input_count = linear->input_count - 1; // all inputs but x
    mb_op_params params = mb_no_params;
    params.source.stream = found->stream;
    params.source.relu = linear->params.linear.relu;
    params.source.dropped = found->dropped;
    params.source.dropout = found->dropout;
    layer.params = params;
    *linear = layer;
    if (update < 0)
        return MB_OK;
    mb_node *node = &schedule->nodes[update];
    params.update = node->params.update;
    *node = (mb_node){.op = MB_OP_SOURCE_LINEAR_UPDATE,
                      .params = params,
                      .input_count = 1,
                      .inputs = {mb_in(node, linear_update, dy)},
                      .output_count = sizeof(mb_source_linear_update_outputs)};
    mb_out(node, source_linear_update, x_buffer) = mb_out(linear, source_linear, x_buffer);
    mb_out(node, source_linear_update, sums) = mb_out(linear, source_linear, sums);
    return MB_OK;
}

// Removes gathers and dropouts that nothing reads any more.
static void remove_unread(mb_schedule *schedule) {
    for (int32_t i = schedule->node_count - 1; i >= 0; i--) {
        const mb_node *node = &schedule->nodes[i];
        bool read = schedule->kept[node->outputs[0]];
        for (int32_t k = i + 1; k < schedule->node_count; k++)
            read |= mb_node_reads(&schedule->nodes[k], node->outputs[0]);
        if ((node->op == MB_OP_GATHER || node->op == MB_OP_DROPOUT) && !read)
            mb_schedule_remove(schedule, i);
    }
}

mb_status mb_schedule_fuse_sources(mb_schedule *schedule, bool trains, mb_error *error) {
    mb_status status = MB_OK;
    source found;
    for (int32_t i = 0; status == MB_OK && i < schedule->node_count; i++) {
        mb_tensor x = mb_in(&schedule->nodes[i], linear, x);
        if (schedule->nodes[i].op != MB_OP_LINEAR || !is_source(schedule, x, &found) ||
            !all_fit(schedule, x, trains))
            continue;
        for (int32_t k = i; status == MB_OK && k < schedule->node_count; k++)
            if (schedule->nodes[k].op == MB_OP_LINEAR && mb_in(&schedule->nodes[k], linear, x) == x)
                status = fuse(schedule, k, &found, trains, error);
    }
    if (status == MB_OK)
        remove_unread(schedule);
    return status;
}
