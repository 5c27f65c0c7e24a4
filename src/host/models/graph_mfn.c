// Graph-MFN: the attention of mfn replaced by a dynamic fusion graph. Source: Zadeh et al.,
// "Multimodal Language Analysis in the Wild: CMU-MOSEI Dataset and Interpretable Dynamic Fusion
// Graph" (ACL 2018), as the reference toolkit computes it.
//
// B rows, T steps (the same for all modalities), H = hidden_dim, M = mem_dim; modalities in the
// order text (l, node 0), audio (a, 1), video (v, 2).
//   h_x      = lstm_x(x)                                                     (B, T, H)
//   s_x      = max(0, x_transform(concat(h_x of the previous step, h_x)))    (B, T, H)
//   e        = efficacy_model(concat(s_l, s_a, s_v))                         (B, T, 19)
//   O_n      = network_n(concat of e_i * O_m over the inputs m of n), n = 01, 02, 12, 012
//   tau      = t_network(concat of e_i * O_m over all seven nodes m)         (B, T, H)
//   features = as in mfn, with tau instead of d                         (B, H/2)
// A network is two linear maps with 100 units between them and no activation. The reference keeps
// the networks of the inner nodes in a dictionary that its optimiser does not see, so that they
// stay at their start values; the paper trains them. The second maps of all five networks have the
// same start values.
#include <math.h>
#include <stdio.h>

#include "models/memory_blocks.h"

enum { NODE_NETWORKS = MB_MEMORY_OPTION_COUNT, OPTION_COUNT };
enum { NODES_FROZEN, NODES_TRAINED };

static const mb_option options[OPTION_COUNT] = {
    [MB_OPTION_HIDDEN_DIM] = MB_OPTION_HIDDEN_DIM_ROW(128, 256),
    [MB_OPTION_DROPOUT] = MB_OPTION_DROPOUT_ROW(0, 0.3, 0.5, 0.7),
    [MB_OPTION_MEM_DIM] = MB_OPTION_MEM_DIM_ROW,
    [NODE_NETWORKS] = {.name = "node_networks",
                       .kind = MB_OPTION_CHOICE,
                       .initial = NODES_FROZEN,
                       .maximum = NODES_TRAINED,
                       .corrected = true,
                       .corrected_initial = NODES_TRAINED,
                       .choices = {"frozen", "trained"},
                       .slot = MB_SLOT_NONE,
                       .help =
                           "networks of the graph's inner nodes: left at their start values as in "
                           "the toolkit, or trained as in the paper"},
};

enum { NODES = 7, EDGES = 19, INNER = 100 };

// The inner nodes in the order in which they are computed, after the three modalities; the target
// is the last. A node's inputs take consecutive edges in this order.
static const struct {
    const char *name;
    int32_t input_count, inputs[NODES];
} inner_nodes[] = {
    {"networks.01", 2, {0, 1}},
    {"networks.02", 2, {0, 2}},
    {"networks.12", 2, {1, 2}},
    {"networks.012", 6, {0, 1, 2, 3, 4, 5}},
    {"t_network", NODES, {0, 1, 2, 3, 4, 5, 6}},
};
enum { INNER_NODES = sizeof inner_nodes / sizeof *inner_nodes, TARGET = INNER_NODES - 1 };

typedef struct linear_map {
    mb_tensor weight, bias;
} linear_map;

static linear_map map_of(mb_graph *graph, const char *node, const char *layer, int32_t out,
                         int32_t in) {
    char name[48];
    snprintf(name, sizeof name, "%s.%s", node, layer);
    mb_name prefix = mb_name_of("graph_mfn", name);
    mb_initial initial = {MB_INITIAL_UNIFORM, 1.0 / sqrt((double)in)};
    linear_map map;
    map.weight = mb_graph_weight(graph, mb_name_of(prefix.text, "weight").text, out, in, initial);
    map.bias = mb_graph_parameter(graph, mb_name_of(prefix.text, "bias").text, (mb_shape){1, {out}},
                                  initial);
    return map;
}

static void freeze(mb_graph *graph, linear_map map) {
    mb_graph_freeze(graph, map.weight);
    mb_graph_freeze(graph, map.bias);
}

