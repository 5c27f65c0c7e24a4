// Counts along the graph of a model. Its parameters have the names of the reference's modules, so a
// node that reads a weight stands for calls of the weight's module. Nodes whose results nothing
// needs are counted as well: the reference computes them.
#include "models/reference_count.h"

#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

// How many vectors the reference has where a tensor has one: numerator / denominator. It is not 1
// where the graph leaves out what only the reference computes.
typedef struct ratio {
    int32_t numerator, denominator;
} ratio;

static const ratio one = {1, 1};

typedef struct counting {
    const mb_model *model;
    const mb_graph *graph;
    int32_t rows;
    bool *called;   // by parameter: whether its module is called
    ratio *vectors; // by tensor
    int64_t multiply_accumulates;
} counting;

static const mb_shape *shape_of(const counting *c, mb_tensor tensor) {
    return &c->graph->tensors[tensor].shape;
}

static int64_t times(ratio r, int64_t number) {
    return number * r.numerator / r.denominator;
}

static int64_t vectors_of(const counting *c, mb_tensor tensor) {
    return times(c->vectors[tensor], mb_shape_vectors(shape_of(c, tensor), c->rows));
}

// ---- modules ----------------------------------------------------------------------------------

// The length of the module in the name of a parameter: 7 for "fc_att.weight" with its dot.
static size_t module_length(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot != NULL ? (size_t)(dot - name) + 1 : 0;
}

static const char *name_in_module(const char *name) {
    return name + module_length(name);
}

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

// How many times the reference's tree of modules has the module of a parameter.
static int64_t places_of(const counting *c, const mb_parameter *parameter) {
    char module[sizeof parameter->name];
    size_t length = module_length(parameter->name);
    if (parameter->frozen || length == 0)
        return 0;
    memcpy(module, parameter->name, length - 1);
    module[length - 1] = '\0';
    return c->model->reference_places != NULL ? c->model->reference_places(module) : 1;
}

// The module of a parameter is called, with this number of multiply-accumulates.
static void call(counting *c, const mb_parameter *of, int64_t multiply_accumulates) {
    size_t length = module_length(of->name);
    int64_t places = places_of(c, of);
    c->multiply_accumulates += places * places * multiply_accumulates;
    for (int32_t i = 0; i < c->graph->parameter_count; i++) {
        const char *name = c->graph->parameters[i].name;
        if (module_length(name) == length && strncmp(name, of->name, length) == 0)
            c->called[i] = true;
    }
}

// The parameter that a tensor is, or NULL.
static const mb_parameter *parameter_of(const counting *c, mb_tensor tensor) {
    int32_t index = c->graph->tensors[tensor].parameter;
    return index >= 0 ? &c->graph->parameters[index] : NULL;
}

// ---- rules ------------------------------------------------------------------------------------

static void count_linear(counting *c, mb_tensor weight, int64_t vectors) {
    const mb_parameter *parameter = parameter_of(c, weight);
    // The maps of an LSTM are counted with its recurrence; torch's own attention calls no module.
    if (parameter != NULL && strcmp(name_in_module(parameter->name), "weight") == 0)
        call(c, parameter, vectors * mb_shape_elements(&parameter->shape, c->rows));
}

// The weight of an LSTM that reads its input, in the direction of `of`, which is any weight of it.
static const mb_parameter *input_weight(const counting *c, const mb_parameter *of) {
    size_t module = module_length(of->name);
    const char *direction = of->name + module + strlen("weight_ih"); // as long as weight_hh
    for (int32_t i = 0; i < c->graph->parameter_count; i++) {
        const char *name = c->graph->parameters[i].name;
        if (strncmp(name, of->name, module) == 0 && begins(name + module, "weight_ih") &&
            strcmp(name + module + strlen("weight_ih"), direction) == 0)
            return &c->graph->parameters[i];
    }
    return NULL;
}

// `of` is any weight of the LSTM in this direction, (4H, I) or (4H, H).
static void count_lstm(counting *c, const mb_parameter *of, int64_t steps) {
    const mb_parameter *input = of != NULL ? input_weight(c, of) : NULL;
    if (input == NULL)
        return;
    int64_t hidden = input->shape.dims[0] / 4, in = input->shape.dims[1];
    call(c, input, steps * (4 * hidden * (in + hidden) + 16 * hidden));
}

// An LSTM that reads its own hidden states has the sum of both weights as its weight.
static const mb_parameter *recurrent_weight(const counting *c, mb_tensor weight) {
    int32_t producer = c->graph->tensors[weight].producer;
    if (producer >= 0 && c->graph->nodes[producer].op == MB_OP_ADD)
        weight = mb_in(&c->graph->nodes[producer], add, a);
    return parameter_of(c, weight);
}

// One step of both cells for each element of the recurrence but the last, after an attention over
// all elements.
static void count_decoder(counting *c, const mb_node *node) {
    int64_t columns = vectors_of(c, mb_in(node, attention_decoder, start));
    int64_t length =
        mb_shape_vectors(shape_of(c, mb_in(node, attention_decoder, x)), c->rows) / columns;
    int64_t steps = columns * (length - 1);
    count_linear(c, mb_in(node, attention_decoder, attention), steps * length);
    count_linear(c, mb_in(node, attention_decoder, score), steps * length);
    count_lstm(c, parameter_of(c, mb_in(node, attention_decoder, weight_f)), steps);
    count_lstm(c, parameter_of(c, mb_in(node, attention_decoder, weight_b)), steps);
    c->vectors[mb_out(node, attention_decoder, out)] =
        (ratio){(int32_t)length - 1, (int32_t)length};
}

