// Building blocks of the models with a memory: mfn, graph_mfn, mfm. They order modalities as text
// ("language"), audio, video.
#ifndef MB_MODELS_MEMORY_BLOCKS_H
#define MB_MODELS_MEMORY_BLOCKS_H

#include "models/blocks.h"

enum { MB_OPTION_MEM_DIM = MB_COMMON_OPTION_COUNT, MB_MEMORY_OPTION_COUNT };

#define MB_OPTION_MEM_DIM_ROW                                                                      \
    {                                                                                              \
        .name = "mem_dim", .kind = MB_OPTION_INTEGER, .initial = 128, .minimum = 1,                \
        .maximum = 4096, .slot = MB_SLOT_NONE, .grid = {128}, .grid_count = 1,                     \
        .help = "width of the memory"                                                              \
    }

#define MB_OPTION_WINDOW_DIM_ROW                                                                   \
    {                                                                                              \
        .name = "window_dim", .kind = MB_OPTION_INTEGER, .initial = 2, .minimum = 2, .maximum = 2, \
        .slot = MB_SLOT_NONE, .grid = {2}, .grid_count = 1,                                        \
        .help = "cells that the attention sees: the previous and the current one"                  \
    }

enum { MB_MEMORY_MODALITIES = 3 }; // l, a, v

// "beforeXafter", where X is the letter of a modality.
mb_name mb_memory_name(const char *before, int32_t modality, const char *after);

// Refuses feature types whose modalities differ in length, and a hidden_dim below 2, as features
// have half of it.
mb_status mb_memory_check(const mb_model_config *config, mb_error *error);

// The features of all modalities, in the order of these models.
void mb_memory_features(mb_graph *graph, const mb_model_config *config,
                        mb_tensor features[MB_MEMORY_MODALITIES]);

// An LSTM cell over the steps of x: prefix.weight_ih, .weight_hh, .bias_ih, .bias_hh.
// (B, T, I) -> hidden states and cells (B, T, H)
mb_lstm_states mb_memory_lstm(mb_graph *graph, const char *prefix, mb_tensor x, int32_t hidden);

// An LSTM cell that reads `first` (B, H) and then its own hidden states. -> (B, T, H)
mb_tensor mb_memory_feedback_lstm(mb_graph *graph, const char *prefix, mb_tensor first,
                                  int32_t steps);

// fc2(drop(max(0, fc1(x)))): stem_fc1 (hidden), stem_dropout, stem_fc2 (out), inside `prefix`.
// (..., I) -> (..., out)
mb_tensor mb_memory_network(mb_graph *graph, const char *prefix, const char *stem, mb_tensor x,
                            int32_t hidden, int32_t out);

// The memory after the last step, from the attended input of each step: modules att2, gamma1,
// gamma2. (B, T, D) -> (B, M)
mb_tensor mb_memory_of(mb_graph *graph, const mb_model_config *config, const char *prefix,
                       mb_tensor attended);

// A complete mfn without its outputs: last hidden states and memory, concat(h_l, h_a, h_v, u). ->
// (B, 3H + M)
mb_tensor mb_memory_fusion(mb_graph *graph, const mb_model_config *config, const char *prefix,
                           const mb_tensor features[MB_MEMORY_MODALITIES]);

// features = out_fc2(drop(max(0, out_fc1(last)))), (B, H/2), and the heads on them.
void mb_memory_outputs(mb_graph *graph, const mb_model_config *config, const char *prefix,
                       mb_tensor last, mb_graph_outputs *outputs);

#endif
