// Multimodal cyclic translation network. Source: Pham et al., "Found in Translation: Learning
// Robust Joint Representations by Cyclic Translations Between Modalities" (AAAI 2019), as the
// reference toolkit computes it.
//
// B rows, T steps, H = hidden_dim, D = dimension of the widest of the three features; text t,
// audio a, video v, all (B, T, D), padded with zero columns. A translation S = (encoder,
// decoder, attention):
//   encoder:  J = dropout(forward + backward) of a bidirectional LSTM                 (B, T, H)
//             start = tanh((last forward + last backward state) W_fc^T)
//   decoder:  state, context of the attention decoder on the true target y            (B, T, 2H)
//             Y = delay(fc_out(concat(state, context))), so that its first element is 0 (B, T, D)
// S1: text -> video (J1, V), then V -> text (T^); S2: J1 -> audio (J2, A).
//   features  = LSTMEncoder(J2) along time                                             (B, H)
//   interloss = loss_weight * (mse(V, v) + mse(T^, t) + mse(A, a))
//
// The toolkit passes batch-first tensors to time-first modules: its encoders and decoders run over
// the rows of the batch, with the steps side by side. So a prediction depends on the other rows of
// its batch and on their order, and a batch of one row reaches neither attention nor decoders.
// recurrence "time" does what the paper means. The decoders always see the true target, whatever
// teacher_forcing_ratio decides, and start every step from zero states.
#include <math.h>
#include <string.h>

#include "models/blocks.h"

enum {
    LOSS_WEIGHT = MB_COMMON_OPTION_COUNT,
    TEACHER_FORCING_RATIO,
    RECURRENCE,
    CLIP,
    OPTION_COUNT
};
enum { RECURRENCE_BATCH, RECURRENCE_TIME };

static const mb_option options[OPTION_COUNT] = {
    [MB_OPTION_HIDDEN_DIM] = MB_OPTION_HIDDEN_DIM_ROW(64, 128, 256),
    [MB_OPTION_DROPOUT] = MB_OPTION_DROPOUT_ROW(0.0, 0.1, 0.2, 0.3),
    [LOSS_WEIGHT] = {.name = "loss_weight",
                     .kind = MB_OPTION_REAL,
                     .initial = 0.3,
                     .maximum = 1000,
                     .slot = MB_SLOT_LOSS_WEIGHT,
                     .grid = {0.1, 0.3, 0.5, 0.8, 1.0},
                     .grid_count = 5,
                     .help = "weight of the translation losses"},
    [TEACHER_FORCING_RATIO] = {.name = "teacher_forcing_ratio",
                               .kind = MB_OPTION_REAL,
                               .initial = 0.5,
                               .maximum = 1,
                               .slot = MB_SLOT_TEACHER_FORCING_RATIO,
                               .grid = {0.3, 0.5},
                               .grid_count = 2,
                               .help = "without effect, as in the toolkit: the decoders always see "
                                       "the true target"},
    [RECURRENCE] = {.name = "recurrence",
                    .kind = MB_OPTION_CHOICE,
                    .initial = RECURRENCE_BATCH,
                    .maximum = RECURRENCE_TIME,
                    .corrected = true,
                    .corrected_initial = RECURRENCE_TIME,
                    .choices = {"batch", "time"},
                    .slot = MB_SLOT_NONE,
                    .help = "encoders and decoders run over the rows of the batch as in the "
                            "toolkit, or over time"},
    [CLIP] = MB_OPTION_GRAD_CLIP_ROW(0.6, 0.8, 1.0),
};

// The networks of one translation, which may be used more than once.
typedef struct translator {
    mb_graph *graph;
    const char *encoder, *decoder, *attention; // names of the modules
    int32_t hidden, width;                     // H, D
    mb_axis axis;
    int32_t fewest_rows; // of the smallest batch that reaches decoder and attention
} translator;

// Declares that the loss depends on a parameter only in batches of several rows.
static mb_tensor needs_rows(const translator *s, mb_tensor parameter) {
    mb_graph_needs_rows(s->graph, parameter, s->fewest_rows);
    return parameter;
}

