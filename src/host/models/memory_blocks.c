#include "models/memory_blocks.h"

#include <math.h>
#include <stdio.h>

static const char letters[MB_MEMORY_MODALITIES] = {'l', 'a', 'v'};

mb_name mb_memory_name(const char *before, int32_t modality, const char *after) {
    mb_name name;
    snprintf(name.text, sizeof name.text, "%s%c%s", before, letters[modality], after);
    return name;
}

mb_status mb_memory_check(const mb_model_config *config, mb_error *error) {
    if (config->feature_type != MB_FRM_ALIGN)
        return mb_fail(error, MB_BAD_INPUT,
                       "feature_type: the model needs sequences of one length in all modalities: "
                       "expected frm_align, found %s",
                       mb_feature_type_names[config->feature_type]);
    if (config->options[MB_OPTION_HIDDEN_DIM] < 2)
        return mb_fail(error, MB_BAD_INPUT,
                       "hidden_dim: expected at least 2 (features have half of it), found %g",
                       config->options[MB_OPTION_HIDDEN_DIM]);
    return MB_OK;
}

// The parameters of an LSTM cell, initialisation R: by the hidden size, not the fan-in.
typedef struct lstm_parameters {
    mb_tensor weight_ih, weight_hh, bias_ih, bias_hh;
} lstm_parameters;

static lstm_parameters lstm_of(mb_graph *graph, const char *prefix, int32_t in, int32_t hidden) {
    mb_initial initial = {MB_INITIAL_UNIFORM, 1.0 / sqrt((double)hidden)};
    mb_shape bias = {1, {4 * hidden}};
    lstm_parameters p; // in statements, as start values depend on the order of creation
    p.weight_ih =
        mb_graph_weight(graph, mb_name_of(prefix, "weight_ih").text, 4 * hidden, in, initial);
    p.weight_hh =
        mb_graph_weight(graph, mb_name_of(prefix, "weight_hh").text, 4 * hidden, hidden, initial);
    p.bias_ih = mb_graph_parameter(graph, mb_name_of(prefix, "bias_ih").text, bias, initial);
    p.bias_hh = mb_graph_parameter(graph, mb_name_of(prefix, "bias_hh").text, bias, initial);
    return p;
}

mb_lstm_states mb_memory_lstm(mb_graph *graph, const char *prefix, mb_tensor x, int32_t hidden) {
    if (x == MB_NO_TENSOR)
        return (mb_lstm_states){MB_NO_TENSOR, MB_NO_TENSOR};
    lstm_parameters p = lstm_of(graph, prefix, mb_shape_last(mb_graph_shape(graph, x)), hidden);
    return mb_lstm_all(graph, mb_linear(graph, x, p.weight_ih, p.bias_ih), p.weight_hh, p.bias_hh);
}

