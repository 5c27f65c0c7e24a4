// Models around the ops of transformers, and around recurrences along the rows.
#ifndef TESTS_GRADIENT_SEQUENCES_H
#define TESTS_GRADIENT_SEQUENCES_H

#include "gradient_support.h"

static mb_tensor vector(mb_graph *graph, const char *name, int32_t width, double scale) {
    return mb_graph_parameter(graph, name, (mb_shape){1, {width}},
                              (mb_initial){MB_INITIAL_NORMAL, scale});
}

static void build_layer_norm(mb_graph *graph, const mb_model_config *config,
                             mb_model_outputs *outputs) {
    int32_t width = 2 * hidden_of(config) + 1;
    mb_tensor x = mb_block_linear(graph, "a", mb_block_features(graph, config, MB_AUDIO), width);
    mb_tensor weight = vector(graph, "w", width, 1.0), bias = vector(graph, "b", width, 0.5);
    x = mb_layer_norm(graph, x, weight, bias); // the same weight twice
    mb_tensor y = mb_layer_norm(graph, mb_block_linear(graph, "c", x, width), weight, bias);
    finish(graph, config, mb_last_step(graph, mb_add(graph, x, y)), outputs);
}

// Three different inputs, then the same one three times.
static void build_thirds(mb_graph *graph, const mb_model_config *config,
                         mb_model_outputs *outputs) {
    int32_t hidden = hidden_of(config);
    mb_tensor x[] = {first_map(graph, config, "a"), first_map(graph, config, "b"),
                     first_map(graph, config, "c")};
    mb_tensor weight =
        mb_graph_weight(graph, "thirds", 3 * hidden, hidden, (mb_initial){MB_INITIAL_NORMAL, 0.4});
    mb_tensor y[3], z[3];
    mb_linear_thirds(graph, x, weight, vector(graph, "bias", 3 * hidden, 0.3), y);
    mb_tensor sum = mb_tanh(graph, mb_add(graph, mb_multiply(graph, y[0], y[1]), y[2]));
    mb_tensor other = mb_graph_weight(graph, "others", 3 * (hidden + 1), hidden,
                                      (mb_initial){MB_INITIAL_NORMAL, 0.4});
    mb_linear_thirds(graph, (mb_tensor[]){sum, sum, sum}, other, MB_NO_TENSOR, z);
    finish(graph, config, mb_tanh(graph, mb_multiply(graph, mb_add(graph, z[0], z[1]), z[2])),
           outputs);
}

// A filter as wide as the sequence allows, up to 3 steps.
static mb_tensor convolve(mb_graph *graph, const char *name, mb_tensor x, int32_t out) {
    const mb_shape *shape = mb_graph_shape(graph, x);
    int32_t in = shape->dims[2], width = shape->dims[1] < 3 ? shape->dims[1] : 3;
    mb_initial initial = {MB_INITIAL_NORMAL, 1.0 / sqrt(in * width)};
    return mb_convolve(graph, x, mb_graph_filter(graph, name, out, in, width, initial));
}

static void build_convolution(mb_graph *graph, const mb_model_config *config,
                              mb_model_outputs *outputs) {
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO);
    x = mb_block_linear(graph, "a", x, hidden_of(config));
    x = mb_tanh(graph, convolve(graph, "wide", x, hidden_of(config) + 1));
    mb_tensor one = mb_graph_filter(graph, "one", 5, hidden_of(config) + 1, 1,
                                    (mb_initial){MB_INITIAL_NORMAL, 0.3});
    finish(graph, config, mb_last_step(graph, mb_convolve(graph, x, one)), outputs);
}

// Queries of one sequence over the keys and values of another of another length, two heads.
static void build_attention_with(mb_graph *graph, const mb_model_config *config,
                                 mb_attention_mask mask, mb_model_outputs *outputs) {
    int32_t width = 2 * hidden_of(config) + 2;
    mb_tensor features = mb_block_features(graph, config, MB_AUDIO);
    mb_tensor few = convolve(graph, "few", features, width);
    bool masked = mask == MB_ATTENTION_FUTURE; // with fewer queries than keys it hides some
    mb_tensor sources[] = {masked ? few : features, masked ? features : few};
    mb_tensor q = mb_block_linear(graph, "q", sources[0], width);
    mb_tensor k = mb_block_linear(graph, "k", sources[1], width);
    mb_tensor v = mb_block_linear(graph, "v", sources[1], width);
    q = mb_add(graph, q, mb_positions(graph, mb_add(graph, q, q)));
    mb_tensor scores = mb_attention_scores(graph, q, k, 2, 0.7, mask);
    mb_tensor y = mb_attention_apply(graph, mb_softmax(graph, scores), v);
    finish(graph, config, mb_last_step(graph, mb_tanh(graph, y)), outputs);
}

static void build_attention(mb_graph *graph, const mb_model_config *config,
                            mb_model_outputs *outputs) {
    build_attention_with(graph, config, MB_ATTENTION_ALL, outputs);
}

