// The update of a first layer. source.c has the layer itself and explains the letters.
//
//   SOURCE_LINEAR_UPDATE   dW = x^T dy, clip, weight decay, Adam; and the next step's x W
//
// In most models W has most of the weights, and each training step must read and write W and its
// moments. This op does so once a step, a block of inputs at a time: it makes the gradient of a
// tile of W in registers, applies Adam, and writes the new weights to memory and to a small panel,
// from which they are multiplied by x of the next batch. While one tile is multiplied, the next is
// prefetched from memory.
#include "cpu/isa/optim.h"
#include "cpu/isa/source.h"

enum { STRIP_COLUMNS = 128 }; // outputs of a strip

// A tile of W: first its gradients are made, then it waits for Adam.
typedef struct tile {
    float *w, *m, *v;
    int64_t row;    // floats from input to input
    int32_t height; // inputs
    float *panel;   // a copy of the new weights, in rows of MB_PANEL floats
    float gradients[MB_SOURCE_TILE * MB_PANEL];
} tile;

// Applies Adam to MB_LANES weights of input i, from `column` on.
MB_INLINE void step_vector(const mb_adam *adam, const tile *t, int32_t i, int32_t column) {
    int64_t at = i * t->row + column, in_panel = i * MB_PANEL + column;
    mb_vector w = mb_load(t->w + at), m = mb_load(t->m + at), v = mb_load(t->v + at);
    mb_adam_vector(adam, mb_load(t->gradients + in_panel), &w, &m, &v);
    mb_store(t->w + at, w);
    mb_store(t->m + at, m);
    mb_store(t->v + at, v);
    mb_store(t->panel + in_panel, w);
}

// Prefetches input i of a tile into L1, and the same input of the next strip into L2. L1 alone
// cannot have enough misses in flight to hide the latency of memory.
MB_INLINE void prefetch_input(const tile *t, int32_t i) {
    for (int line = 0; line < MB_PANEL; line += 16) {
        int64_t here = i * t->row + line, later = here + MB_SOURCE_STRIP * t->row;
        __builtin_prefetch(t->w + here, 1);
        __builtin_prefetch(t->m + here, 1);
        __builtin_prefetch(t->v + here, 1);
        __builtin_prefetch(t->w + later, 1, 2);
        __builtin_prefetch(t->m + later, 1, 2);
        __builtin_prefetch(t->v + later, 1, 2);
    }
}

// sums[i] += x[i] * dy (MB_PANEL) for `height` inputs.
MB_INLINE void add_row(int height, const float *x, const float *dy, mb_vector (*sums)[2]) {
    mb_vector dy0 = mb_load(dy), dy1 = mb_load(dy + MB_LANES);
#pragma GCC unroll 8
    for (int i = 0; i < height; i++) {
        sums[i][0] += x[i] * dy0;
        sums[i][1] += x[i] * dy1;
    }
}

// Gradients of a tile, x^T dy: input i of batch row r is x[r * pitch + i], dy is (rows, MB_PANEL).
// Meanwhile Adam is applied to the previous tile, so that its square roots and divisions overlap
// with the products, and the weights of this tile are prefetched.
MB_INLINE void make_gradients(int height, const mb_adam *adam, int32_t rows, const float *x,
                              int32_t pitch, const float *dy, tile *made, const tile *before) {
    mb_vector sums[MB_SOURCE_TILE][2] = {0};
    int32_t r = 0, i = 0;
    for (; r + 4 <= rows; r += 4, i++, x += 4 * pitch, dy += 4 * MB_PANEL) {
        if (i < height)
            prefetch_input(made, i);
        add_row(height, x, dy, sums);
        if (i < before->height)
            step_vector(adam, before, i, 0);
        add_row(height, x + pitch, dy + MB_PANEL, sums);
        add_row(height, x + 2 * pitch, dy + 2 * MB_PANEL, sums);
        if (i < before->height)
            step_vector(adam, before, i, MB_LANES);
        add_row(height, x + 3 * pitch, dy + 3 * MB_PANEL, sums);
    }
    for (; r < rows; r++, x += pitch, dy += MB_PANEL)
        add_row(height, x, dy, sums);
    for (; i < before->height; i++) {
        step_vector(adam, before, i, 0);
        step_vector(adam, before, i, MB_LANES);
    }
    for (i = 0; i < height; i++) {
        mb_store(made->gradients + i * MB_PANEL, sums[i][0]);
        mb_store(made->gradients + i * MB_PANEL + MB_LANES, sums[i][1]);
    }
}

static void step_whole(const mb_adam *adam, const tile *t) {
    for (int32_t i = 0; i < t->height; i++) {
        step_vector(adam, t, i, 0);
        step_vector(adam, t, i, MB_LANES);
    }
}

// Applies Adam to a tile that is narrower than a panel.
static void step_narrow(const mb_adam *adam, const tile *t, int32_t columns) {
    for (int32_t i = 0; i < t->height; i++) {
        int64_t at = i * t->row;
        mb_adam_step(adam, columns, t->gradients + i * MB_PANEL, t->w + at, t->m + at, t->v + at);
        mb_copy_panel(1, columns, t->w + at, 0, t->panel + i * MB_PANEL);
    }
}

// A strip of W: `height` inputs x `columns` outputs, in `panels` panels.
typedef struct strip {
    int64_t at; // offset in the parameters
    int32_t height, panels, columns;
    const float *x, *next_x; // of this and the next batch; row r begins at r * pitch
    int32_t pitch;
    const float *dy; // of the strip's panels
    float *sums;
} strip;