// From the second step on the input is the hidden state: both weights are applied to it, so that
// their sum is the recurrent weight. `first` is the input of the first step alone.
mb_tensor mb_memory_feedback_lstm(mb_graph *graph, const char *prefix, mb_tensor first,
                                  int32_t steps) {
    if (first == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    int32_t hidden = mb_shape_last(mb_graph_shape(graph, first));
    lstm_parameters p = lstm_of(graph, prefix, hidden, hidden);
    mb_tensor z = mb_first_step(graph, mb_linear(graph, first, p.weight_ih, MB_NO_TENSOR), steps);
    mb_tensor weight = mb_add(graph, p.weight_ih, p.weight_hh);
    return mb_lstm(graph, z, weight, mb_add(graph, p.bias_ih, p.bias_hh));
}

void mb_memory_features(mb_graph *graph, const mb_model_config *config,
                        mb_tensor features[MB_MEMORY_MODALITIES]) {
    static const int32_t modalities[MB_MEMORY_MODALITIES] = {MB_TEXT, MB_AUDIO, MB_VIDEO};
    for (int32_t x = 0; x < MB_MEMORY_MODALITIES; x++)
        features[x] = mb_block_features(graph, config, modalities[x]);
}

// "prefix.stem_suffix"
static mb_name module_of(const char *prefix, const char *stem, const char *suffix) {
    char name[48];
    snprintf(name, sizeof name, "%s_%s", stem, suffix);
    return mb_name_of(prefix, name);
}

mb_tensor mb_memory_network(mb_graph *graph, const char *prefix, const char *stem, mb_tensor x,
                            int32_t hidden, int32_t out) {
    if (x == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    bool steps = mb_graph_shape(graph, x)->count == 3;
    mb_name site = module_of(prefix, stem, steps ? "dropout" : "dropout#0");
    x = mb_relu(graph, mb_block_linear(graph, module_of(prefix, stem, "fc1").text, x, hidden));
    x = mb_dropout(graph, x,
                   (mb_dropout_site){.name = site.text,
                                     .rate = MB_SLOT_DROPOUT,
                                     .layout = steps ? MB_MASK_PER_STEP : MB_MASK_AS_TENSOR});
    return mb_block_linear(graph, module_of(prefix, stem, "fc2").text, x, out);
}

// The parameters of a linear map that is computed inside an op.
static void gate_map(mb_graph *graph, const char *prefix, int32_t out, int32_t in,
                     mb_tensor *weight, mb_tensor *bias) {
    mb_initial initial = {MB_INITIAL_UNIFORM, 1.0 / sqrt((double)in)};
    *weight = mb_graph_weight(graph, mb_name_of(prefix, "weight").text, out, in, initial);
    *bias =
        mb_graph_parameter(graph, mb_name_of(prefix, "bias").text, (mb_shape){1, {out}}, initial);
}

mb_tensor mb_memory_of(mb_graph *graph, const mb_model_config *config, const char *prefix,
                       mb_tensor attended) {
    if (attended == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
    int32_t memory = (int32_t)config->options[MB_OPTION_MEM_DIM];
    int32_t width = mb_shape_last(mb_graph_shape(graph, attended));
    mb_tensor candidate =
        mb_tanh(graph, mb_memory_network(graph, prefix, "att2", attended, hidden, memory));
    mb_memory_gate gates[2];
    mb_name sites[2]; // must live until the op is recorded
    for (int32_t k = 0; k < 2; k++) {
        const char *stem = k == 0 ? "gamma1" : "gamma2";
        gate_map(graph, module_of(prefix, stem, "fc1").text, hidden, width + memory,
                 &gates[k].weight_1, &gates[k].bias_1);
        gate_map(graph, module_of(prefix, stem, "fc2").text, memory, hidden, &gates[k].weight_2,
                 &gates[k].bias_2);
        sites[k] = module_of(prefix, stem, "dropout");
        gates[k].dropout = (mb_dropout_site){
            .name = sites[k].text, .rate = MB_SLOT_DROPOUT, .layout = MB_MASK_PER_STEP};
    }
    return mb_last_step(graph, mb_gated_memory(graph, attended, candidate, gates));
}

mb_tensor mb_memory_fusion(mb_graph *graph, const mb_model_config *config, const char *prefix,
                           const mb_tensor features[MB_MEMORY_MODALITIES]) {
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
    mb_tensor last[MB_MEMORY_MODALITIES + 1], cells[2 * MB_MEMORY_MODALITIES];
    for (int32_t x = 0; x < MB_MEMORY_MODALITIES; x++) {
        mb_name lstm = mb_memory_name("lstm_", x, "");
        mb_lstm_states states =
            mb_memory_lstm(graph, mb_name_of(prefix, lstm.text).text, features[x], hidden);
        cells[x] = mb_delay(graph, states.cell);
        cells[MB_MEMORY_MODALITIES + x] = states.cell;
        last[x] = mb_last_step(graph, states.hidden);
    }
    mb_tensor c = mb_concat(graph, cells, 2 * MB_MEMORY_MODALITIES);
    mb_tensor weights = mb_softmax(graph, mb_memory_network(graph, prefix, "att1", c, hidden,
                                                            2 * MB_MEMORY_MODALITIES * hidden));
    last[MB_MEMORY_MODALITIES] =
        mb_memory_of(graph, config, prefix, mb_multiply(graph, weights, c));
    return mb_concat(graph, last, MB_MEMORY_MODALITIES + 1);
}

void mb_memory_outputs(mb_graph *graph, const mb_model_config *config, const char *prefix,
                       mb_tensor last, mb_graph_outputs *outputs) {
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
    outputs->features = mb_memory_network(graph, prefix, "out", last, hidden, hidden / 2);
    if (config->class_count > 0)
        outputs->emos_out = mb_block_linear(graph, mb_name_of(prefix, "fc_out_1").text,
                                            outputs->features, config->class_count);
    if (config->value_count > 0)
        outputs->vals_out = mb_block_linear(graph, mb_name_of(prefix, "fc_out_2").text,
                                            outputs->features, config->value_count);
}