// A weight without bias, initialisation L.
static mb_tensor plain_weight(const translator *s, const char *prefix, const char *name,
                              int32_t out, int32_t in) {
    return needs_rows(s, mb_graph_weight(s->graph, mb_name_of(prefix, name).text, out, in,
                                         (mb_initial){MB_INITIAL_UNIFORM, 1 / sqrt(in)}));
}

// The four parameters of one direction of an LSTM, initialisation R.
typedef struct direction {
    mb_tensor weight_ih, weight_hh, bias_ih, bias_hh;
} direction;

static direction lstm_direction(const translator *s, const char *prefix, int32_t in, bool reverse) {
    static const char *const names[2][4] = {
        {"rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0"},
        {"rnn.weight_ih_l0_reverse", "rnn.weight_hh_l0_reverse", "rnn.bias_ih_l0_reverse",
         "rnn.bias_hh_l0_reverse"}};
    mb_initial initial = {MB_INITIAL_UNIFORM, 1 / sqrt(s->hidden)};
    int32_t gates = 4 * s->hidden;
    mb_name full[4];
    for (int i = 0; i < 4; i++)
        full[i] = mb_name_of(prefix, names[reverse][i]);
    return (direction){
        .weight_ih = mb_graph_weight(s->graph, full[0].text, gates, in, initial),
        .weight_hh = mb_graph_weight(s->graph, full[1].text, gates, s->hidden, initial),
        .bias_ih = mb_graph_parameter(s->graph, full[2].text, (mb_shape){1, {gates}}, initial),
        .bias_hh = mb_graph_parameter(s->graph, full[3].text, (mb_shape){1, {gates}}, initial)};
}

typedef struct encoded {
    mb_tensor joint; // J (B, T, H)
    mb_tensor start; // (T, H) or (B, H)
} encoded;

// x (B, T, I); `site` names the dropout of this call.
static encoded encode(const translator *s, mb_tensor x, const char *site) {
    mb_tensor states[2], last[2];
    if (x == MB_NO_TENSOR)
        return (encoded){MB_NO_TENSOR, MB_NO_TENSOR};
    int32_t in = mb_shape_last(mb_graph_shape(s->graph, x));
    for (int k = 0; k < 2; k++) {
        mb_recurrence way = {s->axis, k == 1};
        direction d = lstm_direction(s, s->encoder, in, k == 1);
        mb_tensor z = mb_linear(s->graph, x, d.weight_ih, d.bias_ih);
        states[k] = mb_lstm_along(s->graph, z, d.weight_hh, d.bias_hh, way);
        last[k] = mb_last_along(s->graph, states[k], way);
    }
    mb_tensor fc = plain_weight(s, s->encoder, "fc.weight", s->hidden, s->hidden);
    mb_tensor end = mb_add(s->graph, last[0], last[1]);
    mb_tensor joint = mb_add(s->graph, states[0], states[1]);
    return (encoded){mb_block_dropout(s->graph, mb_name_of(s->encoder, site).text, joint),
                     mb_tanh(s->graph, mb_linear(s->graph, end, fc, MB_NO_TENSOR))};
}

// The reconstruction of y (B, T, D).
static mb_tensor decode(const translator *s, encoded source, mb_tensor y, mb_tensor idle[2]) {
    mb_decoder_cell cells[2];
    for (int k = 0; k < 2; k++) {
        direction d = lstm_direction(s, s->decoder, s->width + s->hidden, k == 1);
        mb_tensor all[] = {d.weight_ih, d.weight_hh, d.bias_ih, d.bias_hh};
        for (int i = 0; i < 4; i++)
            needs_rows(s, all[i]);
        cells[k] = (mb_decoder_cell){d.weight_ih, mb_add(s->graph, d.bias_ih, d.bias_hh)};
        idle[k] = d.weight_hh;
    }
    mb_recurrence way = {s->axis, false};
    mb_tensor attention = plain_weight(s, s->attention, "attn.weight", s->hidden, 2 * s->hidden);
    mb_tensor score = plain_weight(s, s->attention, "v.weight", 1, s->hidden);
    mb_tensor decoded =
        mb_attention_decoder(s->graph, y, source.joint, source.start, attention, score, cells, way);
    mb_initial initial = {MB_INITIAL_UNIFORM, 1 / sqrt(2 * s->hidden)};
    mb_tensor weight = plain_weight(s, s->decoder, "fc_out.weight", s->width, 2 * s->hidden);
    mb_tensor bias =
        needs_rows(s, mb_graph_parameter(s->graph, mb_name_of(s->decoder, "fc_out.bias").text,
                                         (mb_shape){1, {s->width}}, initial));
    return mb_delay_along(s->graph, mb_linear(s->graph, decoded, weight, bias), way);
}

