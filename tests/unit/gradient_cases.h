// A small model around each op: what the tests of gradients and updates run.
#ifndef TESTS_GRADIENT_CASES_H
#define TESTS_GRADIENT_CASES_H

#include "gradient_memory.h"
#include "graph/ops.h"

// ---- models around one op ---------------------------------------------------------------------

static const mb_option options[] = {MB_OPTION_HIDDEN_DIM_ROW(8), MB_OPTION_DROPOUT_ROW(0.3),
                                    MB_OPTION_MEM_DIM_ROW};
enum { OPTION_COUNT = sizeof options / sizeof *options };

static void build_linear(mb_graph *graph, const mb_model_config *config,
                         mb_graph_outputs *outputs) {
    mb_tensor x = first_map(graph, config, "a");
    mb_tensor weight = mb_graph_weight(graph, "no_bias", 7, hidden_of(config),
                                       (mb_initial){MB_INITIAL_NORMAL, 0.3});
    finish(graph, config, mb_linear(graph, x, weight, MB_NO_TENSOR), outputs);
}

static void build_relu(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    mb_tensor x = mb_relu(graph, first_map(graph, config, "a"));
    finish(graph, config, mb_relu(graph, mb_block_linear(graph, "b", x, 9)), outputs);
}

static void build_softmax(mb_graph *graph, const mb_model_config *config,
                          mb_graph_outputs *outputs) {
    finish(graph, config, mb_softmax(graph, first_map(graph, config, "a")), outputs);
}

static void build_dropout(mb_graph *graph, const mb_model_config *config,
                          mb_graph_outputs *outputs) {
    mb_tensor x = mb_block_dropout(graph, "a#0", mb_block_features(graph, config, MB_AUDIO));
    x = mb_block_linear(graph, "a", x, hidden_of(config));
    finish(graph, config, mb_block_dropout(graph, "b#0", x), outputs);
}

// The same weight twice, and a tensor that several ops read: gradients accumulate.
static void build_shared(mb_graph *graph, const mb_model_config *config,
                         mb_graph_outputs *outputs) {
    mb_tensor x = first_map(graph, config, "a");
    mb_tensor y = mb_block_linear(graph, "b", x, hidden_of(config));
    mb_tensor z = mb_block_linear(graph, "b", mb_relu(graph, y), hidden_of(config));
    finish(graph, config, mb_add(graph, mb_add(graph, x, y), z), outputs);
}

static void build_mix(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    mb_tensor encoded[] = {first_map(graph, config, "a"), first_map(graph, config, "b"),
                           first_map(graph, config, "c")};
    mb_tensor u = mb_concat(graph, encoded, 3);
    finish(graph, config, mb_mix(graph, mb_block_linear(graph, "w", u, 3), u), outputs);
}

// As many inputs as an op takes.
static void build_most_inputs(mb_graph *graph, const mb_model_config *config,
                              mb_graph_outputs *outputs) {
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO), inputs[MB_MAX_INPUTS];
    mb_tensor wide = mb_tanh(graph, mb_block_linear(graph, "a", x, 2 * MB_MAX_INPUTS));
    for (int32_t i = 0; i < MB_MAX_INPUTS; i++)
        inputs[i] = mb_slice(graph, wide, 2 * i, 1 + i % 2);
    mb_tensor joined = mb_concat(graph, inputs, MB_MAX_INPUTS);
    mb_tensor scales = mb_block_linear(graph, "s", x, MB_MAX_STREAMS);
    mb_tensor scaled = mb_scaled_concat(graph, scales, 0, inputs, MB_MAX_STREAMS);
    mb_tensor both[] = {joined, scaled};
    finish(graph, config, mb_block_linear(graph, "b", mb_concat(graph, both, 2), 5), outputs);
}

static void build_activations(mb_graph *graph, const mb_model_config *config,
                              mb_graph_outputs *outputs) {
    mb_tensor a = mb_sigmoid(graph, first_map(graph, config, "a"));
    mb_tensor b = mb_tanh(graph, first_map(graph, config, "b"));
    mb_tensor x = mb_scale(graph, mb_multiply(graph, a, b), 2.5, MB_SLOT_DROPOUT);
    finish(graph, config, x, outputs);
    outputs->interloss = mb_mean_squared_difference(graph, a, b);
}

static void build_reshape(mb_graph *graph, const mb_model_config *config,
                          mb_graph_outputs *outputs) {
    mb_tensor x = mb_block_linear(graph, "a", mb_block_features(graph, config, MB_AUDIO),
                                  3 * hidden_of(config));
    x = mb_reshape(graph, x, (mb_shape){3, {MB_ROWS, 3, hidden_of(config)}});
    finish(graph, config, mb_last_step(graph, mb_softmax(graph, x)), outputs);
}

