#include "models/blocks.h"

#include <math.h>
#include <stdio.h>

mb_name mb_name_of(const char *prefix, const char *name) {
    mb_name joined;
    snprintf(joined.text, sizeof joined.text, "%s%s%s", prefix, *prefix != '\0' ? "." : "", name);
    return joined;
}

mb_tensor mb_block_linear(mb_graph *graph, const char *prefix, mb_tensor x, int32_t out) {
    if (x == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    int32_t in = mb_shape_last(mb_graph_shape(graph, x));
    mb_initial initial = {MB_INITIAL_UNIFORM, 1.0 / sqrt((double)in)};
    mb_tensor weight = mb_graph_weight(graph, mb_name_of(prefix, "weight").text, out, in, initial);
    mb_tensor bias =
        mb_graph_parameter(graph, mb_name_of(prefix, "bias").text, (mb_shape){1, {out}}, initial);
    return mb_linear(graph, x, weight, bias);
}

mb_tensor mb_block_features(mb_graph *graph, const mb_model_config *config, int32_t stream) {
    int32_t dimension = config->dims[stream];
    mb_shape shape = {2, {MB_ROWS, dimension}};
    if (config->feature_type != MB_UTT)
        shape = (mb_shape){3, {MB_ROWS, config->steps[stream], dimension}};
    return mb_graph_stream(graph, stream, shape);
}

mb_tensor mb_block_dropout(mb_graph *graph, const char *site, mb_tensor x) {
    return mb_dropout(graph, x, (mb_dropout_site){.name = site, .rate = MB_SLOT_DROPOUT});
}

mb_tensor mb_block_mlp_encoder(mb_graph *graph, const char *prefix, mb_tensor x, int32_t hidden) {
    static const char *const layers[] = {"linear_1", "linear_2", "linear_3"};
    x = mb_block_dropout(graph, mb_name_of(prefix, "drop#0").text, x);
    for (int i = 0; i < 3; i++)
        x = mb_relu(graph, mb_block_linear(graph, mb_name_of(prefix, layers[i]).text, x, hidden));
    return x;
}

mb_tensor mb_block_lstm_encoder(mb_graph *graph, const char *prefix, mb_tensor x, int32_t hidden) {
    if (x == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    int32_t in = mb_shape_last(mb_graph_shape(graph, x));
    // Initialisation R: by the hidden size, not the fan-in.
    mb_initial initial = {MB_INITIAL_UNIFORM, 1.0 / sqrt((double)hidden)};
    mb_shape bias = {1, {4 * hidden}};
    mb_tensor weight_ih = mb_graph_weight(graph, mb_name_of(prefix, "rnn.weight_ih_l0").text,
                                          4 * hidden, in, initial);
    mb_tensor weight_hh = mb_graph_weight(graph, mb_name_of(prefix, "rnn.weight_hh_l0").text,
                                          4 * hidden, hidden, initial);
    mb_tensor bias_ih =
        mb_graph_parameter(graph, mb_name_of(prefix, "rnn.bias_ih_l0").text, bias, initial);
    mb_tensor bias_hh =
        mb_graph_parameter(graph, mb_name_of(prefix, "rnn.bias_hh_l0").text, bias, initial);
    mb_tensor states = mb_lstm(graph, mb_linear(graph, x, weight_ih, bias_ih), weight_hh, bias_hh);
    mb_tensor last =
        mb_block_dropout(graph, mb_name_of(prefix, "dropout#0").text, mb_last_step(graph, states));
    return mb_block_linear(graph, mb_name_of(prefix, "linear_1").text, last, hidden);
}

const char *mb_block_encoder_name(int32_t modality) {
    static const char *const names[MB_MODALITY_COUNT] = {
        [MB_AUDIO] = "audio_encoder", [MB_TEXT] = "text_encoder", [MB_VIDEO] = "video_encoder"};
    return names[modality];
}

mb_tensor mb_block_encoder(mb_graph *graph, const mb_model_config *config, int32_t modality) {
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
    mb_tensor x = mb_block_features(graph, config, modality);
    return config->feature_type == MB_UTT
               ? mb_block_mlp_encoder(graph, mb_block_encoder_name(modality), x, hidden)
               : mb_block_lstm_encoder(graph, mb_block_encoder_name(modality), x, hidden);
}

void mb_block_heads(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    if (config->class_count > 0)
        outputs->emos_out =
            mb_block_linear(graph, "fc_out_1", outputs->features, config->class_count);
    if (config->value_count > 0)
        outputs->vals_out =
            mb_block_linear(graph, "fc_out_2", outputs->features, config->value_count);
}
