// The products of multi-head attention. B rows, H heads, Lq queries, Lk keys, D columns. Each head
// has E = D / H columns: head h has columns h*E ... h*E + E - 1.
#include <stdlib.h>

#include "cpu/isa/gemm.h"
#include "cpu/isa/vector.h"

// Offset of a row and head in a sequence (B, L, D).
static int64_t head_offset(const mb_shape *sequence, int32_t heads, int32_t row, int32_t head) {
    int32_t width = sequence->dims[2];
    return (int64_t)row * sequence->dims[1] * width + (int64_t)head * (width / heads);
}

// Scales the scores (Lq, Lk) of one head. With the FUTURE mask, scores (i, j) become -infinity
// where j - i >= 1 + |Lk - Lq|. Every query keeps key 0.
static void finish_scores(float *scores, int32_t queries, int32_t keys, float scale,
                          mb_attention_mask mask) {
    for (int32_t i = 0; i < queries; i++, scores += keys) {
        int64_t visible = mask == MB_ATTENTION_FUTURE ? (int64_t)i + 1 + abs(keys - queries) : keys;
        if (visible > keys)
            visible = keys;
        for (int32_t j = 0; j < visible; j += MB_LANES) {
            int32_t count = mb_least(MB_LANES, (int32_t)visible - j);
            mb_store_some(scores + j, scale * mb_load_some(scores + j, count), count);
        }
        for (int32_t j = (int32_t)visible; j < keys; j++)
            scores[j] = -INFINITY;
    }
}

// q (B, Lq, D), k (B, Lk, D) -> s (B, H, Lq, Lk):
//   s[b,h,i,j] = scale * sum over the columns of head h of q[b,i] * k[b,j], masked. Assigns.
MB_KERNEL(attention_scores) {
    const mb_plan_op *op = call->op;
    const mb_shape *queries = &mb_in(op, attention_scores, queries).shape;
    const mb_shape *keys = &mb_in(op, attention_scores, keys).shape;
    int32_t heads = op->outputs[0].shape.dims[1], width = queries->dims[2];
    int32_t lq = queries->dims[1], lk = keys->dims[1];
    const float *from_q = mb_in(call, attention_scores, queries);
    const float *from_k = mb_in(call, attention_scores, keys);
    float *scores = call->outputs[0];
    for (int32_t b = 0; b < call->rows; b++)
        for (int32_t h = 0; h < heads; h++, scores += (int64_t)lq * lk) {
            mb_matrix q = {from_q + head_offset(queries, heads, b, h), width, 1};
            mb_matrix k = {from_k + head_offset(keys, heads, b, h), 1, width};
            MB_NAME(gemm)(call->stop, lq, lk, width / heads, q, k, scores, lk, 0);
            finish_scores(scores, lq, lk, op->params.attention.scale, op->params.attention.mask);
        }
}

static void scale_all(const mb_cpu_call *call) {
    float scale = call->op->params.attention.scale;
    int64_t elements = scale == 1.0f ? 0 : mb_elements(call, &call->op->outputs[0]);
    for (int64_t i = 0; i < elements; i++)
        call->outputs[0][i] *= scale;
}

// w (B, H, Lq, Lk), v (B, Lk, D) -> y (B, Lq, D):
//   y[b,i] = scale * sum over j of w[b,h,i,j] * v[b,j], for the columns of each head h. Assigns.
MB_KERNEL(attention_apply) {
    const mb_plan_op *op = call->op;
    const mb_shape *values = &mb_in(op, attention_apply, values).shape;
    const mb_shape *out = &op->outputs[0].shape;
    int32_t heads = mb_in(op, attention_apply, weights).shape.dims[1], width = values->dims[2];
    int32_t lq = out->dims[1], lk = values->dims[1];
    const float *weights = mb_in(call, attention_apply, weights);
    const float *from = mb_in(call, attention_apply, values);
    for (int32_t b = 0; b < call->rows; b++)
        for (int32_t h = 0; h < heads; h++, weights += (int64_t)lq * lk) {
            mb_matrix w = {weights, lk, 1};
            mb_matrix v = {from + head_offset(values, heads, b, h), width, 1};
            float *y = call->outputs[0] + head_offset(out, heads, b, h);
            MB_NAME(gemm)(call->stop, lq, width / heads, lk, w, v, y, width, 0);
        }
    scale_all(call);
}

// w (B, H, Lq, Lk), x (B, Lq, D) -> y (B, Lk, D):
//   y[b,j] = scale * sum over i of w[b,h,i,j] * x[b,i], for the columns of each head h. Assigns.
MB_KERNEL(attention_apply_transposed) {
    const mb_plan_op *op = call->op;
    const mb_shape *values = &mb_in(op, attention_apply_transposed, values).shape;
    const mb_shape *out = &op->outputs[0].shape;
    int32_t heads = mb_in(op, attention_apply_transposed, weights).shape.dims[1];
    int32_t width = values->dims[2], lq = values->dims[1], lk = out->dims[1];
    const float *weights = mb_in(call, attention_apply_transposed, weights);
    const float *from = mb_in(call, attention_apply_transposed, values);
    for (int32_t b = 0; b < call->rows; b++)
        for (int32_t h = 0; h < heads; h++, weights += (int64_t)lq * lk) {
            mb_matrix w = {weights, 1, lk};
            mb_matrix x = {from + head_offset(values, heads, b, h), width, 1};
            float *y = call->outputs[0] + head_offset(out, heads, b, h);
            MB_NAME(gemm)(call->stop, lk, width / heads, lq, w, x, y, width, 0);
        }
    scale_all(call);
}