static void build(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM], width = 0;
    mb_tensor features[MB_MODALITY_COUNT], idle[4];
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        width = config->dims[m] > width ? config->dims[m] : width;
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        features[m] = mb_graph_stream(graph, m, (mb_shape){3, {MB_ROWS, config->steps[m], width}});
    mb_tensor text = features[MB_TEXT], audio = features[MB_AUDIO], video = features[MB_VIDEO];
    mb_axis axis =
        (int)config->options[RECURRENCE] == RECURRENCE_TIME ? MB_AXIS_TIME : MB_AXIS_ROWS;
    // A sequence of one element is never decoded.
    int32_t fewest_rows = axis == MB_AXIS_ROWS ? 2 : config->steps[MB_TEXT] > 1 ? 1 : INT32_MAX;
    translator first = {graph, "encoder1", "decoder1", "attn1", hidden, width, axis, fewest_rows};
    translator second = {graph, "encoder2", "decoder2", "attn2", hidden, width, axis, fewest_rows};

    encoded text_joint = encode(&first, text, "dropout#0");
    mb_tensor video_back = decode(&first, text_joint, video, idle);
    mb_tensor text_back = decode(&first, encode(&first, video_back, "dropout#1"), text, idle);
    encoded joint = encode(&second, text_joint.joint, "dropout#0");
    mb_tensor audio_back = decode(&second, joint, audio, idle + 2);

    outputs->features = mb_block_lstm_encoder(graph, "fc_out_0", joint.joint, hidden);
    mb_tensor loss = mb_add(graph, mb_mean_squared_difference(graph, video_back, video),
                            mb_mean_squared_difference(graph, text_back, text));
    loss = mb_add(graph, loss, mb_mean_squared_difference(graph, audio_back, audio));
    loss = mb_scale(graph, loss, 1.0, MB_SLOT_LOSS_WEIGHT);
    outputs->interloss = mb_idle_weights(graph, loss, idle, 4);
    mb_block_heads(graph, config, outputs);
}

static mb_status check(const mb_model_config *config, mb_error *error) {
    if (config->feature_type != MB_FRM_ALIGN)
        return mb_fail(error, MB_BAD_INPUT,
                       "feature_type: model mctn needs sequences of one length in all modalities: "
                       "expected frm_align, found %s",
                       mb_feature_type_names[config->feature_type]);
    if (config->steps[MB_AUDIO] != config->steps[MB_TEXT] ||
        config->steps[MB_VIDEO] != config->steps[MB_TEXT])
        return mb_fail(
            error, MB_BAD_INPUT,
            "features: model mctn needs sequences of one length in all modalities, found %d "
            "for audio, %d for text, %d for video",
            config->steps[MB_AUDIO], config->steps[MB_TEXT], config->steps[MB_VIDEO]);
    return MB_OK;
}

// An encoder and a decoder belong to the model and to a translation; an attention belongs to the
// model and to both places of its decoder.
static int32_t reference_places(const char *module) {
    if (strncmp(module, "attn", 4) == 0)
        return 3;
    return strncmp(module, "encoder", 7) == 0 || strncmp(module, "decoder", 7) == 0 ? 2 : 1;
}

extern const mb_model mb_model_mctn;
const mb_model mb_model_mctn = {
    .name = "mctn",
    .paper = "Pham et al., Found in Translation, 2019",
    .options = options,
    .option_count = OPTION_COUNT,
    .couples_rows = true,
    .check = check,
    .reference_places = reference_places,
    .build = build,
};
