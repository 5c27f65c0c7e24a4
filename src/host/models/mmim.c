// MMIM: fusion that keeps mutual information. Source: Han et al., "Improving Multimodal Fusion with
// Hierarchical Mutual Information Maximization" (EMNLP 2021), as the reference toolkit computes it:
// no entropy estimate, no history, one joint loss.
//
// B rows, H = hidden_dim; order text, audio, video.
//   L, A, V   = encoder(features)                                            (B, H) each
//   lld       = bound of log p(V | L) + bound of log p(A | L); p is a Gaussian whose mean and
//               log-variance are two-layer maps of L                         (1)
//   features  = tanh(linear_2(tanh(linear_1(dropout(concat(L, A, V))))))     (B, H)
//   nce       = sum over x = L, V, A of the contrast of x with cpc_x(features), both of length 1
//   interloss = alpha nce - beta lld                                         (1)
// The toolkit's bound has no log-variance term, so it grows to 0 as the variance grows. Option
// logvar_term adds the term. An encoding after ReLU may be all zeros and then has no direction: its
// inner products are 0/0 as in the toolkit or, with zero_rows "zero", 0.
#include "models/blocks.h"

#include <stdio.h>
#include <string.h>

enum {
    CPC_LAYERS = MB_COMMON_OPTION_COUNT,
    ALPHA,
    BETA,
    LOGVAR_TERM,
    ZERO_ROWS,
    CLIP,
    OPTION_COUNT,
};
enum { ZERO_ROWS_ZERO, ZERO_ROWS_NAN };

static const mb_option options[OPTION_COUNT] = {
    [MB_OPTION_HIDDEN_DIM] = MB_OPTION_HIDDEN_DIM_ROW(64, 128, 256),
    [MB_OPTION_DROPOUT] = MB_OPTION_DROPOUT_ROW(0.0, 0.1, 0.2, 0.3),
    [CPC_LAYERS] = {.name = "cpc_layers",
                    .kind = MB_OPTION_INTEGER,
                    .initial = 1,
                    .minimum = 1,
                    .maximum = 16,
                    .slot = MB_SLOT_NONE,
                    .grid = {1, 2, 3, 4},
                    .grid_count = 4,
                    .help = "linear maps from the fused features back to a modality"},
    [ALPHA] = {.name = "alpha",
               .kind = MB_OPTION_REAL,
               .initial = 0.1,
               .maximum = 1000,
               .slot = MB_SLOT_ALPHA,
               .grid = {0, 0.1, 0.2},
               .grid_count = 3,
               .help = "weight of the contrastive loss"},
    [BETA] = {.name = "beta",
              .kind = MB_OPTION_REAL,
              .initial = 0.1,
              .maximum = 1000,
              .slot = MB_SLOT_BETA,
              .grid = {0, 0.1, 0.2},
              .grid_count = 3,
              .help = "weight of the bound on mutual information between modalities"},
    [LOGVAR_TERM] = {.name = "logvar_term",
                     .kind = MB_OPTION_CHOICE,
                     .initial = 0,
                     .maximum = 1,
                     .choices = {"off", "on"},
                     .slot = MB_SLOT_NONE,
                     .help = "whether the Gaussian bound has its log-variance term: off as in the "
                             "toolkit, on as in the paper"},
    [ZERO_ROWS] = {.name = "zero_rows",
                   .kind = MB_OPTION_CHOICE,
                   .initial = ZERO_ROWS_NAN,
                   .maximum = ZERO_ROWS_NAN,
                   .corrected = true,
                   .corrected_initial = ZERO_ROWS_ZERO,
                   .choices = {"zero", "nan"},
                   .slot = MB_SLOT_NONE,
                   .help = "direction of an encoding that is all zeros: 0/0 as in the toolkit, "
                           "after which every number is NaN, or zero"},
    [CLIP] = MB_OPTION_GRAD_CLIP_ROW(0.6, 0.8, 1.0),
};

static mb_status check(const mb_model_config *config, mb_error *error) {
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
    if (hidden < 4)
        return mb_fail(error, MB_BAD_INPUT, "hidden_dim: model mmim needs at least 4, found %d",
                       hidden);
    return MB_OK;
}

static int32_t width_of(mb_graph *graph, mb_tensor x) {
    return x == MB_NO_TENSOR ? 1 : mb_shape_last(mb_graph_shape(graph, x));
}

