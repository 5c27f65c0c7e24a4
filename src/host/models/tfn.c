// Tensor fusion. Source: Zadeh et al., "Tensor Fusion Network for Multimodal Sentiment Analysis"
// (EMNLP 2017), as the reference toolkit computes it: one kind of encoder for all modalities,
// dropout on the fusion tensor.
//
// B rows, H = hidden_dim; audio is the slowest index of the tensor, then video, then text.
//   A, V, L  = [1, encoder(features)]                            (B, 1 + H) each
//   Z        = dropout(A x V x L)                                (B, (1 + H)^3), never stored
//   features = max(0, post_fusion_layer_2(max(0, post_fusion_layer_1(Z))))    (B, H)
// post_fusion_layer_1 has H * (1 + H)^3 weights: 17.6 million for H = 64, 275 million for H = 128,
// which is 4.4 GB for each run, with Adam's moments and the weights of the best epoch.
#include <math.h>

#include "models/blocks.h"

enum { MOST_HIDDEN = 1024 }; // (1 + H)^3 fits in 32 bits

static const mb_option options[MB_COMMON_OPTION_COUNT] = {
    [MB_OPTION_HIDDEN_DIM] = MB_OPTION_HIDDEN_DIM_BETWEEN(1, MOST_HIDDEN, 64, 64, 128),
    [MB_OPTION_DROPOUT] = MB_OPTION_DROPOUT_ROW(0.2, 0.3, 0.4, 0.5),
};

// The first layer after the fusion, on the tensor that is never stored.
static mb_tensor fuse(mb_graph *graph, const mb_tensor factors[3], int32_t hidden) {
    int32_t one_more = hidden + 1, width = one_more * one_more * one_more;
    mb_initial initial = {MB_INITIAL_UNIFORM, 1.0 / sqrt((double)width)};
    mb_tensor weight = mb_graph_weight(graph, "post_fusion_layer_1.weight", hidden, width, initial);
    mb_tensor bias =
        mb_graph_parameter(graph, "post_fusion_layer_1.bias", (mb_shape){1, {hidden}}, initial);
    mb_dropout_site site = {.name = "post_fusion_dropout#0", .rate = MB_SLOT_DROPOUT};
    return mb_relu(graph, mb_outer_linear(graph, factors, site, weight, bias));
}

static void build(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    static const int32_t order[] = {MB_AUDIO, MB_VIDEO, MB_TEXT};
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
    mb_tensor factors[3];
    for (int i = 0; i < 3; i++)
        factors[i] = mb_prepend_one(graph, mb_block_encoder(graph, config, order[i]));
    mb_tensor fused = fuse(graph, factors, hidden);
    outputs->features =
        mb_relu(graph, mb_block_linear(graph, "post_fusion_layer_2", fused, hidden));
    mb_block_heads(graph, config, outputs);
}

extern const mb_model mb_model_tfn;
const mb_model mb_model_tfn = {
    .name = "tfn",
    .paper = "Zadeh et al., Tensor Fusion Network, EMNLP 2017",
    .options = options,
    .option_count = MB_COMMON_OPTION_COUNT,
    .build = build,
};