// Goes through the panels of one row of tiles before the next, so that W is read in the order in
// which it is stored.
static void update_strip(const mb_layer *l, const mb_adam *adam, const strip *s, float *panels) {
    const mb_cpu_call *call = l->call;
    int64_t panel_floats = (int64_t)call->max_rows * MB_PANEL;
    tile tiles[2];
    tiles[1].height = 0;
    int32_t done = 0, height;
    for (int32_t i = 0; i < s->height; i += height) {
        height = s->height - i >= MB_SOURCE_TILE ? MB_SOURCE_TILE : 1;
        for (int32_t p = 0; p < s->panels; p++, done++) {
            tile *here = &tiles[done % 2], *before = &tiles[(done + 1) % 2];
            int64_t at = s->at + (int64_t)i * l->outputs + p * MB_PANEL;
            int32_t columns = s->columns - p * MB_PANEL;
            here->w = call->parameters + at;
            here->m = call->first_moments + at;
            here->v = call->second_moments + at;
            here->row = l->outputs;
            here->panel = panels + (p * MB_SOURCE_STRIP + i) * MB_PANEL;
            here->height = height;
            if (height == MB_SOURCE_TILE)
                make_gradients(MB_SOURCE_TILE, adam, l->rows, s->x + i, s->pitch,
                               s->dy + p * panel_floats, here, before);
            else
                make_gradients(1, adam, l->rows, s->x + i, s->pitch, s->dy + p * panel_floats, here,
                               before);
            if (columns < MB_PANEL) {
                step_narrow(adam, here, columns);
                here->height = 0; // no tile waits for Adam
            }
        }
    }
    step_whole(adam, &tiles[(done + 1) % 2]);
    for (int32_t p = 0; p < s->panels; p++)
        mb_sum_panel(l->next_rows, s->height, s->next_x, s->pitch,
                     panels + p * MB_SOURCE_STRIP * MB_PANEL, s->sums + p * panel_floats);
}

// Makes x of the next step, for the block of inputs that begins at `first`.
static void fill_next(const mb_layer *l, const mb_random_mask *mask, int32_t first) {
    mb_fill_block(l->call, mask, l->call->next_indices, l->next_rows, first,
                  mb_least(MB_SOURCE_GROUP, l->inputs - first), l->inputs,
                  l->next_x + (int64_t)first * l->call->max_rows);
}

// Copies dy to panels and clears the sums, for some outputs.
static void begin_panels(const mb_layer *l, mb_cpu_range outputs) {
    for (int32_t o = (int32_t)outputs.first; o < outputs.end; o += MB_PANEL) {
        mb_copy_panel(l->rows, mb_least(MB_PANEL, l->outputs - o), l->call->inputs[0] + o,
                      l->outputs, l->dy + (int64_t)o * l->call->max_rows);
        mb_clear_sums(l, o / MB_PANEL, l->next_rows);
    }
}

// Updates the weights of a block of inputs and some outputs.
static void update_block(const mb_layer *l, const mb_adam *adam, int32_t first,
                         mb_cpu_range outputs) {
    _Alignas(64) float panels[MB_SOURCE_STRIP * STRIP_COLUMNS];
    const mb_cpu_call *call = l->call;
    int64_t weight = call->parameter_list[call->op->params.update.parameter].offset;
    int64_t block = (int64_t)first * call->max_rows;
    int32_t count = mb_least(MB_SOURCE_GROUP, l->inputs - first);
    for (int32_t o = (int32_t)outputs.first; o < outputs.end; o += STRIP_COLUMNS)
        for (int32_t k = 0; k < count; k += MB_SOURCE_STRIP) {
            strip s = {.at = weight + (int64_t)(first + k) * l->outputs + o,
                       .height = mb_least(MB_SOURCE_STRIP, count - k),
                       .columns = mb_least(STRIP_COLUMNS, (int32_t)outputs.end - o),
                       .x = l->x + block + k,
                       .next_x = l->next_x + block + k,
                       .pitch = count,
                       .dy = l->dy + (int64_t)o * call->max_rows,
                       .sums = l->sums + (int64_t)o * call->max_rows};
            s.panels = (s.columns + MB_PANEL - 1) / MB_PANEL;
            update_strip(l, adam, &s, panels);
        }
}

// Threads that share the op first make x, each for some of the inputs; in the second phase they
// update W, each for some of the outputs.
MB_KERNEL(source_linear_update) {
    const mb_parameter *parameter = &call->parameter_list[call->op->params.update.parameter];
    int32_t inputs = parameter->shape.dims[1], outputs = parameter->shape.dims[0];
    mb_layer l =
        mb_layer_of(call, inputs, outputs, true, mb_out(call, source_linear_update, x_buffer),
                    mb_out(call, source_linear_update, sums));
    mb_random_mask mask = mb_source_mask(call, 1);
    bool shared = call->share_count > 1;
    if (shared && call->phase == 0) {
        mb_cpu_range mine = mb_cpu_range_of(call, inputs, MB_SOURCE_GROUP);
        for (int32_t i = (int32_t)mine.first; i < mine.end; i += MB_SOURCE_GROUP)
            fill_next(&l, &mask, i);
        return;
    }
    mb_cpu_range mine = mb_cpu_range_of(call, outputs, MB_PANEL);
    mb_adam adam = MB_NAME(adam_of)(call);
    begin_panels(&l, mine);
    for (int32_t i = 0; i < inputs && !mb_stopped(call->stop); i += MB_SOURCE_GROUP) {
        if (!shared)
            fill_next(&l, &mask, i);
        update_block(&l, &adam, i, mine);
    }
}