// *shared_start is the first of the second maps to be made: all others have its start values.
static mb_tensor network(mb_graph *graph, const char *node, mb_tensor x, int32_t hidden,
                         bool frozen, linear_map *shared_start) {
    if (x == MB_NO_TENSOR)
        return MB_NO_TENSOR;
    linear_map first = map_of(graph, node, "0", INNER, mb_shape_last(mb_graph_shape(graph, x)));
    linear_map second = map_of(graph, node, "1.0", hidden, INNER);
    if (shared_start->weight == MB_NO_TENSOR)
        *shared_start = second;
    mb_graph_start_as(graph, second.weight, shared_start->weight);
    mb_graph_start_as(graph, second.bias, shared_start->bias);
    if (frozen) {
        freeze(graph, first);
        freeze(graph, second);
    }
    return mb_linear(graph, mb_linear(graph, x, first.weight, first.bias), second.weight,
                     second.bias);
}

// e (B, T, 19): how strongly each node reaches each of the others.
static mb_tensor efficacies(mb_graph *graph, const mb_tensor *singles, int32_t hidden) {
    mb_tensor x = mb_concat(graph, singles, MB_MEMORY_MODALITIES);
    x = mb_block_linear(graph, "graph_mfn.efficacy_model.0", x, INNER);
    x = mb_block_linear(graph, "graph_mfn.efficacy_model.1.0", x, hidden);
    return mb_block_linear(graph, "graph_mfn.efficacy_model.2", x, EDGES);
}

static mb_tensor fusion_graph(mb_graph *graph, const mb_model_config *config,
                              const mb_tensor singles[MB_MEMORY_MODALITIES]) {
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM], edge = 0;
    bool frozen = (int)config->options[NODE_NETWORKS] == NODES_FROZEN;
    mb_tensor e = efficacies(graph, singles, hidden), nodes[NODES + 1];
    linear_map shared_start = {MB_NO_TENSOR, MB_NO_TENSOR};
    for (int32_t n = 0; n < MB_MEMORY_MODALITIES; n++)
        nodes[n] = singles[n];
    for (int32_t n = 0; n < INNER_NODES; n++) {
        mb_tensor inputs[NODES];
        for (int32_t i = 0; i < inner_nodes[n].input_count; i++)
            inputs[i] = nodes[inner_nodes[n].inputs[i]];
        mb_tensor x = mb_scaled_concat(graph, e, edge, inputs, inner_nodes[n].input_count);
        edge += inner_nodes[n].input_count;
        nodes[MB_MEMORY_MODALITIES + n] =
            network(graph, inner_nodes[n].name, x, hidden, frozen && n != TARGET, &shared_start);
    }
    return nodes[MB_MEMORY_MODALITIES + TARGET];
}

static void build(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    int32_t hidden = (int32_t)config->options[MB_OPTION_HIDDEN_DIM];
    mb_tensor last[MB_MEMORY_MODALITIES + 1], singles[MB_MEMORY_MODALITIES];
    mb_tensor features[MB_MEMORY_MODALITIES];
    mb_memory_features(graph, config, features);
    for (int32_t x = 0; x < MB_MEMORY_MODALITIES; x++) {
        mb_name lstm = mb_memory_name("lstm_", x, ""),
                transform = mb_memory_name("", x, "_transform");
        mb_tensor states = mb_memory_lstm(graph, lstm.text, features[x], hidden).hidden;
        mb_tensor both[] = {mb_delay(graph, states), states};
        singles[x] = mb_relu(
            graph, mb_block_linear(graph, transform.text, mb_concat(graph, both, 2), hidden));
        last[x] = mb_last_step(graph, states);
    }
    last[MB_MEMORY_MODALITIES] =
        mb_memory_of(graph, config, "", fusion_graph(graph, config, singles));
    mb_memory_outputs(graph, config, "", mb_concat(graph, last, MB_MEMORY_MODALITIES + 1), outputs);
}

extern const mb_model mb_model_graph_mfn;
const mb_model mb_model_graph_mfn = {
    .name = "graph_mfn",
    .paper = "Zadeh et al., Graph Memory Fusion Network, 2018",
    .options = options,
    .option_count = OPTION_COUNT,
    .check = mb_memory_check,
    .build = build,
};