// As in lmf: three factors of several ranks, multiplied and summed.
static void build_ranks(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    static const char *const names[] = {"a", "b", "c"};
    int32_t hidden = hidden_of(config), out = hidden / 2 + 1;
    mb_initial initial = {MB_INITIAL_NORMAL, 1.0 / sqrt(hidden + 1.0)};
    mb_tensor product = MB_NO_TENSOR;
    for (int i = 0; i < 3; i++) {
        mb_tensor x = mb_prepend_one(graph, first_map(graph, config, names[i]));
        mb_tensor factor = mb_graph_parameter(graph, mb_name_of(names[i], "factor").text,
                                              (mb_shape){3, {3, hidden + 1, out}}, initial);
        mb_tensor y = mb_rank_linear(graph, x, factor);
        product = i == 0 ? y : mb_multiply(graph, product, y);
    }
    mb_tensor weights = mb_graph_parameter(graph, "weights", (mb_shape){2, {1, 3}},
                                           (mb_initial){MB_INITIAL_NORMAL, 1.0});
    mb_tensor bias = mb_graph_parameter(graph, "bias", (mb_shape){2, {1, out}},
                                        (mb_initial){MB_INITIAL_NORMAL, 1.0});
    finish(graph, config, mb_weighted_sum(graph, weights, product, bias), outputs);
}

// As in tfn: factors of different widths, dropout inside.
static void build_outer(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    static const char *const names[] = {"a", "b", "c"};
    int32_t hidden = hidden_of(config), widths[] = {1, 2, hidden}, width = 2 * 3 * (hidden + 1);
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO), factors[3];
    for (int i = 0; i < 3; i++)
        factors[i] = mb_prepend_one(graph, mb_block_linear(graph, names[i], x, widths[i]));
    mb_initial initial = {MB_INITIAL_NORMAL, 1.0 / sqrt((double)width)};
    mb_tensor weight = mb_graph_weight(graph, "d.weight", hidden, width, initial);
    mb_tensor bias = mb_graph_parameter(graph, "d.bias", (mb_shape){1, {hidden}}, initial);
    mb_dropout_site site = {.name = "d#0", .rate = MB_SLOT_DROPOUT};
    finish(graph, config, mb_outer_linear(graph, factors, site, weight, bias), outputs);
}

static void build_lstm(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO);
    finish(graph, config, mb_block_lstm_encoder(graph, "e", x, hidden_of(config)), outputs);
}

static void build_gaussian_bound(mb_graph *graph, const mb_model_config *config,
                                 mb_graph_outputs *outputs) {
    mb_tensor mu = first_map(graph, config, "mu"), y = first_map(graph, config, "y");
    mb_tensor logvar = first_map(graph, config, "logvar");
    finish(graph, config, mu, outputs);
    outputs->interloss =
        mb_add(graph, mb_gaussian_bound(graph, mu, y, logvar, true),
               mb_scale(graph, mb_gaussian_bound(graph, y, mu, logvar, false), 0.7, MB_SLOT_NONE));
}

static void build_contrastive(mb_graph *graph, const mb_model_config *config,
                              mb_graph_outputs *outputs) {
    mb_tensor x = mb_unit_rows(graph, first_map(graph, config, "a"), (mb_unit_rule){.epsilon = 0});
    mb_tensor q = mb_unit_rows(graph, first_map(graph, config, "b"),
                               (mb_unit_rule){.epsilon = 0.1, .keep_zero = true});
    finish(graph, config, mb_add(graph, x, q), outputs);
    outputs->interloss = mb_scale(graph, mb_contrastive(graph, x, q), 3.0, MB_SLOT_NONE);
}

// Slices of a tensor against each other; two of the three are read by both losses.
static void build_batch_losses(mb_graph *graph, const mb_model_config *config,
                               mb_graph_outputs *outputs) {
    const mb_pairs all = {3, {{0, 1}, {2, 0}, {1, 2}}}, one = {1, {{2, 1}}};
    mb_tensor x =
        mb_sigmoid(graph, mb_block_linear(graph, "a", mb_block_features(graph, config, MB_AUDIO),
                                          3 * hidden_of(config)));
    mb_tensor slices = mb_reshape(graph, x, (mb_shape){3, {MB_ROWS, 3, hidden_of(config)}});
    mb_tensor centered = mb_center(graph, slices);
    mb_tensor moments = mb_add(graph, mb_moment_discrepancy(graph, slices, centered, all, true),
                               mb_moment_discrepancy(graph, slices, centered, one, true));
    mb_tensor units = mb_unit_rows(graph, centered, (mb_unit_rule){.epsilon = 0.1});
    mb_tensor overlap = mb_add(graph, mb_overlap(graph, units, all), mb_overlap(graph, units, one));
    outputs->interloss = mb_add(graph, mb_scale(graph, moments, 5.0, MB_SLOT_NONE), overlap);
    finish(graph, config, mb_slice(graph, x, hidden_of(config) / 2, hidden_of(config)), outputs);
}

