// Models around the ops of mfn, graph_mfn and mfm.
#ifndef TESTS_GRADIENT_MEMORY_H
#define TESTS_GRADIENT_MEMORY_H

#include "gradient_support.h"

// The gradient reaches cells alone, at this step and the next.
static void build_cells(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO);
    mb_tensor cell = mb_memory_lstm(graph, "e", x, hidden_of(config)).cell;
    x = mb_block_linear(graph, "a", mb_add(graph, mb_delay(graph, cell), cell), hidden_of(config));
    finish(graph, config, mb_last_step(graph, mb_softmax(graph, x)), outputs);
}

static void build_memory(mb_graph *graph, const mb_model_config *config,
                         mb_graph_outputs *outputs) {
    mb_tensor memory = mb_memory_of(graph, config, "m", first_map(graph, config, "a"));
    finish(graph, config, memory, outputs);
}

// Some scales are unused, and the scales are themselves an input.
static void build_scaled_concat(mb_graph *graph, const mb_model_config *config,
                                mb_graph_outputs *outputs) {
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO);
    mb_tensor scales = mb_block_linear(graph, "s", x, 5);
    mb_tensor inputs[] = {mb_block_linear(graph, "a", x, hidden_of(config)),
                          mb_block_linear(graph, "b", x, 3), scales};
    mb_tensor joined = mb_scaled_concat(graph, scales, 1, inputs, 3);
    finish(graph, config, mb_last_step(graph, joined), outputs);
}

// Scaled so that it has about the same share of the loss at all widths.
static void build_discrepancy(mb_graph *graph, const mb_model_config *config,
                              mb_graph_outputs *outputs) {
    int32_t width = hidden_of(config);
    mb_tensor x = first_map(graph, config, "a");
    mb_tensor discrepancy = mb_mean_discrepancy(graph, x, mb_noise(graph, "noise", width));
    finish(graph, config, x, outputs);
    outputs->interloss = mb_scale(graph, discrepancy, (double)width * (double)width, MB_SLOT_NONE);
}

static void build_feedback(mb_graph *graph, const mb_model_config *config,
                           mb_graph_outputs *outputs) {
    mb_tensor first = mb_last_step(graph, first_map(graph, config, "a"));
    mb_tensor states = mb_memory_feedback_lstm(graph, "d", first, config->steps[MB_AUDIO] + 1);
    finish(graph, config, mb_last_step(graph, states), outputs);
}

#endif