static void count_gates(counting *c, const mb_node *node) {
    int64_t vectors = vectors_of(c, mb_in(node, gated_memory, candidate));
    count_linear(c, mb_in(node, gated_memory, w_1), vectors);
    count_linear(c, mb_in(node, gated_memory, v_1), vectors);
    count_linear(c, mb_in(node, gated_memory, w_2), vectors);
    count_linear(c, mb_in(node, gated_memory, v_2), vectors);
}

static void count_norm(counting *c, const mb_node *node) {
    mb_tensor x = mb_in(node, layer_norm, x);
    call(c, parameter_of(c, mb_in(node, layer_norm, weight)),
         4 * vectors_of(c, x) * mb_shape_last(shape_of(c, x)));
}

// A filter (O, I, K) is applied to every vector of the output.
static void count_convolution(counting *c, const mb_node *node) {
    const mb_parameter *filter = parameter_of(c, mb_in(node, convolve, filter));
    call(c, filter,
         vectors_of(c, mb_out(node, convolve, y)) * mb_shape_elements(&filter->shape, c->rows));
}

static void count_node(counting *c, const mb_node *node) {
    switch (node->op) {
    case MB_OP_LINEAR:
        count_linear(c, mb_in(node, linear, weight), vectors_of(c, mb_in(node, linear, x)));
        break;
    case MB_OP_OUTER_LINEAR:
        count_linear(c, mb_in(node, outer_linear, weight), c->rows);
        break;
    case MB_OP_CONVOLVE:
        count_convolution(c, node);
        break;
    case MB_OP_LAYER_NORM:
        count_norm(c, node);
        break;
    case MB_OP_LSTM:
        count_lstm(c, recurrent_weight(c, mb_in(node, lstm, weight)),
                   vectors_of(c, mb_in(node, lstm, z)));
        break;
    case MB_OP_GATED_MEMORY:
        count_gates(c, node);
        break;
    case MB_OP_ATTENTION_DECODER:
        count_decoder(c, node);
        break;
    default:
        break;
    }
}

// ---- vectors that the graph leaves out --------------------------------------------------------

// A sequence of one step that is the last of a longer one: the reference has all steps.
static ratio of_last_step(const counting *c, const mb_node *node) {
    mb_tensor x = mb_in(node, reshape, x);
    int32_t producer = c->graph->tensors[x].producer;
    const mb_shape *shape = shape_of(c, mb_out(node, reshape, y));
    if (producer < 0 || c->graph->nodes[producer].op != MB_OP_LAST_STEP || shape->count != 3 ||
        shape->dims[1] != 1)
        return one;
    return (ratio){shape_of(c, mb_in(&c->graph->nodes[producer], last_step, x))->dims[1], 1};
}

// What is computed from such tensors is like them, until a sequence ends or begins again.
static void follow(counting *c, const mb_node *node) {
    ratio found = one;
    for (int32_t i = 0; i < node->input_count; i++)
        if (found.numerator == found.denominator)
            found = c->vectors[node->inputs[i]];
    if (node->op == MB_OP_LAST_STEP || node->op == MB_OP_DELAY)
        found = one;
    if (node->op == MB_OP_RESHAPE && found.numerator == found.denominator)
        found = of_last_step(c, node);
    for (int32_t i = 0; i < node->output_count; i++)
        c->vectors[node->outputs[i]] = found;
}

// -----------------------------------------------------------------------------------------------

static mb_status count_graph(counting *c, mb_reference_count *count, mb_error *error) {
    const mb_graph *graph = c->graph;
    c->called = calloc((size_t)graph->parameter_count + 1, sizeof *c->called);
    c->vectors = calloc((size_t)graph->tensor_count + 1, sizeof *c->vectors);
    if (c->called == NULL || c->vectors == NULL)
        return mb_out_of_memory(error, "graph");
    for (int32_t i = 0; i < graph->tensor_count; i++)
        c->vectors[i] = one;
    for (int32_t i = 0; i < graph->node_count; i++) {
        follow(c, &graph->nodes[i]);
        count_node(c, &graph->nodes[i]);
    }
    count->multiply_accumulates = c->multiply_accumulates;
    for (int32_t i = 0; i < graph->parameter_count; i++)
        if (c->called[i])
            count->parameters += places_of(c, &graph->parameters[i]) *
                                 mb_shape_elements(&graph->parameters[i].shape, c->rows);
    return MB_OK;
}

mb_status mb_reference_count_make(const mb_model *model, const mb_model_config *config,
                                  int32_t rows, mb_reference_count *count, mb_error *error) {
    mb_graph_outputs outputs = {MB_NO_TENSOR, MB_NO_TENSOR, MB_NO_TENSOR, MB_NO_TENSOR};
    // With dropout, because modules that are called twice on what only dropout tells apart are
    // called once in a graph without it.
    mb_graph *graph = mb_graph_create(MB_DROPOUT_RANDOM, rows);
    *count = (mb_reference_count){0};
    if (graph == NULL)
        return mb_out_of_memory(error, "graph");
    model->build(graph, config, &outputs);
    counting c = {.model = model, .graph = graph, .rows = rows};
    mb_status status = mb_graph_status(graph, error);
    if (status == MB_OK)
        status = count_graph(&c, count, error);
    free(c.called);
    free(c.vectors);
    mb_graph_free(graph);
    return status;
}
