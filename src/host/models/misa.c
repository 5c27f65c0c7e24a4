// MISA: modality-invariant and -specific representations. Source: Hazarika et al., "MISA" (ACM MM
// 2020), as the reference toolkit computes it.
//
// B rows, H = hidden_dim (even); order text, video, audio: x = t, v, a.
//   O_x = LayerNorm(ReLU(project_x(encoder_x(features))))                    (B, H) each
//   P_x = sigmoid(private_x(O_x)),  S_x = sigmoid(shared(O_x))               (B, H) each
//   Z   = P_t, P_v, P_a, S_t, S_v, S_a as a sequence through one transformer layer  (B, 6, H)
//   features  = fusion_layer_3(ReLU(dropout(fusion_layer_1(Z))))             (B, H/2)
//   interloss = diff_weight DIFF + sim_weight SIM + recon_weight RECON       (1)
//     RECON = mean squared difference of O_x and recon_x(P_x + S_x), over all x
//     DIFF  = sum of the overlaps of P_x with S_x and of all pairs of the P, after centring over
//             the batch and dividing each row by its norm + 1e-6, a constant for the gradient
//     SIM   = mean central moment discrepancy of the pairs of the S, with five moments, which are
//             not divided by powers of the value range as they are in the paper
// The transformer layer has dropout rate 0.1 and inner width 2048, the defaults of the framework.
// In a batch of one row, or when shared representations no longer vary, all central moments are
// equal; the toolkit's gradient of the norm of their difference is then 0/0, even if sim_weight
// is 0.
#include "models/blocks.h"

#include <math.h>
#include <string.h>

enum {
    SIM_WEIGHT = MB_COMMON_OPTION_COUNT,
    DIFF_WEIGHT,
    RECON_WEIGHT,
    ZERO_NORM,
    CLIP,
    OPTION_COUNT,
};
enum { ZERO_NORM_NAN, ZERO_NORM_ZERO };
enum { MODALITIES = 3, TOKENS = 2 * MODALITIES, HEADS = 2, INNER_WIDTH = 2048 };

#define WEIGHT_ROW(key, row_slot, text)                                                            \
    {                                                                                              \
        .name = key, .kind = MB_OPTION_REAL, .initial = 0.1, .maximum = 1000, .slot = row_slot,    \
        .grid = {0, 0.1, 0.2}, .grid_count = 3, .help = text                                       \
    }

static const mb_option options[OPTION_COUNT] = {
    [MB_OPTION_HIDDEN_DIM] = MB_OPTION_HIDDEN_DIM_ROW(64, 128, 256),
    [MB_OPTION_DROPOUT] = MB_OPTION_DROPOUT_ROW(0.2, 0.3, 0.4, 0.5),
    [SIM_WEIGHT] = WEIGHT_ROW("sim_weight", MB_SLOT_SIM_WEIGHT,
                              "weight of the distance between the shared representations"),
    [DIFF_WEIGHT] = WEIGHT_ROW("diff_weight", MB_SLOT_DIFF_WEIGHT,
                               "weight of the overlap between private and shared representations"),
    [RECON_WEIGHT] =
        WEIGHT_ROW("recon_weight", MB_SLOT_RECON_WEIGHT, "weight of the reconstruction error"),
    [ZERO_NORM] = {.name = "zero_norm",
                   .kind = MB_OPTION_CHOICE,
                   .initial = ZERO_NORM_NAN,
                   .maximum = ZERO_NORM_ZERO,
                   .corrected = true,
                   .corrected_initial = ZERO_NORM_ZERO,
                   .choices = {"nan", "zero"},
                   .slot = MB_SLOT_NONE,
                   .help = "gradient of a moment difference of zero (a batch of one row, shared "
                           "representations that no longer vary): 0/0 as in the toolkit, after "
                           "which every number is NaN, or zero"},
    [CLIP] = MB_OPTION_GRAD_CLIP_ROW(-1, 0.8, 1.0),
};

// Names in the reference; private_a_3 is not a misprint.
typedef struct branch {
    int32_t modality;
    const char *project, *layer_norm, *private_map, *recon;
} branch;

static const branch branches[MODALITIES] = {
    {MB_TEXT, "project_t.project_t", "project_t.project_t_layer_norm", "private_t.private_t_1",
     "recon_t.recon_t_1"},
    {MB_VIDEO, "project_v.project_v", "project_v.project_v_layer_norm", "private_v.private_v_1",
     "recon_v.recon_v_1"},
    {MB_AUDIO, "project_a.project_a", "project_a.project_a_layer_norm", "private_a.private_a_3",
     "recon_a.recon_a_1"},
};

enum { P_T, P_V, P_A, S_T, S_V, S_A };
static const mb_pairs different = {
    6, {{P_T, S_T}, {P_V, S_V}, {P_A, S_A}, {P_A, P_T}, {P_A, P_V}, {P_T, P_V}}};
