// Blocks of transformers: layer norm, multi-head attention, and the layers of MulT.
#ifndef MB_MODELS_BLOCKS_TRANSFORMER_H
#define MB_MODELS_BLOCKS_TRANSFORMER_H

#include "models/blocks.h"

// Layer norm, x (..., D) -> (..., D). "prefix.weight" starts as 1, "prefix.bias" as 0.
mb_tensor mb_block_layer_norm(mb_graph *graph, const char *prefix, mb_tensor x);

// Initialisation X: weight uniform on (-g, g), g = sqrt(6 / (I + O)), bias 0. (..., I) -> (..., O)
mb_tensor mb_block_linear_xavier(mb_graph *graph, const char *prefix, mb_tensor x, int32_t out);

typedef enum mb_out_projection { MB_OUT_XAVIER, MB_OUT_UNIFORM } mb_out_projection;

typedef struct mb_attention {
    int32_t heads; // divides D
    mb_attention_mask mask;
    mb_out_projection out_projection; // initialisation X or L of out_proj.weight
    mb_slot dropout;                  // of the attention weights
    double constant_dropout;          // the rate if `dropout` is MB_SLOT_NONE
    int32_t whole_steps;              // of the reference's query; see mb_dropout_site
} mb_attention;

// Multi-head attention of the query (B, Lq, D) over key and value (B, Lk, D) -> (B, Lq, D). Its
// parameters are prefix.in_proj_weight (3D, D), in_proj_bias (3D), out_proj.weight, out_proj.bias.
mb_tensor mb_block_attention(mb_graph *graph, const char *prefix, const mb_attention *attention,
                             mb_tensor query, mb_tensor key, mb_tensor value);

// The encoder of MulT: pre-norm layers and a final layer norm. All dropout has the run's rate.
typedef struct mb_mult_encoder {
    int32_t layers, heads;
    bool positions; // whether sinusoidal positions are added; not in the toolkit
    bool last_only; // whether only the last step of the result is used
} mb_mult_encoder;

// x (B, Lq, D), source (B, Lk, D), or MB_NO_TENSOR for an encoder that attends to itself -> (B, Lq,
// D), or (B, 1, D) with last_only: the last layer then computes only the last query, which sees
// every key. What else the reference computes there does not reach the result.
mb_tensor mb_block_mult_encoder(mb_graph *graph, const char *prefix, const mb_mult_encoder *encoder,
                                mb_tensor x, mb_tensor source);

#endif
