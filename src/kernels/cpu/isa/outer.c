// Linear map of the outer product of three vectors. B rows; a (B, P), v (B, Q), l (B, R); O
// outputs; W is stored input-major (P*Q*R, O).
//
//   Z[b, (i*Q + j)*R + k] = mask * a[b, i] * v[b, j] * l[b, k]        (B, P*Q*R)
//
// Z has B * P*Q*R numbers, and W is often more than a gigabyte. So W is read once, a block of its
// rows at a time; the columns of Z that the block is multiplied by are made on the spot, mask
// included. Each block looks whether the work is stopped. In the numbering of the random masks,
// each row of Z begins at a multiple of MB_DROPOUT_GROUP. The workspace among the outputs is for
// devices that divide the columns of Z among blocks; it is not used here.
#include "cpu/isa/dropout.h"
#include "cpu/isa/gemm.h"
#include "cpu/isa/optim.h"
#include "cpu/isa/vector.h"

enum {
    BLOCK_ROWS = 64,                   // rows of the batch at a time
    BLOCK_WIDTH = 2 * MB_DROPOUT_GROUP // columns of Z
};

typedef struct outer_product {
    const float *a, *v, *l;
    int32_t p, q, r;
    int64_t width; // P*Q*R
    mb_dropout_mode mode;
    mb_random_mask mask;
    const float *stored; // (B, P*Q*R), 1 or 0
    int32_t first_row;   // row of the batch that row 0 is, for the masks
} outer_product;

// The factors a, v, l are inputs first, first + 1 and first + 2.
static outer_product product_of(const mb_cpu_call *call, int first) {
    const mb_operand *operands = call->op->inputs + first;
    outer_product z = {.a = call->inputs[first],
                       .v = call->inputs[first + 1],
                       .l = call->inputs[first + 2],
                       .p = mb_width(&operands[0]),
                       .q = mb_width(&operands[1]),
                       .r = mb_width(&operands[2]),
                       .mode = call->op->params.dropout.mode,
                       .first_row = call->first_row};
    z.width = (int64_t)z.p * z.q * z.r;
    if (z.mode != MB_DROPOUT_OFF)
        z.mask = MB_NAME(random_mask)(call, &call->op->params.dropout);
    if (z.mode == MB_DROPOUT_STORED)
        z.stored = call->masks + call->op->params.dropout.mask_offset;
    return z;
}

// Consecutive columns of Z that differ in k only.
typedef struct segment {
    int32_t i, j, k, count;
} segment;

static segment segment_at(const outer_product *z, int64_t column) {
    int64_t pair = column / z->r;
    return (segment){(int32_t)(pair / z->q), (int32_t)(pair % z->q), (int32_t)(column % z->r), 0};
}

// Moves on to the next segment, of at most `left` columns.
static void segment_next(const outer_product *z, int32_t left, segment *s) {
    if (s->count > 0) {
        s->k = 0;
        if (++s->j == z->q) {
            s->j = 0;
            s->i++;
        }
    }
    s->count = z->r - s->k < left ? z->r - s->k : left;
}

// Multiplies columns [first, first + count) of row b by their mask; `first` is a multiple of
// MB_DROPOUT_GROUP.
static void apply_mask(const outer_product *z, int64_t b, int64_t first, int32_t count,
                       float *restrict values) {
    b += z->first_row;
    if (z->mode == MB_DROPOUT_STORED) {
        const float *mask = z->stored + b * z->width + first;
        for (int32_t n = 0; n < count; n++)
            values[n] *= mask[n] * z->mask.scale;
        return;
    }
    if (z->mode == MB_DROPOUT_OFF || z->mask.threshold == 0)
        return;
    int64_t stride = (z->width + MB_DROPOUT_GROUP - 1) / MB_DROPOUT_GROUP * MB_DROPOUT_GROUP;
    for (int32_t begin = 0; begin < count; begin += MB_DROPOUT_GROUP) {
        float factors[MB_DROPOUT_GROUP];
        MB_NAME(random_factors)(&z->mask, b * stride + first + begin, factors);
        int32_t some = count - begin < MB_DROPOUT_GROUP ? count - begin : MB_DROPOUT_GROUP;
        for (int32_t n = 0; n < some; n++)
            values[begin + n] *= factors[n];
    }
}

