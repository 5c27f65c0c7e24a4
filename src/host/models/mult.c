// MulT, crossmodal transformers. Source: Tsai et al., "Multimodal Transformer for Unaligned
// Multimodal Language Sequences" (2019), as the reference toolkit computes it.
//
// B rows, H = hidden_dim; each modality x has its own length T_x. Order of the modalities: text
// (l), audio (a), video (v).
//   X_x = convolution over time (features)                       (B, T_x - k + 1, H), no bias
//   x_with_y = encoder(query X_x, key and value X_y)             (B, T_x - k + 1, H), six of them
//   M_x = encoder(concat(x_with_y, x_with_z)), self-attending    (B, T_x - k + 1, 2H)
//   s = concat of the last steps of M_l, M_a, M_v                (B, 6H)
//   features = out_layer(s + proj2(dropout(relu(proj1(s)))))     (B, H // 2)
// The crossmodal encoders have `layers` layers, the memory encoders at least three. Every attention
// has a banded future mask; padded frames are not masked. Positions are added on request only.
#include "models/blocks_transformer.h"

#include <math.h>
#include <stdio.h>

enum {
    LAYERS = MB_COMMON_OPTION_COUNT,
    NUM_HEADS,
    CONV1D_KERNEL_SIZE,
    POSITION_EMBEDDING,
    CLIP,
    OPTION_COUNT
};

static const mb_option options[OPTION_COUNT] = {
    [MB_OPTION_HIDDEN_DIM] = MB_OPTION_HIDDEN_DIM_ROW(64, 128, 256),
    [MB_OPTION_DROPOUT] = MB_OPTION_DROPOUT_ROW(0.0, 0.1, 0.2, 0.3),
    [LAYERS] = {.name = "layers",
                .kind = MB_OPTION_INTEGER,
                .initial = 4,
                .minimum = 1,
                .maximum = 32,
                .slot = MB_SLOT_NONE,
                .grid = {2, 4, 6},
                .grid_count = 3,
                .help = "layers of each crossmodal encoder; memory encoders have at least three"},
    [NUM_HEADS] = {.name = "num_heads",
                   .kind = MB_OPTION_INTEGER,
                   .initial = 8,
                   .minimum = 1,
                   .maximum = 256,
                   .slot = MB_SLOT_NONE,
                   .grid = {8},
                   .grid_count = 1,
                   .help = "attention heads; divides hidden_dim"},
    [CONV1D_KERNEL_SIZE] = {.name = "conv1d_kernel_size",
                            .kind = MB_OPTION_INTEGER,
                            .initial = 3,
                            .minimum = 1,
                            .maximum = 64,
                            .slot = MB_SLOT_NONE,
                            .grid = {1, 3},
                            .grid_count = 2,
                            .help = "frames that the first convolution sees at a time"},
    [POSITION_EMBEDDING] = {.name = "position_embedding",
                            .kind = MB_OPTION_CHOICE,
                            .initial = 0,
                            .maximum = 1,
                            .choices = {"off", "on"},
                            .slot = MB_SLOT_NONE,
                            .help = "sinusoidal positions: off as in the toolkit, on as in the "
                                    "paper"},
    [CLIP] = MB_OPTION_GRAD_CLIP_ROW(0.6, 0.8, 1.0),
};

// The modalities, in the order of this model.
enum { STREAMS = 3 };
static const struct {
    char letter;
    int32_t modality;
} streams[STREAMS] = {{'l', MB_TEXT}, {'a', MB_AUDIO}, {'v', MB_VIDEO}};

static int32_t option(const mb_model_config *config, int32_t position) {
    return (int32_t)config->options[position];
}

// The first modality that is shorter than the kernel, or -1.
static int32_t too_short(const mb_model_config *config) {
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
        if (config->steps[m] < option(config, CONV1D_KERNEL_SIZE))
            return m;
    return -1;
}

static const char too_short_message[] =
    "conv1d_kernel_size: expected at most %d, the number of frames of features.%s, found %d";

