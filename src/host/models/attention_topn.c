// Attention over any number of features, each with its own encoder and its own weight: the model of
// the top-N experiment. Source: Lian et al., "MERBench" (2024), Table 10; the reference toolkit's
// attention_topn, whose names its parameters have.
//
// B rows, H = hidden_dim, M streams, up to 18: the best six features of three modalities.
//   h_i      = encoder<i>(x_i)                   (B, H), three linear maps with ReLU, as attention
//   u        = concat(h_0 ... h_{M-1})           (B, M*H)
//   w        = fc_att(attention_mlp(u))          (B, M) raw scores
//   features = sum over i of w[:,i] h_i          (B, H)
// Attention with the same three features is this model under other names. With one stream there is
// still a weight, as in the reference.
#include <stdio.h>

#include "models/blocks.h"

enum { MOST_STREAMS = 18 };

static const mb_option options[MB_COMMON_OPTION_COUNT] = {
    [MB_OPTION_HIDDEN_DIM] = MB_OPTION_HIDDEN_DIM_ROW(64, 128, 256),
    [MB_OPTION_DROPOUT] = MB_OPTION_DROPOUT_ROW(0.2, 0.3, 0.4, 0.5),
};

static mb_status check(const mb_model_config *config, mb_error *error) {
    if (config->feature_type == MB_UTT)
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "feature_type: model attention_topn takes only utt, found %s",
                   mb_feature_type_names[config->feature_type]);
}

extern const mb_model mb_model_attention_topn;

static void build(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
    int32_t count = mb_model_streams(&mb_model_attention_topn, config);
    mb_tensor encoded[MOST_STREAMS];
    for (int32_t i = 0; i < count; i++) {
        char prefix[24];
        snprintf(prefix, sizeof prefix, "encoder%d", (int)i);
        encoded[i] =
            mb_block_mlp_encoder(graph, prefix, mb_block_features(graph, config, i), hidden);
    }
    mb_tensor u = mb_concat(graph, encoded, count);
    mb_tensor query = mb_block_mlp_encoder(graph, "attention_mlp", u, hidden);
    outputs->features = mb_mix(graph, mb_block_linear(graph, "fc_att", query, count), u);
    mb_block_heads(graph, config, outputs);
}

const mb_model mb_model_attention_topn = {
    .name = "attention_topn",
    .paper = "Lian et al., MERBench, 2024, Table 10",
    .options = options,
    .option_count = MB_COMMON_OPTION_COUNT,
    .most_streams = MOST_STREAMS,
    .check = check,
    .build = build,
};