// Two linear maps with ReLU between them: "prefix.0", "prefix.2".
static mb_tensor two_maps(mb_graph *graph, const char *prefix, mb_tensor x) {
    int32_t hidden = width_of(graph, x);
    x = mb_relu(graph, mb_block_linear(graph, mb_name_of(prefix, "0").text, x, hidden));
    return mb_block_linear(graph, mb_name_of(prefix, "2").text, x, hidden);
}

// The bound of log p(y | x). -> (1)
static mb_tensor bound(mb_graph *graph, const char *prefix, mb_tensor x, mb_tensor y, bool term) {
    mb_tensor mu = two_maps(graph, mb_name_of(prefix, "mlp_mu").text, x);
    mb_tensor logvar = two_maps(graph, mb_name_of(prefix, "mlp_logvar").text, x);
    // Belongs to the reference's entropy estimate, which is always off.
    int32_t hidden = width_of(graph, x);
    mb_block_linear(graph, mb_name_of(prefix, "entropy_prj.0").text, x, hidden / 4);
    return mb_gaussian_bound(graph, mu, y, logvar, term);
}

// The contrast of x with its prediction from the fused features. -> (1)
static mb_tensor contrast(mb_graph *graph, const mb_model_config *config, const char *prefix,
                          mb_tensor x, mb_tensor fused) {
    int32_t layers = (int32_t)config->options[CPC_LAYERS], hidden = width_of(graph, x);
    mb_tensor q = fused;
    if (layers == 1)
        q = mb_block_linear(graph, mb_name_of(prefix, "net").text, q, hidden);
    for (int32_t i = 0; layers > 1 && i < layers; i++) {
        char name[16]; // number 1 is the activation after the first map
        snprintf(name, sizeof name, "net.%d", i == 0 ? 0 : i + 1);
        q = mb_block_linear(graph, mb_name_of(prefix, name).text, q, hidden);
        q = i == 0 ? mb_tanh(graph, q) : q;
    }
    mb_unit_rule rule = {.keep_zero = (int)config->options[ZERO_ROWS] == ZERO_ROWS_ZERO};
    return mb_contrastive(graph, mb_unit_rows(graph, x, rule), mb_unit_rows(graph, q, rule));
}

static mb_tensor fuse(mb_graph *graph, int32_t hidden, mb_tensor text, mb_tensor audio,
                      mb_tensor video) {
    mb_tensor x = mb_concat(graph, (mb_tensor[]){text, audio, video}, 3);
    x = mb_block_dropout(graph, "fusion_prj.drop#0", x);
    x = mb_tanh(graph, mb_block_linear(graph, "fusion_prj.linear_1", x, hidden));
    return mb_tanh(graph, mb_block_linear(graph, "fusion_prj.linear_2", x, hidden));
}

static void build(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    bool term = (int)config->options[LOGVAR_TERM] == 1;
    mb_tensor audio = mb_block_encoder(graph, config, MB_AUDIO);
    mb_tensor text = mb_block_encoder(graph, config, MB_TEXT);
    mb_tensor video = mb_block_encoder(graph, config, MB_VIDEO);
    mb_tensor lld = mb_add(graph, bound(graph, "mi_tv", text, video, term),
                           bound(graph, "mi_ta", text, audio, term));
    mb_tensor fused =
        fuse(graph, (int32_t)config->options[MB_OPTION_HIDDEN_DIM], text, audio, video);
    mb_tensor nce = mb_add(graph, contrast(graph, config, "cpc_zt", text, fused),
                           contrast(graph, config, "cpc_zv", video, fused));
    nce = mb_add(graph, nce, contrast(graph, config, "cpc_za", audio, fused));
    outputs->interloss = mb_add(graph, mb_scale(graph, nce, 1.0, MB_SLOT_ALPHA),
                                mb_scale(graph, lld, -1.0, MB_SLOT_BETA));
    outputs->features = fused;
    mb_block_heads(graph, config, outputs);
}

// The entropy estimate is not called.
static int32_t reference_places(const char *module) {
    return strstr(module, "entropy_prj") == NULL;
}

extern const mb_model mb_model_mmim;
const mb_model mb_model_mmim = {
    .name = "mmim",
    .paper = "Han et al., Improving Multimodal Fusion with Hierarchical Mutual Information "
             "Maximization, EMNLP 2021",
    .options = options,
    .option_count = OPTION_COUNT,
    .couples_rows = true,
    .check = check,
    .reference_places = reference_places,
    .build = build,
};
