// The first layer, which reads the features of utterances from the dataset. I inputs, O outputs, B
// rows of the batch; W is stored input-major (I, O).
//   SOURCE_LINEAR    y (B, O) = x (B, I) W + b, then max(0, .) if params.source.relu;
//                    x = dropout(features). Assigns.
//
// Each element is one sum over the inputs in ascending order, whether this op computes it or the
// update of the previous step has already done so: both ways give the same bits.
#include "cpu/isa/source.h"

// Adds the products of one block of `count` inputs to the sums. Meanwhile prefetches the weights of
// the next block, which follow in memory.
static void sum_block(const mb_layer *l, const float *weight, int32_t count, const float *x) {
    float panel[MB_SOURCE_STRIP * MB_PANEL];
    const float *ahead = weight + (int64_t)count * l->outputs;
    for (int32_t p = 0; p < l->panels; p++)
        for (int32_t s = 0; s < count; s += MB_SOURCE_STRIP) {
            int32_t height = mb_least(MB_SOURCE_STRIP, count - s);
            for (int32_t line = 0; line < height * MB_PANEL; line += 16, ahead += 16)
                __builtin_prefetch(ahead, 0, 2);
            mb_copy_panel(height, mb_least(MB_PANEL, l->outputs - p * MB_PANEL),
                          weight + (int64_t)s * l->outputs + p * MB_PANEL, l->outputs, panel);
            mb_sum_panel(l->rows, height, x + s, count, panel,
                         l->sums + (int64_t)p * l->call->max_rows * MB_PANEL);
        }
}

MB_KERNEL(source_linear) {
    const mb_plan_op *op = call->op;
    int32_t inputs = mb_in(op, source_linear, weight).shape.dims[1];
    int32_t outputs = mb_width(&mb_out(op, source_linear, y));
    bool keeps = mb_out(op, source_linear, x_buffer).shape.dims[0] == 2;
    const float *weight = mb_in(call, source_linear, weight);
    float *y = mb_out(call, source_linear, y), *room = mb_out(call, source_linear, x_buffer);
    mb_layer l = mb_layer_of(call, inputs, outputs, keeps, room, mb_out(call, source_linear, sums));
    mb_random_mask mask = mb_source_mask(call, 0);
    l.sums += (int64_t)call->first_row * MB_PANEL;
    for (int32_t p = 0; !call->begun && p < l.panels; p++)
        mb_clear_sums(&l, p, l.rows);
    for (int32_t i = 0; !call->begun && i < inputs && !mb_stopped(call->stop);
         i += MB_SOURCE_GROUP) {
        int32_t count = mb_least(MB_SOURCE_GROUP, inputs - i);
        float *x = keeps ? (float *)l.x + (int64_t)i * call->max_rows : room;
        x += (int64_t)call->first_row * (keeps ? count : MB_SOURCE_GROUP);
        mb_fill_block(call, &mask, call->indices, l.rows, i, count, inputs, x);
        sum_block(&l, weight + (int64_t)i * outputs, count, x);
    }
    const float *bias = mb_has(op, source_linear, bias) ? mb_in(call, source_linear, bias) : NULL;
    float lowest = op->params.source.relu ? 0.0f : -INFINITY;
    for (int32_t r = 0; r < l.rows; r++)
        for (int32_t o = 0; o < outputs; o++) {
            float sum =
                l.sums[((int64_t)o / MB_PANEL * call->max_rows + r) * MB_PANEL + o % MB_PANEL];
            sum += bias != NULL ? bias[o] : 0.0f;
            y[(int64_t)r * outputs + o] = sum < lowest ? lowest : sum; // NaN stays NaN
        }
}
