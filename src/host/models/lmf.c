// Low-rank multimodal fusion. Source: Liu et al., "Efficient Low-rank Multimodal Fusion with
// Modality-Specific Factors" (ACL 2018), as the reference toolkit computes it: with a learned
// weight for each rank, and features instead of a prediction.
//
// B rows, H = hidden_dim, K = rank, O = H/2 rounded down; audio, video, text.
//   A, V, L  = [1, encoder(features)]                           (B, 1 + H) each
//   fa[:, k] = A audio_factor[k], fv, fl likewise               (B, K, O)
//   features = sum over k of fusion_weights[k] * fa * fv * fl + fusion_bias    (B, O)
#include <math.h>

#include "models/blocks.h"

enum { RANK = MB_COMMON_OPTION_COUNT, OPTION_COUNT };

static const mb_option options[OPTION_COUNT] = {
    [MB_OPTION_HIDDEN_DIM] = MB_OPTION_HIDDEN_DIM_BETWEEN(2, 4096, 128, 32, 64, 128, 256),
    [MB_OPTION_DROPOUT] = MB_OPTION_DROPOUT_ROW(0.2, 0.3, 0.4, 0.5),
    [RANK] = {.name = "rank",
              .kind = MB_OPTION_INTEGER,
              .initial = 4,
              .minimum = 1,
              .maximum = 256,
              .slot = MB_SLOT_NONE,
              .grid = {3, 4, 5, 6},
              .grid_count = 4,
              .help = "number of rank-one terms whose sum is the fusion tensor"},
};

// [1, encoding] through the factor of the modality, one map for each rank. -> (B, K, O)
static mb_tensor project(mb_graph *graph, const mb_model_config *config, int32_t modality,
                         const char *name) {
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
    int32_t rank = (int32_t)config->options[RANK], out = hidden / 2;
    // Xavier-normal, as the framework computes it for three dimensions.
    mb_initial initial = {MB_INITIAL_NORMAL, sqrt(2.0 / ((hidden + 1.0 + rank) * out))};
    mb_tensor x = mb_prepend_one(graph, mb_block_encoder(graph, config, modality));
    mb_tensor factor =
        mb_graph_parameter(graph, name, (mb_shape){3, {rank, hidden + 1, out}}, initial);
    return mb_rank_linear(graph, x, factor);
}

static void build(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    int32_t rank = (int32_t)config->options[RANK];
    int32_t out = (int32_t)config->options[MB_OPTION_HIDDEN_DIM] / 2;
    mb_tensor fa = project(graph, config, MB_AUDIO, "audio_factor");
    mb_tensor fv = project(graph, config, MB_VIDEO, "video_factor");
    mb_tensor fl = project(graph, config, MB_TEXT, "text_factor");
    mb_tensor weights =
        mb_graph_parameter(graph, "fusion_weights", (mb_shape){2, {1, rank}},
                           (mb_initial){MB_INITIAL_NORMAL, sqrt(2.0 / (rank + 1.0))});
    mb_tensor bias = mb_graph_parameter(graph, "fusion_bias", (mb_shape){2, {1, out}},
                                        (mb_initial){MB_INITIAL_CONSTANT, 0.0});
    mb_tensor product = mb_multiply(graph, mb_multiply(graph, fa, fv), fl);
    outputs->features = mb_weighted_sum(graph, weights, product, bias);
    mb_block_heads(graph, config, outputs);
}

extern const mb_model mb_model_lmf;
const mb_model mb_model_lmf = {
    .name = "lmf",
    .paper = "Liu et al., Efficient Low-rank Multimodal Fusion, ACL 2018",
    .options = options,
    .option_count = OPTION_COUNT,
    .build = build,
};