static mb_tensor vector(mb_graph *graph, const char *name, int32_t width, double scale) {
    return mb_graph_parameter(graph, name, (mb_shape){1, {width}},
                              (mb_initial){MB_INITIAL_NORMAL, scale});
}

static void build_layer_norm(mb_graph *graph, const mb_model_config *config,
                             mb_graph_outputs *outputs) {
    int32_t width = 2 * hidden_of(config) + 1;
    mb_tensor x = mb_block_linear(graph, "a", mb_block_features(graph, config, MB_AUDIO), width);
    mb_tensor weight = vector(graph, "w", width, 1.0), bias = vector(graph, "b", width, 0.5);
    x = mb_layer_norm(graph, x, weight, bias); // the same weight twice
    mb_tensor y = mb_layer_norm(graph, mb_block_linear(graph, "c", x, width), weight, bias);
    finish(graph, config, mb_last_step(graph, mb_add(graph, x, y)), outputs);
}

// Three different inputs, then the same one three times.
static void build_thirds(mb_graph *graph, const mb_model_config *config,
                         mb_graph_outputs *outputs) {
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

// A filter of 3 steps, or of all steps if the sequence is shorter.
static mb_tensor convolve(mb_graph *graph, const char *name, mb_tensor x, int32_t out) {
    const mb_shape *shape = mb_graph_shape(graph, x);
    int32_t in = shape->dims[2], width = shape->dims[1] < 3 ? shape->dims[1] : 3;
    mb_initial initial = {MB_INITIAL_NORMAL, 1.0 / sqrt(in * width)};
    return mb_convolve(graph, x, mb_graph_filter(graph, name, out, in, width, initial));
}

static void build_convolution(mb_graph *graph, const mb_model_config *config,
                              mb_graph_outputs *outputs) {
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO);
    x = mb_block_linear(graph, "a", x, hidden_of(config));
    x = mb_tanh(graph, convolve(graph, "wide", x, hidden_of(config) + 1));
    mb_tensor one = mb_graph_filter(graph, "one", 5, hidden_of(config) + 1, 1,
                                    (mb_initial){MB_INITIAL_NORMAL, 0.3});
    finish(graph, config, mb_last_step(graph, mb_convolve(graph, x, one)), outputs);
}

// Queries of one sequence over the keys and values of a sequence of another length; two heads.
static void build_attention_with(mb_graph *graph, const mb_model_config *config,
                                 mb_attention_mask mask, mb_graph_outputs *outputs) {
    int32_t width = 2 * hidden_of(config) + 2;
    mb_tensor features = mb_block_features(graph, config, MB_AUDIO);
    mb_tensor few = convolve(graph, "few", features, width);
    bool masked = mask == MB_ATTENTION_FUTURE; // it hides keys only if there are fewer queries
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
                            mb_graph_outputs *outputs) {
    build_attention_with(graph, config, MB_ATTENTION_ALL, outputs);
}

static void build_masked(mb_graph *graph, const mb_model_config *config,
                         mb_graph_outputs *outputs) {
    build_attention_with(graph, config, MB_ATTENTION_FUTURE, outputs);
}