// Makes columns [first, first + count) of rows [row, row + rows) of Z. Rows of the block are
// BLOCK_WIDTH apart.
static void make_block(const outer_product *z, int32_t row, int32_t rows, int64_t first,
                       int32_t count, float *restrict block) {
    for (int32_t r = 0; r < rows; r++, block += BLOCK_WIDTH) {
        int64_t b = row + r;
        segment s = segment_at(z, first);
        for (int32_t done = 0; done < count; done += s.count) {
            segment_next(z, count - done, &s);
            float pair = z->a[b * z->p + s.i] * z->v[b * z->q + s.j];
            const float *l = z->l + b * z->r + s.k;
            for (int32_t n = 0; n < s.count; n++)
                block[done + n] = pair * l[n];
        }
        apply_mask(z, b, first, count, block);
    }
}

static int32_t smaller(int64_t left, int32_t most) {
    return left < most ? (int32_t)left : most;
}

// y (B, O) = Z W + b. Assigns.
MB_KERNEL(outer_linear) {
    _Alignas(64) float block[BLOCK_ROWS * BLOCK_WIDTH];
    outer_product z = product_of(call, MB_INPUT(outer_linear, a));
    int32_t outputs = mb_width(&mb_out(call->op, outer_linear, y));
    const float *weight = mb_in(call, outer_linear, weight);
    const float *bias = mb_in(call, outer_linear, bias);
    float *y = mb_out(call, outer_linear, y);
    for (int32_t b = 0; b < call->rows; b++)
        memcpy(y + (int64_t)b * outputs, bias, (size_t)outputs * sizeof *y);
    for (int64_t first = 0; first < z.width && !mb_stopped(call->stop); first += BLOCK_WIDTH) {
        int32_t count = smaller(z.width - first, BLOCK_WIDTH);
        mb_matrix w = {weight + first * outputs, outputs, 1};
        for (int32_t row = 0; row < call->rows; row += BLOCK_ROWS) {
            int32_t rows = smaller(call->rows - row, BLOCK_ROWS);
            make_block(&z, row, rows, first, count, block);
            MB_NAME(gemm)
            (call->stop, rows, outputs, count, (mb_matrix){block, BLOCK_WIDTH, 1}, w,
             y + (int64_t)row * outputs, outputs, 1);
        }
    }
}

// Sum of x * y, in an order that depends on the count only.
static float dot(int32_t count, const float *x, const float *y) {
    mb_vector sums = {0};
    int32_t n = 0;
    for (; n + MB_LANES <= count; n += MB_LANES)
        sums += mb_load(x + n) * mb_load(y + n);
    float sum = 0.0f;
    for (int lane = 0; lane < MB_LANES; lane++)
        sum += sums[lane];
    for (; n < count; n++)
        sum += x[n] * y[n];
    return sum;
}

typedef struct outer_gradients {
    float *da, *dv, *dl;
} outer_gradients;

// Adds the contribution of columns [first, first + count) of dZ, mask applied, of row b:
//   da[i] += v[j] * s, dv[j] += a[i] * s with s = sum over k of dZ * l[k]
//   dl[k] += a[i] * v[j] * dZ
static void contract(const outer_product *z, int64_t b, int64_t first, int32_t count,
                     const float *restrict dz, const outer_gradients *gradients) {
    const float *a = z->a + b * z->p, *v = z->v + b * z->q, *l = z->l + b * z->r;
    float *da = gradients->da + b * z->p, *dv = gradients->dv + b * z->q;
    segment s = segment_at(z, first);
    for (int32_t done = 0; done < count; done += s.count) {
        segment_next(z, count - done, &s);
        float *restrict dl = gradients->dl + b * z->r + s.k;
        float sum = dot(s.count, dz + done, l + s.k), pair = a[s.i] * v[s.j];
        da[s.i] += v[s.j] * sum;
        dv[s.j] += a[s.i] * sum;
        for (int32_t n = 0; n < s.count; n++)
            dl[n] += pair * dz[done + n];
    }
}

