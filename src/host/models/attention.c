// Attention fusion. Source: Lian et al., "MERBench" (2024), Eq. 1-5, as the reference toolkit
// computes it; the paper's own equations are options.
//
// B rows, H = hidden_dim, K modalities (of audio, text, video; all three in the reference).
//   A, L, V  = encoder(features)                 (B, H) each
//   u        = concat(A, L, V)                   (B, K*H)
//   w        = fc_att(attention_mlp(u))          (B, K) raw scores; softmax as an option (Eq. 5)
//   features = w[:,0] A + w[:,1] L + w[:,2] V    (B, H)
// projection "single" is the paper's Eq. 1-4: one linear map with ReLU for each modality instead of
// three, and scores computed from u itself. With one modality there is nothing to weigh: features
// is its encoding.
#include "models/blocks.h"

enum { PROJECTION = MB_COMMON_OPTION_COUNT, WEIGHTS, OPTION_COUNT };
enum { PROJECTION_MLP, PROJECTION_SINGLE };
enum { WEIGHTS_RAW, WEIGHTS_SOFTMAX };

static const mb_option options[OPTION_COUNT] = {
    [MB_OPTION_HIDDEN_DIM] = MB_OPTION_HIDDEN_DIM_ROW(64, 128, 256),
    [MB_OPTION_DROPOUT] = MB_OPTION_DROPOUT_ROW(0.2, 0.3, 0.4, 0.5),
    [PROJECTION] = {.name = "projection",
                    .kind = MB_OPTION_CHOICE,
                    .initial = PROJECTION_MLP,
                    .maximum = PROJECTION_SINGLE,
                    .choices = {"mlp", "single"},
                    .slot = MB_SLOT_NONE,
                    .help =
                        "layers of each modality: three as in the toolkit, or one as in the paper"},
    [WEIGHTS] = {.name = "weights",
                 .kind = MB_OPTION_CHOICE,
                 .initial = WEIGHTS_RAW,
                 .maximum = WEIGHTS_SOFTMAX,
                 .choices = {"raw", "softmax"},
                 .slot = MB_SLOT_NONE,
                 .help =
                     "modality weights: raw scores as in the toolkit, or softmax as in the paper"},
};

// One linear map with ReLU, after dropout as in every encoder.
static mb_tensor single_projection(mb_graph *graph, const char *prefix, mb_tensor x,
                                   int32_t hidden) {
    x = mb_block_dropout(graph, mb_name_of(prefix, "drop#0").text, x);
    return mb_relu(graph, mb_block_linear(graph, mb_name_of(prefix, "linear_1").text, x, hidden));
}

static mb_tensor encode(mb_graph *graph, const mb_model_config *config, int32_t modality) {
    if (config->feature_type != MB_UTT || (int)config->options[PROJECTION] != PROJECTION_SINGLE)
        return mb_block_encoder(graph, config, modality);
    return single_projection(graph, mb_block_encoder_name(modality),
                             mb_block_features(graph, config, modality),
                             (int32_t)config->options[MB_OPTION_HIDDEN_DIM]);
}

static void build(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
    mb_tensor encoded[MB_MODALITY_COUNT];
    int32_t count = 0;
    for (int32_t modality = 0; modality < MB_MODALITY_COUNT; modality++)
        if (config->dims[modality] > 0)
            encoded[count++] = encode(graph, config, modality);
    outputs->features = encoded[0];
    if (count > 1) {
        mb_tensor u = mb_concat(graph, encoded, count), query = u;
        if ((int)config->options[PROJECTION] == PROJECTION_MLP)
            query = mb_block_mlp_encoder(graph, "attention_mlp", u, hidden);
        mb_tensor weights = mb_block_linear(graph, "fc_att", query, count);
        if ((int)config->options[WEIGHTS] == WEIGHTS_SOFTMAX)
            weights = mb_softmax(graph, weights);
        outputs->features = mb_mix(graph, weights, u);
    }
    mb_block_heads(graph, config, outputs);
}

extern const mb_model mb_model_attention;
const mb_model mb_model_attention = {
    .name = "attention",
    .paper = "Lian et al., MERBench, 2024",
    .options = options,
    .option_count = OPTION_COUNT,
    .any_modality = true,
    .build = build,
};
