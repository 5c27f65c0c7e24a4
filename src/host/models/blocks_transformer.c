#include "models/blocks_transformer.h"

#include <math.h>
#include <stdio.h>

static const mb_initial zero = {MB_INITIAL_CONSTANT, 0.0}, one = {MB_INITIAL_CONSTANT, 1.0};

// The site of the call-th dropout of a module, as the reference counts its calls.
static mb_name site_of(const char *module, int call) {
    mb_name site;
    snprintf(site.text, sizeof site.text, "%.80s#%d", module, call);
    return site;
}

static int32_t width_of(const mb_graph *graph, mb_tensor x) {
    return mb_shape_last(mb_graph_shape(graph, x));
}

static mb_initial xavier(int32_t in, int32_t out) {
    return (mb_initial){MB_INITIAL_UNIFORM, sqrt(6.0 / ((double)in + (double)out))};
}

mb_tensor mb_block_layer_norm(mb_graph *graph, const char *prefix, mb_tensor x) {
    if (x == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    mb_shape shape = {1, {width_of(graph, x)}};
    mb_tensor weight = mb_graph_parameter(graph, mb_name_of(prefix, "weight").text, shape, one);
    mb_tensor bias = mb_graph_parameter(graph, mb_name_of(prefix, "bias").text, shape, zero);
    return mb_layer_norm(graph, x, weight, bias);
}

static mb_tensor linear_from(mb_graph *graph, const char *prefix, mb_tensor x, int32_t out,
                             mb_initial initial) {
    mb_tensor weight =
        mb_graph_weight(graph, mb_name_of(prefix, "weight").text, out, width_of(graph, x), initial);
    mb_tensor bias =
        mb_graph_parameter(graph, mb_name_of(prefix, "bias").text, (mb_shape){1, {out}}, zero);
    return mb_linear(graph, x, weight, bias);
}

mb_tensor mb_block_linear_xavier(mb_graph *graph, const char *prefix, mb_tensor x, int32_t out) {
    if (x == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    return linear_from(graph, prefix, x, out, xavier(width_of(graph, x), out));
}

// Each third of in_proj_weight, [query; key; value], is applied to its own tensor.
static void project(mb_graph *graph, const char *prefix, const mb_tensor sources[3],
                    mb_tensor projected[3]) {
    int32_t width = width_of(graph, sources[0]);
    mb_tensor weight = mb_graph_weight(graph, mb_name_of(prefix, "in_proj_weight").text, 3 * width,
                                       width, xavier(width, 3 * width));
    mb_tensor bias = mb_graph_parameter(graph, mb_name_of(prefix, "in_proj_bias").text,
                                        (mb_shape){1, {3 * width}}, zero);
    mb_linear_thirds(graph, sources, weight, bias, projected);
}

mb_tensor mb_block_attention(mb_graph *graph, const char *prefix, const mb_attention *attention,
                             mb_tensor query, mb_tensor key, mb_tensor value) {
    if (query == MB_NO_TENSOR || key == MB_NO_TENSOR || value == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    int32_t width = width_of(graph, query);
    mb_tensor projected[3];
    project(graph, prefix, (mb_tensor[]){query, key, value}, projected);
    double scale = 1.0 / sqrt((double)width / attention->heads);
    mb_tensor weights =
        mb_softmax(graph, mb_attention_scores(graph, projected[0], projected[1], attention->heads,
                                              scale, attention->mask));
    mb_name site = site_of(prefix, 0);
    weights = mb_dropout(graph, weights,
                         (mb_dropout_site){.name = site.text,
                                           .rate = attention->dropout,
                                           .constant_rate = attention->constant_dropout,
                                           .whole_steps = attention->whole_steps});
    mb_tensor heads = mb_attention_apply(graph, weights, projected[2]);
    if (heads == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    mb_initial uniform = {MB_INITIAL_UNIFORM, 1.0 / sqrt((double)width)};
    return linear_from(graph, mb_name_of(prefix, "out_proj").text, heads, width,
                       attention->out_projection == MB_OUT_XAVIER ? xavier(width, width) : uniform);
}

// ---- MulT -------------------------------------------------------------------------------------

// Dropout of a sequence. The reference's masks are time first. They have `whole` steps where x has
// the last one only; 0: x has all steps.
static mb_tensor drop(mb_graph *graph, const char *module, int call, int32_t whole, mb_tensor x) {
    mb_name site = site_of(module, call);
    return mb_dropout(graph, x,
                      (mb_dropout_site){.name = site.text,
                                        .rate = MB_SLOT_DROPOUT,
                                        .layout = MB_MASK_TIME_FIRST,
                                        .whole_steps = whole});
}

// (B, T, D) -> (B, 1, D)
static mb_tensor last_step(mb_graph *graph, mb_tensor x) {
    int32_t width = width_of(graph, x);
    return mb_reshape(graph, mb_last_step(graph, x), (mb_shape){3, {MB_ROWS, 1, width}});
}

// x + dropout(fc2(dropout(relu(fc1(norm(x))))))
static mb_tensor feed_forward(mb_graph *graph, const char *prefix, int32_t whole, mb_tensor x) {
    int32_t width = width_of(graph, x);
    mb_tensor y = mb_block_layer_norm(graph, mb_name_of(prefix, "layer_norms.1").text, x);
    y = mb_relu(graph, mb_block_linear_xavier(graph, mb_name_of(prefix, "fc1").text, y, 4 * width));
    y = drop(graph, prefix, 1, whole, y);
    y = mb_block_linear_xavier(graph, mb_name_of(prefix, "fc2").text, y, width);
    return mb_add(graph, x, drop(graph, prefix, 2, whole, y));
}

// One pre-norm layer. key and value (B, Lk, D) are the encoder's source, or MB_NO_TENSOR where the
// layer attends to itself. Query, key and value share one norm.
static mb_tensor layer(mb_graph *graph, const char *prefix, const mb_mult_encoder *encoder,
                       mb_tensor x, mb_tensor key, mb_tensor value, bool last_only) {
    mb_attention attention = {
        .heads = encoder->heads, .mask = MB_ATTENTION_FUTURE, .dropout = MB_SLOT_DROPOUT};
    mb_name norm = mb_name_of(prefix, "layer_norms.0"), module = mb_name_of(prefix, "self_attn");
    mb_tensor query = mb_block_layer_norm(graph, norm.text, x);
    if (query == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    mb_tensor normed_key = query, normed_value = query;
    if (key != MB_NO_TENSOR) {
        normed_key = mb_block_layer_norm(graph, norm.text, key);
        normed_value = value == key ? normed_key : mb_block_layer_norm(graph, norm.text, value);
    }
    int32_t whole = 0;
    if (last_only) { // the last of Lq queries sees all Lk keys
        whole = mb_graph_shape(graph, x)->dims[1];
        attention.mask = MB_ATTENTION_ALL;
        attention.whole_steps = whole;
        query = last_step(graph, query);
        x = last_step(graph, x);
    }
    mb_tensor y =
        mb_block_attention(graph, module.text, &attention, query, normed_key, normed_value);
    x = mb_add(graph, x, drop(graph, prefix, 0, whole, y));
    return x == MB_NO_TENSOR ? x : feed_forward(graph, prefix, whole, x);
}

// sqrt(D) * x, plus the positions if the encoder has them.
static mb_tensor embed(mb_graph *graph, const mb_mult_encoder *encoder, mb_tensor x) {
    mb_tensor scaled = mb_scale(graph, x, sqrt((double)width_of(graph, x)), MB_SLOT_NONE);
    return encoder->positions ? mb_add(graph, scaled, mb_positions(graph, x)) : scaled;
}

mb_tensor mb_block_mult_encoder(mb_graph *graph, const char *prefix, const mb_mult_encoder *encoder,
                                mb_tensor x, mb_tensor source) {
    if (x == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    x = drop(graph, prefix, 0, 0, embed(graph, encoder, x));
    mb_tensor key = MB_NO_TENSOR, value = MB_NO_TENSOR;
    if (source != MB_NO_TENSOR) { // the same embedding with two masks
        mb_tensor embedded = embed(graph, encoder, source);
        key = drop(graph, prefix, 1, 0, embedded);
        value = drop(graph, prefix, 2, 0, embedded);
    }
    for (int32_t i = 0; i < encoder->layers; i++) {
        mb_name name;
        snprintf(name.text, sizeof name.text, "%.70s.layers.%d", prefix, (int)i);
        bool last_only = encoder->last_only && i == encoder->layers - 1;
        x = layer(graph, name.text, encoder, x, key, value, last_only);
    }
    return mb_block_layer_norm(graph, mb_name_of(prefix, "layer_norm").text, x);
}
