// Memory Fusion Network. Source: Zadeh et al., "Memory Fusion Network for Multi-view Sequential
// Learning" (AAAI 2018), as the reference toolkit computes it.
//
// B rows, T steps (the same for all modalities), H = hidden_dim, M = mem_dim; modalities in the
// order text (l), audio (a), video (v).
//   h_x, c_x = lstm_x(x)                                             (B, T, H), x = l, a, v
//   c*       = concat(c_l, c_a, c_v of the previous step, of this step) (B, T, 6H)
//   d        = softmax(att1(c*)) * c*                                (B, T, 6H)
//   c^       = tanh(att2(d))                                         (B, T, M)
//   u[t]     = gamma1 * u[t-1] + gamma2 * c^[t], gammas = sigmoid networks on concat(d[t], u[t-1])
//   features = out(concat(h_l, h_a, h_v, u) of the last step)        (B, H/2)
// Every network is fc2(drop(max(0, fc1(.)))) with a new mask in each step.
#include "models/memory_blocks.h"

enum { WINDOW_DIM = MB_MEMORY_OPTION_COUNT, OPTION_COUNT };

static const mb_option options[OPTION_COUNT] = {
    [MB_OPTION_HIDDEN_DIM] = MB_OPTION_HIDDEN_DIM_ROW(128, 256),
    [MB_OPTION_DROPOUT] = MB_OPTION_DROPOUT_ROW(0, 0.3, 0.5, 0.7),
    [MB_OPTION_MEM_DIM] = MB_OPTION_MEM_DIM_ROW,
    [WINDOW_DIM] = MB_OPTION_WINDOW_DIM_ROW,
};

static void build(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    mb_tensor features[MB_MEMORY_MODALITIES];
    mb_memory_features(graph, config, features);
    mb_memory_outputs(graph, config, "", mb_memory_fusion(graph, config, "", features), outputs);
}

extern const mb_model mb_model_mfn;
const mb_model mb_model_mfn = {
    .name = "mfn",
    .paper = "Zadeh et al., Memory Fusion Network, 2018",
    .options = options,
    .option_count = OPTION_COUNT,
    .check = mb_memory_check,
    .build = build,
};