static mb_status check(const mb_model_config *config, mb_error *error) {
    int32_t hidden = option(config, MB_OPTION_HIDDEN_DIM), heads = option(config, NUM_HEADS);
    if (config->feature_type == MB_UTT)
        return mb_fail(error, MB_BAD_INPUT,
                       "feature_type: model mult needs sequences: expected frm_align or "
                       "frm_unalign, found utt");
    if (hidden % heads != 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "num_heads: expected a divisor of hidden_dim (%d), found %d", hidden, heads);
    if (hidden < 2)
        return mb_fail(error, MB_BAD_INPUT, "hidden_dim: model mult needs at least 2, found %d",
                       hidden);
    if (option(config, POSITION_EMBEDDING) && hidden < 4)
        return mb_fail(error, MB_BAD_INPUT,
                       "hidden_dim: position_embedding needs at least 4, found %d", hidden);
    int32_t modality = too_short(config);
    if (modality >= 0)
        return mb_fail(error, MB_BAD_INPUT, too_short_message, config->steps[modality],
                       mb_modality_names[modality], option(config, CONV1D_KERNEL_SIZE));
    return MB_OK;
}

// (B, T, D) -> (B, T - k + 1, H)
static mb_tensor project(mb_graph *graph, const mb_model_config *config, int32_t stream) {
    int32_t width = option(config, CONV1D_KERNEL_SIZE);
    int32_t modality = streams[stream].modality;
    int32_t in = config->dims[modality];
    char name[] = "proj_?.weight";
    name[5] = streams[stream].letter;
    mb_tensor filter =
        mb_graph_filter(graph, name, option(config, MB_OPTION_HIDDEN_DIM), in, width,
                        (mb_initial){MB_INITIAL_UNIFORM, 1.0 / sqrt((double)in * width)});
    return mb_convolve(graph, mb_block_features(graph, config, modality), filter);
}

// The last step of the memory of one stream over the other two. -> (B, 2H)
static mb_tensor remember(mb_graph *graph, const mb_model_config *config,
                          const mb_tensor projected[STREAMS], int32_t stream) {
    mb_mult_encoder encoder = {.layers = option(config, LAYERS),
                               .heads = option(config, NUM_HEADS),
                               .positions = option(config, POSITION_EMBEDDING)};
    mb_tensor crossed[2];
    int32_t count = 0;
    char name[32];
    for (int32_t other = 0; other < STREAMS; other++) {
        if (other == stream)
            continue;
        snprintf(name, sizeof name, "trans_%c_with_%c", streams[stream].letter,
                 streams[other].letter);
        crossed[count++] =
            mb_block_mult_encoder(graph, name, &encoder, projected[stream], projected[other]);
    }
    if (encoder.layers < 3)
        encoder.layers = 3;
    encoder.last_only = true;
    snprintf(name, sizeof name, "trans_%c_mem", streams[stream].letter);
    mb_tensor both = mb_concat(graph, crossed, 2);
    return mb_last_step(graph, mb_block_mult_encoder(graph, name, &encoder, both, MB_NO_TENSOR));
}

static void build(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    int32_t hidden = option(config, MB_OPTION_HIDDEN_DIM), modality = too_short(config);
    if (modality >= 0) // a part of the corpus may have shorter sequences than check() saw
        mb_graph_refuse(graph, too_short_message, config->steps[modality],
                        mb_modality_names[modality], option(config, CONV1D_KERNEL_SIZE));
    mb_tensor projected[STREAMS], memories[STREAMS];
    for (int32_t stream = 0; stream < STREAMS; stream++)
        projected[stream] = project(graph, config, stream);
    for (int32_t stream = 0; stream < STREAMS; stream++)
        memories[stream] = remember(graph, config, projected, stream);
    mb_tensor last = mb_concat(graph, memories, STREAMS);
    mb_tensor y = mb_relu(graph, mb_block_linear(graph, "proj1", last, 6 * hidden));
    y = mb_block_linear(graph, "proj2", mb_block_dropout(graph, "<root>#0", y), 6 * hidden);
    outputs->features = mb_block_linear(graph, "out_layer", mb_add(graph, last, y), hidden / 2);
    mb_block_heads(graph, config, outputs);
}

extern const mb_model mb_model_mult;
const mb_model mb_model_mult = {
    .name = "mult",
    .paper = "Tsai et al., MulT, 2019",
    .options = options,
    .option_count = OPTION_COUNT,
    .check = check,
    .build = build,
};
