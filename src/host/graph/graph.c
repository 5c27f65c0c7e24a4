// Tensors, nodes and failures of a graph.
#include "graph/graph.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(...) sizeof(struct { char __VA_ARGS__; })
#define INPUTS(...) .fewest_inputs = COUNT(__VA_ARGS__), .most_inputs = COUNT(__VA_ARGS__)
#define INPUTS_OPTIONAL(fewest, ...) .fewest_inputs = (fewest), .most_inputs = COUNT(__VA_ARGS__)
#define INPUTS_REPEATED(most, ...) .fewest_inputs = COUNT(__VA_ARGS__), .most_inputs = (most)
#define INPUTS_LAST_REPEATED(most, ...) INPUTS_REPEATED(most, __VA_ARGS__)
#define NO_INPUTS .fewest_inputs = 0
#define OUTPUTS(...) .outputs = COUNT(__VA_ARGS__)
#define NO_OUTPUTS .outputs = 0
#define MB_OP(NAME, name, gradient, cost, sharing, inputs, outputs) {#name, inputs, outputs},
const mb_op_info mb_op_infos[MB_OP_COUNT] = {
#include "graph/ops.def"
};
#undef MB_OP

#define MB_OP(NAME, name, ...)                                                                     \
    _Static_assert(sizeof(mb_##name##_inputs) <= MB_MAX_INPUTS &&                                  \
                       sizeof(mb_##name##_outputs) <= MB_MAX_OUTPUTS,                              \
                   #name " has more operands than an op of a plan can have");
#include "graph/ops.def"
#undef MB_OP

// ---- shapes -----------------------------------------------------------------------------------

bool mb_shape_equal(const mb_shape *a, const mb_shape *b) {
    return a->count == b->count &&
           memcmp(a->dims, b->dims, (size_t)a->count * sizeof *a->dims) == 0;
}

static int64_t product(const mb_shape *shape, int32_t count, int32_t rows) {
    int64_t elements = 1;
    for (int32_t i = 0; i < count; i++)
        elements *= shape->dims[i] == MB_ROWS ? rows : shape->dims[i];
    return elements;
}

int64_t mb_shape_elements(const mb_shape *shape, int32_t rows) {
    return product(shape, shape->count, rows);
}

int64_t mb_shape_vectors(const mb_shape *shape, int32_t rows) {
    return product(shape, shape->count - 1, rows);
}

int32_t mb_shape_last(const mb_shape *shape) {
    return shape->dims[shape->count - 1];
}

void mb_shape_print(const mb_shape *shape, char *text, int32_t size) {
    int32_t length = snprintf(text, (size_t)size, "(");
    for (int32_t i = 0; i < shape->count && length < size; i++) {
        const char *comma = i > 0 ? ", " : "";
        if (shape->dims[i] == MB_ROWS)
            length += snprintf(text + length, (size_t)(size - length), "%sB", comma);
        else
            length +=
                snprintf(text + length, (size_t)(size - length), "%s%d", comma, shape->dims[i]);
    }
    if (length < size)
        snprintf(text + length, (size_t)(size - length), ")");
}

// ---- graph ------------------------------------------------------------------------------------

mb_graph *mb_graph_create(mb_dropout_mode dropout, int32_t max_rows) {
    mb_graph *graph = calloc(1, sizeof *graph);
    if (graph != NULL) {
        graph->dropout = dropout;
        graph->max_rows = max_rows;
    }
    return graph;
}

void mb_graph_free(mb_graph *graph) {
    if (graph == NULL)
        return;
    free(graph->nodes);
    free(graph->tensors);
    free(graph->parameters);
    free(graph->masks);
    free(graph);
}

mb_status mb_graph_status(const mb_graph *graph, mb_error *error) {
    return graph->status == MB_OK ? MB_OK
                                  : mb_fail(error, graph->status, "%s", graph->error.message);
}

void mb_graph_refuse(mb_graph *graph, const char *format, ...) {
    if (graph->status != MB_OK)
        return;
    graph->status = MB_BAD_INPUT;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(graph->error.message, sizeof graph->error.message, format, arguments);
    va_end(arguments);
}

bool mb_graph_reserve(mb_graph *graph, void **items, int32_t count, int32_t *capacity,
                      size_t size) {
    if (count < *capacity)
        return true;
    int32_t larger = *capacity == 0 ? 64 : *capacity * 2;
    void *moved = realloc(*items, (size_t)larger * size);
    if (moved == NULL) {
        graph->status = mb_out_of_memory(&graph->error, "graph");
        return false;
    }
    *items = moved;
    *capacity = larger;
    return true;
}

static mb_tensor add_tensor(mb_graph *graph, mb_shape shape, int32_t producer, int32_t parameter,
                            bool needs_gradient) {
    if (!mb_graph_reserve(graph, (void **)&graph->tensors, graph->tensor_count,
                          &graph->tensor_capacity, sizeof *graph->tensors))
        return MB_NO_TENSOR;
    graph->tensors[graph->tensor_count] =
        (mb_tensor_info){shape, producer, parameter, needs_gradient};
    return graph->tensor_count++;
}

const mb_shape *mb_graph_shape(const mb_graph *graph, mb_tensor tensor) {
    return &graph->tensors[tensor].shape;
}

bool mb_graph_add(mb_graph *graph, mb_op op, mb_op_params params, const mb_tensor *inputs,
                  int32_t input_count, const mb_shape *output_shapes, mb_tensor *outputs) {
    const mb_op_info *info = &mb_op_infos[op];
    assert(input_count >= info->fewest_inputs && input_count <= info->most_inputs);
    for (int32_t i = 0; i < info->outputs; i++)
        outputs[i] = MB_NO_TENSOR;
    if (graph->status != MB_OK ||
        !mb_graph_reserve(graph, (void **)&graph->nodes, graph->node_count, &graph->node_capacity,
                          sizeof *graph->nodes))
        return false;
    mb_node node = {
        .op = op, .params = params, .input_count = input_count, .output_count = info->outputs};
    bool needs_gradient = false;
    for (int32_t i = 0; i < input_count; i++) {
        node.inputs[i] = inputs[i];
        needs_gradient |= graph->tensors[inputs[i]].needs_gradient;
    }
    for (int32_t i = 0; i < info->outputs; i++) {
        outputs[i] = add_tensor(graph, output_shapes[i], graph->node_count, -1, needs_gradient);
        if (outputs[i] == MB_NO_TENSOR)
            return false;
        node.outputs[i] = outputs[i];
    }
    graph->nodes[graph->node_count++] = node;
    return true;
}

mb_tensor mb_graph_add_one(mb_graph *graph, mb_op op, mb_op_params params, const mb_tensor *inputs,
                           int32_t input_count, mb_shape shape) {
    mb_tensor output = MB_NO_TENSOR;
    mb_graph_add(graph, op, params, inputs, input_count, &shape, &output);
    return output;
}

mb_tensor mb_graph_stream(mb_graph *graph, int32_t stream, mb_shape shape) {
    mb_op_params params = {.gather = {stream}};
    if (stream < 0 || stream >= MB_MAX_STREAMS) {
        mb_graph_refuse(graph, "stream %d: expected 0 to %d", stream, MB_MAX_STREAMS - 1);
        return MB_NO_TENSOR;
    }
    return mb_graph_add_one(graph, MB_OP_GATHER, params, NULL, 0, shape);
}

mb_tensor mb_graph_labels(mb_graph *graph, mb_labels which) {
    mb_op_params params = {.labels = {which}};
    return mb_graph_add_one(graph, MB_OP_LABELS, params, NULL, 0, (mb_shape){1, {MB_ROWS}});
}

// ---- parameters -------------------------------------------------------------------------------

static mb_tensor find_parameter(mb_graph *graph, const char *name, const mb_shape *shape) {
    for (mb_tensor tensor = 0; tensor < graph->tensor_count; tensor++) {
        int32_t index = graph->tensors[tensor].parameter;
        if (index < 0 || strcmp(graph->parameters[index].name, name) != 0)
            continue;
        if (mb_shape_equal(&graph->parameters[index].shape, shape))
            return tensor;
        mb_graph_refuse(graph, "parameter %s: requested with two different shapes", name);
    }
    return MB_NO_TENSOR;
}

static mb_tensor add_parameter(mb_graph *graph, const char *name, mb_shape shape, bool transposed,
                               mb_initial initial) {
    if (graph->status != MB_OK)
        return MB_NO_TENSOR;
    mb_tensor known = find_parameter(graph, name, &shape);
    if (known != MB_NO_TENSOR || graph->status != MB_OK)
        return known;
    if (!mb_graph_reserve(graph, (void **)&graph->parameters, graph->parameter_count,
                          &graph->parameter_capacity, sizeof *graph->parameters))
        return MB_NO_TENSOR;
    mb_parameter *parameter = &graph->parameters[graph->parameter_count];
    *parameter = (mb_parameter){.shape = shape,
                                .initial = initial,
                                .transposed = transposed,
                                .gradient = -1,
                                .drawn_as = graph->parameter_count};
    snprintf(parameter->name, sizeof parameter->name, "%s", name);
    return add_tensor(graph, shape, -1, graph->parameter_count++, true);
}

mb_tensor mb_graph_parameter(mb_graph *graph, const char *name, mb_shape shape,
                             mb_initial initial) {
    return add_parameter(graph, name, shape, false, initial);
}

mb_tensor mb_graph_filter(mb_graph *graph, const char *name, int32_t out, int32_t in, int32_t width,
                          mb_initial initial) {
    mb_shape shape = {3, {out, in, width}};
    return add_parameter(graph, name, shape, true, initial);
}

mb_tensor mb_graph_weight(mb_graph *graph, const char *name, int32_t out, int32_t in,
                          mb_initial initial) {
    mb_shape shape = {2, {out, in}};
    return add_parameter(graph, name, shape, true, initial);
}

void mb_graph_needs_rows(mb_graph *graph, mb_tensor parameter, int32_t rows) {
    if (graph->status == MB_OK && parameter != MB_NO_TENSOR)
        graph->parameters[graph->tensors[parameter].parameter].fewest_rows = rows;
}

// The parameter that a tensor is; NULL, and a failure, for any other tensor.
static mb_parameter *parameter_of(mb_graph *graph, mb_tensor tensor) {
    if (graph->status != MB_OK || tensor == MB_NO_TENSOR)
        return NULL;
    int32_t index = graph->tensors[tensor].parameter;
    if (index < 0)
        mb_graph_refuse(graph, "tensor %d is not a parameter", tensor);
    return index < 0 ? NULL : &graph->parameters[index];
}

void mb_graph_freeze(mb_graph *graph, mb_tensor tensor) {
    mb_parameter *parameter = parameter_of(graph, tensor);
    if (parameter == NULL)
        return;
    parameter->frozen = true;
    graph->tensors[tensor].needs_gradient = false;
}

void mb_graph_start_as(mb_graph *graph, mb_tensor tensor, mb_tensor other) {
    mb_parameter *parameter = parameter_of(graph, tensor), *drawn = parameter_of(graph, other);
    if (parameter == NULL || drawn == NULL)
        return;
    if (!mb_shape_equal(&parameter->shape, &drawn->shape) ||
        parameter->initial.kind != drawn->initial.kind ||
        parameter->initial.scale != drawn->initial.scale)
        mb_graph_refuse(graph, "parameter %s cannot start as %s: shape or initialisation differ",
                        parameter->name, drawn->name);
    parameter->drawn_as = drawn->drawn_as;
}