static void build_masked(mb_graph *graph, const mb_model_config *config,
                         mb_model_outputs *outputs) {
    build_attention_with(graph, config, MB_ATTENTION_FUTURE, outputs);
}

// Recurrences along the rows of the batch, from both ends.
static void build_lstm_rows(mb_graph *graph, const mb_model_config *config,
                            mb_model_outputs *outputs) {
    int32_t h = hidden_of(config);
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO), states[2];
    mb_initial initial = {MB_INITIAL_NORMAL, 0.3};
    static const char *const names[] = {"forward", "backward"};
    for (int k = 0; k < 2; k++) {
        mb_tensor z = mb_block_linear(graph, mb_name_of(names[k], "z").text, x, 4 * h);
        mb_tensor w = mb_graph_weight(graph, mb_name_of(names[k], "w").text, 4 * h, h, initial);
        mb_tensor b = mb_graph_parameter(graph, mb_name_of(names[k], "b").text,
                                         (mb_shape){1, {4 * h}}, initial);
        states[k] = mb_lstm_along(graph, z, w, b, (mb_recurrence){MB_AXIS_ROWS, k == 1});
    }
    finish(graph, config, mb_last_step(graph, mb_add(graph, states[0], states[1])), outputs);
}

// Ends and delays the `way`, of features wider than the data.
static void build_places(mb_graph *graph, const mb_model_config *config, mb_recurrence way,
                         mb_model_outputs *outputs) {
    int32_t h = hidden_of(config);
    mb_shape wide = {3, {MB_ROWS, config->steps[MB_AUDIO], config->dims[MB_AUDIO] + 2}};
    mb_tensor x = mb_graph_input(graph, MB_INPUT_AUDIO, wide);
    mb_tensor a = mb_block_linear(graph, "a", x, h), b = mb_block_linear(graph, "b", x, h);
    mb_tensor delayed = mb_delay_along(graph, mb_tanh(graph, a), way);
    mb_tensor ends[] = {mb_last_along(graph, b, way), mb_last_along(graph, a, way)};
    mb_tensor idle = mb_graph_weight(graph, "idle", 5, h, (mb_initial){MB_INITIAL_NORMAL, 0.3});
    mb_tensor features = mb_last_step(graph, mb_add(graph, delayed, b));
    finish(graph, config, mb_idle_weights(graph, features, &idle, 1), outputs);
    outputs->interloss = mb_mean_squared_difference(graph, ends[0], ends[1]);
}

static void build_places_rows(mb_graph *graph, const mb_model_config *config,
                              mb_model_outputs *outputs) {
    build_places(graph, config, (mb_recurrence){MB_AXIS_ROWS, false}, outputs);
}

static void build_places_time(mb_graph *graph, const mb_model_config *config,
                              mb_model_outputs *outputs) {
    build_places(graph, config, (mb_recurrence){MB_AXIS_TIME, true}, outputs);
}

static void build_decoder(mb_graph *graph, const mb_model_config *config, mb_recurrence way,
                          mb_model_outputs *outputs) {
    int32_t h = hidden_of(config), d = h + 2;
    mb_tensor features = mb_block_features(graph, config, MB_AUDIO);
    mb_tensor y = mb_block_linear(graph, "y", features, d);
    mb_tensor x = mb_block_linear(graph, "x", features, h);
    mb_tensor start = mb_tanh(graph, mb_last_along(graph, x, way));
    mb_initial initial = {MB_INITIAL_NORMAL, 1.0 / sqrt(h)};
    mb_shape bias = {1, {4 * h}};
    mb_tensor attention = mb_graph_weight(graph, "attention", h, 2 * h, initial);
    mb_tensor score = mb_graph_weight(graph, "score", 1, h, (mb_initial){MB_INITIAL_NORMAL, 1.0});
    mb_decoder_cell cells[] = {{mb_graph_weight(graph, "w_f", 4 * h, d + h, initial),
                                mb_graph_parameter(graph, "b_f", bias, initial)},
                               {mb_graph_weight(graph, "w_b", 4 * h, d + h, initial),
                                mb_graph_parameter(graph, "b_b", bias, initial)}};
    mb_tensor decoded = mb_attention_decoder(graph, y, x, start, attention, score, cells, way);
    decoded = mb_delay_along(graph, decoded, way);
    finish(graph, config, mb_scale(graph, mb_last_step(graph, decoded), 4.0, MB_SLOT_NONE),
           outputs);
}

static void build_decoder_rows(mb_graph *graph, const mb_model_config *config,
                               mb_model_outputs *outputs) {
    build_decoder(graph, config, (mb_recurrence){MB_AXIS_ROWS, false}, outputs);
}

static void build_decoder_time(mb_graph *graph, const mb_model_config *config,
                               mb_model_outputs *outputs) {
    build_decoder(graph, config, (mb_recurrence){MB_AXIS_TIME, false}, outputs);
}

#endif
