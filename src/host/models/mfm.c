// Multimodal Factorization Model. Source: Tsai et al., "Learning Factorized Multimodal
// Representations" (ICLR 2019), as the reference toolkit computes it.
//
// B rows, T steps (the same for all modalities), H = hidden_dim, F = H/2 rounded down; modalities
// in the order text (l), audio (a), video (v).
//   z_x      = fc1(last hidden state of an LSTM over x)                 (B, H), x = l, a, v
//   z_y      = last_to_zy_fc1(last states of a complete mfn)            (B, H)
//   f_x      = max(0, zx_to_fx(z_x)), f_y likewise                      (B, F)
//   features = fy_to_y(f_y)                                             (B, F)
//   x^       = fc1(hidden states of an LSTM that reads concat(f_y, f_x) and
//              then its own hidden states)                              (B, T, D_x)
//   interloss = lda_mmd * (sum of MMD(z, noise) over the four z) + sum over x of lda_x * mse(x^, x)
// The noise is standard normal and new in every step, also in evaluation. The heads of the inner
// mfn exist but are never trained.
#include "models/memory_blocks.h"

enum { WINDOW_DIM = MB_MEMORY_OPTION_COUNT, LDA_XL, LDA_XA, LDA_XV, LDA_MMD, OPTION_COUNT };

#define RECONSTRUCTION_ROW(letter, modality, SLOT_NAME)                                            \
    {                                                                                              \
        .name = "lda_x" letter, .kind = MB_OPTION_REAL, .initial = 0.1, .minimum = 0,              \
        .maximum = 1e6, .slot = SLOT_NAME, .grid = {0.01, 0.1, 0.5, 1.0}, .grid_count = 4,         \
        .help = "weight of the reconstruction loss of the " modality                               \
    }

static const mb_option options[OPTION_COUNT] = {
    [MB_OPTION_HIDDEN_DIM] = MB_OPTION_HIDDEN_DIM_ROW(128, 256),
    [MB_OPTION_DROPOUT] = MB_OPTION_DROPOUT_ROW(0, 0.3, 0.5, 0.7),
    [MB_OPTION_MEM_DIM] = MB_OPTION_MEM_DIM_ROW,
    [WINDOW_DIM] = MB_OPTION_WINDOW_DIM_ROW,
    [LDA_XL] = RECONSTRUCTION_ROW("l", "text", MB_SLOT_LDA_XL),
    [LDA_XA] = RECONSTRUCTION_ROW("a", "audio", MB_SLOT_LDA_XA),
    [LDA_XV] = RECONSTRUCTION_ROW("v", "video", MB_SLOT_LDA_XV),
    [LDA_MMD] = {.name = "lda_mmd",
                 .kind = MB_OPTION_REAL,
                 .initial = 10,
                 .maximum = 1e6,
                 .slot = MB_SLOT_LDA_MMD,
                 .grid = {10, 50, 100},
                 .grid_count = 3,
                 .help = "weight of the discrepancy between codes and standard normal noise"},
};

static const mb_slot reconstruction_slots[MB_MEMORY_MODALITIES] = {MB_SLOT_LDA_XL, MB_SLOT_LDA_XA,
                                                                   MB_SLOT_LDA_XV};
static const char *const noise_names[MB_MEMORY_MODALITIES + 1] = {"randn_0_zl", "randn_1_za",
                                                                  "randn_2_zv", "randn_3_zy"};

static int32_t hidden_of(const mb_model_config *config) {
    return (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
}

// z_x
static mb_tensor encode(mb_graph *graph, const mb_model_config *config, int32_t x,
                        mb_tensor features) {
    mb_name lstm = mb_memory_name("encoder_", x, ".lstm"),
            map = mb_memory_name("encoder_", x, ".fc1");
    mb_lstm_states states = mb_memory_lstm(graph, lstm.text, features, hidden_of(config));
    return mb_block_linear(graph, map.text, mb_last_step(graph, states.hidden), hidden_of(config));
}

// z_y, from a complete mfn of which only the last states are used.
static mb_tensor encode_label(mb_graph *graph, const mb_model_config *config,
                              const mb_tensor *features) {
    mb_graph_outputs unused;
    mb_tensor last = mb_memory_fusion(graph, config, "mfn_encoder", features);
    mb_memory_outputs(graph, config, "mfn_encoder", last, &unused);
    return mb_block_linear(graph, "last_to_zy_fc1", last, hidden_of(config));
}

// lda_x * mse(x^, x)
static mb_tensor reconstruction_loss(mb_graph *graph, int32_t x, mb_tensor label_factor,
                                     mb_tensor own_factor, mb_tensor features) {
    if (features == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    mb_shape shape = *mb_graph_shape(graph, features);
    mb_name lstm = mb_memory_name("decoder_", x, ".lstm"),
            map = mb_memory_name("decoder_", x, ".fc1");
    mb_tensor factors[] = {label_factor, own_factor};
    mb_tensor states =
        mb_memory_feedback_lstm(graph, lstm.text, mb_concat(graph, factors, 2), shape.dims[1]);
    mb_tensor rebuilt = mb_block_linear(graph, map.text, states, shape.dims[2]);
    mb_tensor loss = mb_mean_squared_difference(graph, rebuilt, features);
    return mb_scale(graph, loss, 1.0, reconstruction_slots[x]);
}

static mb_tensor discrepancy(mb_graph *graph, const mb_tensor codes[MB_MEMORY_MODALITIES + 1],
                             int32_t width) {
    mb_tensor sum = MB_NO_TENSOR;
    for (int32_t i = 0; i <= MB_MEMORY_MODALITIES; i++) {
        mb_tensor term =
            mb_mean_discrepancy(graph, codes[i], mb_noise(graph, noise_names[i], width));
        sum = i == 0 ? term : mb_add(graph, sum, term);
    }
    return mb_scale(graph, sum, 1.0, MB_SLOT_LDA_MMD);
}

static void build(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    enum { LABEL = MB_MEMORY_MODALITIES };
    static const char *const factor_names[] = {"zl_to_fl", "za_to_fa", "zv_to_fv", "zy_to_fy"};
    int32_t width = hidden_of(config) / 2;
    mb_tensor features[MB_MEMORY_MODALITIES], codes[LABEL + 1], factors[LABEL + 1];
    mb_memory_features(graph, config, features);
    for (int32_t x = 0; x < MB_MEMORY_MODALITIES; x++)
        codes[x] = encode(graph, config, x, features[x]);
    codes[LABEL] = encode_label(graph, config, features);
    for (int32_t i = 0; i <= LABEL; i++)
        factors[i] =
            mb_relu(graph, mb_memory_network(graph, "", factor_names[i], codes[i], width, width));
    outputs->interloss = discrepancy(graph, codes, hidden_of(config));
    for (int32_t x = 0; x < MB_MEMORY_MODALITIES; x++)
        outputs->interloss =
            mb_add(graph, outputs->interloss,
                   reconstruction_loss(graph, x, factors[LABEL], factors[x], features[x]));
    outputs->features =
        mb_memory_network(graph, "", "fy_to_y", factors[LABEL], width, hidden_of(config) / 2);
    mb_block_heads(graph, config, outputs);
}

extern const mb_model mb_model_mfm;
const mb_model mb_model_mfm = {
    .name = "mfm",
    .paper = "Tsai et al., Multimodal Factorization Model, 2019",
    .options = options,
    .option_count = OPTION_COUNT,
    .couples_rows = true,
    .check = mb_memory_check,
    .build = build,
};
