// What the models around single ops share.
#ifndef TESTS_GRADIENT_SUPPORT_H
#define TESTS_GRADIENT_SUPPORT_H

#include "engine_support.h"

#include "models/memory_blocks.h"

static inline int32_t hidden_of(const mb_model_config *config) {
    return (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
}

// features -> linear -> OP -> heads
static inline void finish(mb_graph *graph, const mb_model_config *config, mb_tensor features,
                          mb_graph_outputs *outputs) {
    outputs->features = features;
    mb_block_heads(graph, config, outputs);
}

static inline mb_tensor first_map(mb_graph *graph, const mb_model_config *config,
                                  const char *name) {
    return mb_block_linear(graph, name, mb_block_features(graph, config, MB_AUDIO),
                           hidden_of(config));
}

#endif
