// Building blocks that several models share. `prefix` is the name of the module in the reference's
// state_dict; its parameters are "prefix.weight" and "prefix.bias".
#ifndef MB_MODELS_BLOCKS_H
#define MB_MODELS_BLOCKS_H

#include "merbench/model.h"

// Options that every model has, in this order at the start of its table.
enum { MB_OPTION_HIDDEN_DIM, MB_OPTION_DROPOUT, MB_COMMON_OPTION_COUNT };

#define MB_OPTION_HIDDEN_DIM_ROW(...) MB_OPTION_HIDDEN_DIM_BETWEEN(1, 4096, 128, __VA_ARGS__)
#define MB_OPTION_HIDDEN_DIM_BETWEEN(fewest, most, start, ...)                                     \
    {                                                                                              \
        .name = "hidden_dim", .kind = MB_OPTION_INTEGER, .initial = start, .minimum = fewest,      \
        .maximum = most, .slot = MB_SLOT_NONE, .grid = {__VA_ARGS__},                              \
        .grid_count = sizeof((double[]){__VA_ARGS__}) / sizeof(double),                            \
        .help = "width of the hidden representations"                                              \
    }

#define MB_OPTION_DROPOUT_ROW(...)                                                                 \
    {                                                                                              \
        .name = "dropout", .kind = MB_OPTION_REAL, .initial = 0.3, .minimum = 0, .maximum = 0.95,  \
        .slot = MB_SLOT_DROPOUT, .grid = {__VA_ARGS__},                                            \
        .grid_count = sizeof((double[]){__VA_ARGS__}) / sizeof(double), .help = "dropout rate"     \
    }

// An option of models whose search space has gradient clipping. It overrides the training option of
// the same name.
#define MB_OPTION_GRAD_CLIP_ROW(...)                                                               \
    {                                                                                              \
        .name = "grad_clip", .kind = MB_OPTION_REAL, .initial = -1, .minimum = -1, .maximum = 1e6, \
        .slot = MB_SLOT_GRAD_CLIP, .grid = {__VA_ARGS__},                                          \
        .grid_count = sizeof((double[]){__VA_ARGS__}) / sizeof(double),                            \
        .help = "largest magnitude of a gradient element; -1 = off"                                \
    }

// x (..., I) -> (..., out), initialisation L: weight and bias uniform on (-k, k), k = 1/sqrt(I).
mb_tensor mb_block_linear(mb_graph *graph, const char *prefix, mb_tensor x, int32_t out);

// The features of a stream, which are those of a modality in most models: (B, D) for utt,
// (B, T, D) otherwise.
mb_tensor mb_block_features(mb_graph *graph, const mb_model_config *config, int32_t stream);

// Dropout at the run's rate. The site is a call of the reference's module: "prefix.drop#0".
mb_tensor mb_block_dropout(mb_graph *graph, const char *site, mb_tensor x);

// MLPEncoder: dropout, then three linear maps with ReLU after each. (B, I) -> (B, H)
mb_tensor mb_block_mlp_encoder(mb_graph *graph, const char *prefix, mb_tensor x, int32_t hidden);
// LSTMEncoder: last hidden state of an LSTM, dropout, one linear map. (B, T, I) -> (B, H)
mb_tensor mb_block_lstm_encoder(mb_graph *graph, const char *prefix, mb_tensor x, int32_t hidden);

// "audio_encoder", "text_encoder", "video_encoder"
const char *mb_block_encoder_name(int32_t modality);
// The features of a modality, through the encoder for their feature type. -> (B, H)
mb_tensor mb_block_encoder(mb_graph *graph, const mb_model_config *config, int32_t modality);

// Adds the heads on outputs->features, which must be set: fc_out_1 (C > 0) and fc_out_2 (R > 0).
void mb_block_heads(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs);

// "prefix.name", or "name" for an empty prefix. The caller owns the buffer.
typedef struct mb_name {
    char text[96];
} mb_name;
mb_name mb_name_of(const char *prefix, const char *name);

#endif