static const mb_pairs similar = {3, {{S_T, S_V}, {S_T, S_A}, {S_A, S_V}}};

static int32_t hidden_of(const mb_model_config *config) {
    return (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
}

static mb_status check(const mb_model_config *config, mb_error *error) {
    if (hidden_of(config) % 2 != 0)
        return mb_fail(error, MB_BAD_INPUT, "hidden_dim: model misa needs an even number, found %d",
                       hidden_of(config));
    return MB_OK;
}

// (B, N*H) -> (B, N, H) and back
static mb_tensor as_sequence(mb_graph *graph, mb_tensor x, int32_t steps, int32_t width) {
    return mb_reshape(graph, x, (mb_shape){3, {MB_ROWS, steps, width}});
}

static mb_tensor as_row(mb_graph *graph, mb_tensor x, int32_t width) {
    return mb_reshape(graph, x, (mb_shape){2, {MB_ROWS, width}});
}

static mb_tensor layer_norm(mb_graph *graph, const char *prefix, mb_tensor x, int32_t width) {
    mb_shape shape = {1, {width}};
    mb_initial one = {MB_INITIAL_CONSTANT, 1.0}, zero = {MB_INITIAL_CONSTANT, 0.0};
    return mb_layer_norm(graph, x,
                         mb_graph_parameter(graph, mb_name_of(prefix, "weight").text, shape, one),
                         mb_graph_parameter(graph, mb_name_of(prefix, "bias").text, shape, zero));
}

// ---- transformer layer ------------------------------------------------------------------------

static mb_tensor layer_dropout(mb_graph *graph, const char *site, mb_tensor x,
                               mb_mask_layout layout) {
    mb_name name = mb_name_of("transformer_encoder.layers.0", site);
    return mb_dropout(
        graph, x,
        (mb_dropout_site){
            .name = name.text, .rate = MB_SLOT_NONE, .constant_rate = 0.1, .layout = layout});
}

static mb_tensor self_attention(mb_graph *graph, mb_tensor x, int32_t hidden) {
    static const char prefix[] = "transformer_encoder.layers.0.self_attn";
    mb_initial xavier = {MB_INITIAL_UNIFORM, sqrt(6.0 / (4.0 * hidden))};
    mb_initial fan_in = {MB_INITIAL_UNIFORM, 1.0 / sqrt((double)hidden)};
    mb_initial zero = {MB_INITIAL_CONSTANT, 0.0};
    mb_tensor in_weight = mb_graph_weight(graph, mb_name_of(prefix, "in_proj_weight").text,
                                          3 * hidden, hidden, xavier);
    mb_tensor in_bias = mb_graph_parameter(graph, mb_name_of(prefix, "in_proj_bias").text,
                                           (mb_shape){1, {3 * hidden}}, zero);
    mb_tensor out_weight =
        mb_graph_weight(graph, mb_name_of(prefix, "out_proj.weight").text, hidden, hidden, fan_in);
    mb_tensor out_bias = mb_graph_parameter(graph, mb_name_of(prefix, "out_proj.bias").text,
                                            (mb_shape){1, {hidden}}, zero);
    mb_tensor qkv[3];
    mb_linear_thirds(graph, (mb_tensor[]){x, x, x}, in_weight, in_bias, qkv);
    mb_tensor weights = mb_softmax(graph, mb_attention_scores(graph, qkv[0], qkv[1], HEADS,
                                                              1.0 / sqrt(hidden / (double)HEADS),
                                                              MB_ATTENTION_ALL));
    weights = layer_dropout(graph, "self_attn#0", weights, MB_MASK_AS_TENSOR);
    mb_tensor y = mb_attention_apply(graph, weights, qkv[2]);
    return mb_linear(graph, y, out_weight, out_bias);
}

// x1 = LayerNorm(x + dropout(attention(x))); LayerNorm(x1 + dropout(maps(x1))). (B, 6, H)
static mb_tensor transformer_layer(mb_graph *graph, mb_tensor x, int32_t hidden) {
    mb_tensor y =
        layer_dropout(graph, "dropout1#0", self_attention(graph, x, hidden), MB_MASK_TIME_FIRST);
    x = layer_norm(graph, "transformer_encoder.layers.0.norm1", mb_add(graph, x, y), hidden);
    y = mb_relu(graph,
                mb_block_linear(graph, "transformer_encoder.layers.0.linear1", x, INNER_WIDTH));
    y = layer_dropout(graph, "dropout#0", y, MB_MASK_TIME_FIRST);
    y = mb_block_linear(graph, "transformer_encoder.layers.0.linear2", y, hidden);
    y = layer_dropout(graph, "dropout2#0", y, MB_MASK_TIME_FIRST);
    return layer_norm(graph, "transformer_encoder.layers.0.norm2", mb_add(graph, x, y), hidden);
}

// ---- the model --------------------------------------------------------------------------------

// Representations of a batch; their modalities are in the order of `branches`.
typedef struct representations {
    mb_tensor projected;        // O (B, 3H)
    mb_tensor separate, shared; // P, S (B, 3H)
    mb_tensor reconstructed;    // (B, 3H)
    mb_tensor tokens;           // (B, 6, H)
} representations;

static representations represent(mb_graph *graph, const mb_model_config *config) {
    int32_t hidden = hidden_of(config);
    mb_tensor projected[MODALITIES], maps[MODALITIES];
    representations r;
    for (int32_t i = 0; i < MODALITIES; i++) {
        const branch *names = &branches[i];
        mb_tensor x = mb_block_encoder(graph, config, names->modality);
        x = mb_relu(graph, mb_block_linear(graph, names->project, x, hidden));
        projected[i] = layer_norm(graph, names->layer_norm, x, hidden);
        maps[i] = mb_block_linear(graph, names->private_map, projected[i], hidden);
    }
    r.projected = mb_concat(graph, projected, MODALITIES);
    r.separate = mb_sigmoid(graph, mb_concat(graph, maps, MODALITIES));
    mb_tensor shared = as_sequence(graph, r.projected, MODALITIES, hidden);
    shared = mb_sigmoid(graph, mb_block_linear(graph, "shared.shared_1", shared, hidden));
    r.shared = as_row(graph, shared, MODALITIES * hidden);
    mb_tensor sum = mb_add(graph, r.separate, r.shared);
    for (int32_t i = 0; i < MODALITIES; i++)
        maps[i] = mb_block_linear(graph, branches[i].recon,
                                  mb_slice(graph, sum, i * hidden, hidden), hidden);
    r.reconstructed = mb_concat(graph, maps, MODALITIES);
    mb_tensor tokens = mb_concat(graph, (mb_tensor[]){r.separate, r.shared}, 2);
    r.tokens = as_sequence(graph, tokens, TOKENS, hidden);
    return r;
}

static mb_tensor auxiliary_loss(mb_graph *graph, const mb_model_config *config,
                                const representations *r) {
    bool zero_norm = (int)config->options[ZERO_NORM] == ZERO_NORM_ZERO;
    mb_tensor centered = mb_center(graph, r->tokens);
    mb_tensor units =
        mb_unit_rows(graph, centered, (mb_unit_rule){.epsilon = 1e-6, .constant_norm = true});
    mb_tensor diff = mb_overlap(graph, units, different);
    mb_tensor sim = mb_moment_discrepancy(graph, r->tokens, centered, similar, zero_norm);
    mb_tensor recon = mb_mean_squared_difference(graph, r->reconstructed, r->projected);
    mb_tensor sum = mb_add(graph, mb_scale(graph, diff, 1.0, MB_SLOT_DIFF_WEIGHT),
                           mb_scale(graph, sim, 1.0, MB_SLOT_SIM_WEIGHT));
    return mb_add(graph, sum, mb_scale(graph, recon, 1.0, MB_SLOT_RECON_WEIGHT));
}

static void build(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    int32_t hidden = hidden_of(config);
    representations r = represent(graph, config);
    mb_tensor x = transformer_layer(graph, r.tokens, hidden);
    x = as_row(graph, x, TOKENS * hidden);
    x = mb_block_linear(graph, "fusion.fusion_layer_1", x, MODALITIES * hidden);
    x = mb_relu(graph, mb_block_dropout(graph, "fusion.fusion_layer_1_dropout#0", x));
    outputs->features = mb_block_linear(graph, "fusion.fusion_layer_3", x, hidden / 2);
    outputs->interloss = auxiliary_loss(graph, config, &r);
    mb_block_heads(graph, config, outputs);
}

static bool breaks_on_one_row(const mb_model_config *config) {
    return (int)config->options[ZERO_NORM] == ZERO_NORM_NAN;
}

// The toolkit calls torch's attention, which computes its output map as a function.
static int32_t reference_places(const char *module) {
    return strcmp(module, "transformer_encoder.layers.0.self_attn.out_proj") != 0;
}

extern const mb_model mb_model_misa;
const mb_model mb_model_misa = {
    .name = "misa",
    .paper = "Hazarika et al., MISA: Modality-Invariant and -Specific Representations for "
             "Multimodal Sentiment Analysis, ACM MM 2020",
    .options = options,
    .option_count = OPTION_COUNT,
    .couples_rows = true,
    .check = check,
    .breaks_on_one_row = breaks_on_one_row,
    .reference_places = reference_places,
    .build = build,
};