// Recurrences along the rows of the batch, from both ends.
static void build_lstm_rows(mb_graph *graph, const mb_model_config *config,
                            mb_graph_outputs *outputs) {
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

// The end and the delay of a recurrence, on features that are wider than the stream.
static void build_ends(mb_graph *graph, const mb_model_config *config, mb_recurrence way,
                       mb_graph_outputs *outputs) {
    int32_t h = hidden_of(config);
    mb_shape wide = {3, {MB_ROWS, config->steps[MB_AUDIO], config->dims[MB_AUDIO] + 2}};
    mb_tensor x = mb_graph_stream(graph, MB_AUDIO, wide);
    mb_tensor a = mb_block_linear(graph, "a", x, h), b = mb_block_linear(graph, "b", x, h);
    mb_tensor delayed = mb_delay_along(graph, mb_tanh(graph, a), way);
    mb_tensor ends[] = {mb_last_along(graph, b, way), mb_last_along(graph, a, way)};
    mb_tensor idle = mb_graph_weight(graph, "idle", 5, h, (mb_initial){MB_INITIAL_NORMAL, 0.3});
    mb_tensor features = mb_last_step(graph, mb_add(graph, delayed, b));
    finish(graph, config, mb_idle_weights(graph, features, &idle, 1), outputs);
    outputs->interloss = mb_mean_squared_difference(graph, ends[0], ends[1]);
}

static void build_ends_rows(mb_graph *graph, const mb_model_config *config,
                            mb_graph_outputs *outputs) {
    build_ends(graph, config, (mb_recurrence){MB_AXIS_ROWS, false}, outputs);
}

static void build_ends_time(mb_graph *graph, const mb_model_config *config,
                            mb_graph_outputs *outputs) {
    build_ends(graph, config, (mb_recurrence){MB_AXIS_TIME, true}, outputs);
}

static void build_decoder(mb_graph *graph, const mb_model_config *config, mb_recurrence way,
                          mb_graph_outputs *outputs) {
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
                               mb_graph_outputs *outputs) {
    build_decoder(graph, config, (mb_recurrence){MB_AXIS_ROWS, false}, outputs);
}

static void build_decoder_time(mb_graph *graph, const mb_model_config *config,
                               mb_graph_outputs *outputs) {
    build_decoder(graph, config, (mb_recurrence){MB_AXIS_TIME, false}, outputs);
}

typedef struct op_case {
    const char *name;
    void (*build)(mb_graph *, const mb_model_config *, mb_graph_outputs *);
    mb_feature_type type;
    mb_dropout_mode dropout;
} op_case;

static const op_case cases[] = {
    {"linear", build_linear, MB_UTT, MB_DROPOUT_OFF},
    {"linear over steps", build_lstm, MB_FRM_UNALIGN, MB_DROPOUT_OFF},
    {"relu", build_relu, MB_UTT, MB_DROPOUT_OFF},
    {"softmax", build_softmax, MB_UTT, MB_DROPOUT_OFF},
    {"dropout", build_dropout, MB_UTT, MB_DROPOUT_RANDOM},
    {"shared weights, add", build_shared, MB_UTT, MB_DROPOUT_OFF},
    {"concat, slice, mix", build_mix, MB_UTT, MB_DROPOUT_OFF},
    {"concat, scaled concat of the most inputs", build_most_inputs, MB_UTT, MB_DROPOUT_OFF},
    {"sigmoid, tanh, multiply, scale", build_activations, MB_UTT, MB_DROPOUT_OFF},
    {"reshape", build_reshape, MB_UTT, MB_DROPOUT_OFF},
    {"prepend one, rank linear, weighted sum", build_ranks, MB_UTT, MB_DROPOUT_OFF},
    {"outer linear", build_outer, MB_UTT, MB_DROPOUT_OFF},
    {"outer linear with dropout", build_outer, MB_UTT, MB_DROPOUT_RANDOM},
    {"gaussian bound", build_gaussian_bound, MB_UTT, MB_DROPOUT_OFF},
    {"unit rows, contrastive", build_contrastive, MB_UTT, MB_DROPOUT_OFF},
    {"center, overlap, moments, slice", build_batch_losses, MB_UTT, MB_DROPOUT_OFF},
    {"layer norm", build_layer_norm, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"linear thirds", build_thirds, MB_UTT, MB_DROPOUT_OFF},
    {"convolution", build_convolution, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"attention, positions", build_attention, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"attention with a mask", build_masked, MB_FRM_UNALIGN, MB_DROPOUT_OFF},
    {"lstm with dropout", build_lstm, MB_FRM_ALIGN, MB_DROPOUT_RANDOM},
    {"lstm along the rows", build_lstm_rows, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"delay, end, idle weights along the rows", build_ends_rows, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"delay, end, idle weights along time", build_ends_time, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"decoder along the rows", build_decoder_rows, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"decoder along time", build_decoder_time, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"lstm cells, delay", build_cells, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"noise, mean discrepancy", build_discrepancy, MB_UTT, MB_DROPOUT_OFF},
    {"first step, lstm that feeds itself", build_feedback, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"scaled concat", build_scaled_concat, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"gated memory", build_memory, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"gated memory with dropout", build_memory, MB_FRM_ALIGN, MB_DROPOUT_RANDOM},
};
enum { CASE_COUNT = sizeof cases / sizeof *cases };

#endif