// dy (B, O), W -> da (B, P), dv (B, Q), dl (B, R). Makes dZ = mask * (dy W^T) a block at a time and
// contracts each block at once. Assigns.
MB_KERNEL(outer_linear_grad_inputs) {
    _Alignas(64) float block[BLOCK_ROWS * BLOCK_WIDTH];
    outer_product z = product_of(call, MB_INPUT(outer_linear_grad_inputs, a));
    outer_gradients gradients = {mb_out(call, outer_linear_grad_inputs, da),
                                 mb_out(call, outer_linear_grad_inputs, dv),
                                 mb_out(call, outer_linear_grad_inputs, dl)};
    int32_t outputs = mb_width(&mb_in(call->op, outer_linear_grad_inputs, dy));
    for (int k = MB_OUTPUT(outer_linear_grad_inputs, da);
         k <= MB_OUTPUT(outer_linear_grad_inputs, dl); k++)
        memset(call->outputs[k], 0,
               (size_t)mb_elements(call, &call->op->outputs[k]) * sizeof(float));
    for (int64_t first = 0; first < z.width && !mb_stopped(call->stop); first += BLOCK_WIDTH) {
        int32_t count = smaller(z.width - first, BLOCK_WIDTH);
        mb_matrix w = {mb_in(call, outer_linear_grad_inputs, weight) + first * outputs, 1, outputs};
        for (int32_t row = 0; row < call->rows; row += BLOCK_ROWS) {
            int32_t rows = smaller(call->rows - row, BLOCK_ROWS);
            mb_matrix dy = {mb_in(call, outer_linear_grad_inputs, dy) + (int64_t)row * outputs,
                            outputs, 1};
            MB_NAME(gemm)(call->stop, rows, count, outputs, dy, w, block, BLOCK_WIDTH, 0);
            for (int32_t r = 0; r < rows; r++) {
                apply_mask(&z, row + r, first, count, block + (int64_t)r * BLOCK_WIDTH);
                contract(&z, row + r, first, count, block + (int64_t)r * BLOCK_WIDTH, &gradients);
            }
        }
    }
}

// Rows [first, first + count) and columns [o, o + columns) of dW = Z^T dy (B, O), rows `ldc` apart.
// OUTER_LINEAR_UPDATE has the same inputs as the gradient.
static void weight_block(const mb_cpu_call *call, const outer_product *z, int64_t first,
                         int32_t count, int32_t o, int32_t columns, float *dw, int64_t ldc) {
    _Alignas(64) float block[BLOCK_ROWS * BLOCK_WIDTH];
    int32_t outputs = mb_width(&mb_in(call->op, outer_linear_grad_weight, dy));
    for (int32_t row = 0; row < call->rows; row += BLOCK_ROWS) {
        int32_t rows = smaller(call->rows - row, BLOCK_ROWS);
        mb_matrix dy = {mb_in(call, outer_linear_grad_weight, dy) + (int64_t)row * outputs + o,
                        outputs, 1};
        make_block(z, row, rows, first, count, block);
        MB_NAME(gemm)
        (call->stop, count, columns, rows, (mb_matrix){block, 1, BLOCK_WIDTH}, dy, dw, ldc,
         row > 0);
    }
}

// dW (P*Q*R, O). Assigns.
MB_KERNEL(outer_linear_grad_weight) {
    outer_product z = product_of(call, MB_INPUT(outer_linear_grad_weight, a));
    int32_t outputs = mb_width(&mb_in(call->op, outer_linear_grad_weight, dy));
    for (int64_t first = 0; first < z.width; first += BLOCK_WIDTH)
        weight_block(call, &z, first, smaller(z.width - first, BLOCK_WIDTH), 0, outputs,
                     call->outputs[0] + first * outputs, outputs);
}

// Updates W: a block of dW is made, and Adam uses it while it is in the cache.
MB_KERNEL(outer_linear_update) {
    enum { STEP_WIDTH = MB_DROPOUT_GROUP, STEP_OUTPUTS = 128 };
    _Alignas(64) float dw[STEP_WIDTH * STEP_OUTPUTS];
    outer_product z = product_of(call, MB_INPUT(outer_linear_update, a));
    mb_adam adam = MB_NAME(adam_of)(call);
    int64_t weight = call->parameter_list[call->op->params.update.parameter].offset;
    int32_t outputs = mb_width(&mb_in(call->op, outer_linear_update, dy));
    mb_cpu_range inputs = mb_cpu_range_of(call, z.width, STEP_WIDTH);
    for (int64_t first = inputs.first; first < inputs.end && !mb_stopped(call->stop);
         first += STEP_WIDTH) {
        int32_t count = smaller(inputs.end - first, STEP_WIDTH);
        for (int32_t o = 0; o < outputs; o += STEP_OUTPUTS) {
            int32_t columns = smaller(outputs - o, STEP_OUTPUTS);
            weight_block(call, &z, first, count, o, columns, dw, columns);
            MB_NAME(adam_block)
            (&adam, call, weight + first * outputs + o, outputs, count, columns, dw);
        }
    }
}
