// The first layer of features of utterances. I inputs, O outputs, B rows of the batch; W is stored
// input-major (I, O).
//
//   SOURCE_LINEAR          y (B, O) = x (B, I) W + b, then max(0, .) when asked for; x = dropout of
//                          the features. Assigns.
//   SOURCE_LINEAR_UPDATE   dW = x^T dy, clip, weight decay, Adam; and the next step's x W
//
// W is the largest part of most models, and each step must read and write it and its moments. That
// happens once, a block of inputs at a time: the gradients of a tile of W are made in registers and
// stepped, the new weights go to memory and to a small panel, from which the product of the next
// batch takes them. What the next tile of W needs is fetched from memory while one is multiplied.
//
// Sums run over the inputs in ascending order, one chain of additions for each element, whether a
// product was begun by the update or not: both ways give the same bits.
//
// Rooms: x of the step with number t lies in half t % 2 of the first, in blocks of BLOCK inputs.
// Sums and dy lie in panels of PANEL columns, (panels, B, PANEL), in the second: the sums of all
// parts in the place of one.
#include "cpu/isa/dropout.h"
#include "cpu/isa/optim.h"
#include "cpu/isa/vector.h"

enum {
    BLOCK = MB_SOURCE_BLOCK,
    PANEL = MB_TILE_COLUMNS,
    TILE = MB_LANES == 16 ? 8 : 4, // inputs of a tile of W, rows of a tile of y
    STRIP = 64, // inputs whose new weights wait in panels for the product, and outputs
    STRIP_COLUMNS = 128,
};

typedef struct layer {
    const mb_cpu_call *call;
    int32_t inputs, outputs, panels;
    int32_t rows, next_rows;
    const float *x; // (blocks, rows, BLOCK), the last one narrower
    float *next_x;
    float *sums; // (panels, B, PANEL)
    float *dy;   // (panels, B, PANEL)
} layer;

static int32_t least(int32_t a, int32_t b) {
    return a < b ? a : b;
}

// ---- x ----------------------------------------------------------------------------------------

// The features of an utterance: its last frame; NULL when it has none.
static const float *features_of(const mb_cpu_call *call, mb_input modality, int32_t utterance) {
    const int64_t *offsets = call->dataset->modalities[modality].offsets;
    int64_t frame = utterance;
    if (offsets != NULL && offsets[utterance + 1] == offsets[utterance])
        return NULL;
    if (offsets != NULL)
        frame = offsets[utterance + 1] - 1;
    int32_t dimension = call->dataset->modalities[modality].dimension;
    return call->dataset->modalities[modality].values + frame * dimension;
}

// x[:, first ... first + count - 1] (rows, count) of a batch, with the masks of a training step.
static void fill_block(const mb_cpu_call *call, const mb_random_mask *mask, const int32_t *indices,
                       int32_t rows, int32_t first, int32_t count, int32_t inputs, float *x) {
    mb_input modality = call->step->params.source.input;
    int32_t dimension = call->dataset->modalities[modality].dimension;
    int32_t there = first >= dimension ? 0 : least(count, dimension - first);
    for (int32_t r = 0; r < rows; r++, x += count) {
        const float *features = features_of(call, modality, indices[r]);
        int32_t copied = features == NULL ? 0 : there;
        int32_t ahead = copied == 0 ? 0 : least(BLOCK, dimension - first - copied);
        for (int32_t i = 0; i < ahead; i += 16)
            __builtin_prefetch(features + first + copied + i); // of the next block
        if (copied > 0 && mask->threshold > 0) {
            int64_t element = (int64_t)r * inputs + first;
            MB_NAME(random_apply)(mask, element, copied, features + first, x);
        } else if (copied > 0) {
            memcpy(x, features + first, (size_t)copied * sizeof *x);
        }
        memset(x + copied, 0, (size_t)(count - copied) * sizeof *x);
    }
}

static mb_random_mask mask_of(const mb_cpu_call *call, uint32_t later) {
    if (!call->step->params.source.dropped)
        return (mb_random_mask){0};
    mb_random_mask mask = MB_NAME(random_mask)(call, &call->step->params.source.dropout);
    mask.step += later;
    return mask;
}

// ---- y = x W ----------------------------------------------------------------------------------

// sums (height, PANEL) += x (height, count) w (count, PANEL); rows of x lie `pitch` apart.
MB_INLINE void sum_rows(int height, int32_t count, const float *x, int32_t pitch, const float *w,
                        float *sums) {
    mb_vector t[TILE][2];
#pragma GCC unroll 8
    for (int i = 0; i < height; i++) {
        t[i][0] = mb_load(sums + i * PANEL);
        t[i][1] = mb_load(sums + i * PANEL + MB_LANES);
    }
    for (int32_t p = 0; p < count; p++, w += PANEL) {
        mb_vector w0 = mb_load(w), w1 = mb_load(w + MB_LANES);
#pragma GCC unroll 8
        for (int i = 0; i < height; i++) {
            t[i][0] += x[i * pitch + p] * w0;
            t[i][1] += x[i * pitch + p] * w1;
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < height; i++) {
        mb_store(sums + i * PANEL, t[i][0]);
        mb_store(sums + i * PANEL + MB_LANES, t[i][1]);
    }
}

// One panel of the sums for all rows.
static void sum_panel(int32_t rows, int32_t count, const float *x, int32_t pitch, const float *w,
                      float *sums) {
    int32_t r = 0;
    for (; r + TILE <= rows; r += TILE)
        sum_rows(TILE, count, x + (int64_t)r * pitch, pitch, w, sums + (int64_t)r * PANEL);
    for (; r < rows; r++)
        sum_rows(1, count, x + (int64_t)r * pitch, pitch, w, sums + (int64_t)r * PANEL);
}

// (rows, columns), `pitch` apart -> (rows, PANEL), zero behind the columns
static void copy_panel(int32_t rows, int32_t columns, const float *from, int64_t pitch, float *to) {
    for (int32_t r = 0; r < rows; r++, from += pitch, to += PANEL) {
        memcpy(to, from, (size_t)columns * sizeof *to);
        if (columns < PANEL)
            memset(to + columns, 0, (size_t)(PANEL - columns) * sizeof *to);
    }
}

// The sums of one block of inputs, first ... first + count - 1. The weights of the next one, which
// come after it, are fetched meanwhile.
static void sum_block(const layer *l, const float *weight, int32_t count, const float *x) {
    float panel[STRIP * PANEL];
    const float *ahead = weight + (int64_t)count * l->outputs;
    for (int32_t p = 0; p < l->panels; p++)
        for (int32_t s = 0; s < count; s += STRIP) {
            int32_t height = least(STRIP, count - s);
            for (int32_t line = 0; line < height * PANEL; line += 16, ahead += 16)
                __builtin_prefetch(ahead, 0, 2);
            copy_panel(height, least(PANEL, l->outputs - p * PANEL),
                       weight + (int64_t)s * l->outputs + p * PANEL, l->outputs, panel);
            sum_panel(l->rows, height, x + s, count, panel,
                      l->sums + (int64_t)p * l->call->max_rows * PANEL);
        }
}

static void clear_sums(const layer *l, int32_t rows) {
    for (int32_t p = 0; p < l->panels; p++)
        memset(l->sums + (int64_t)p * l->call->max_rows * PANEL, 0,
               (size_t)rows * PANEL * sizeof *l->sums);
}

// The places in the rooms; where nothing is kept for the next step there is one block of x alone.
static layer layer_of(const mb_cpu_call *call, int32_t inputs, int32_t outputs, bool keeps,
                      float *x, float *sums) {
    layer l = {.call = call, .inputs = inputs, .outputs = outputs, .x = x, .sums = sums};
    int64_t half = (int64_t)call->max_rows * inputs;
    l.panels = (outputs + PANEL - 1) / PANEL;
    l.rows = call->rows;
    l.next_rows = call->next_rows;
    if (!keeps)
        return l;
    l.x = x + (call->training_step % 2) * half;
    l.next_x = x + ((call->training_step + 1) % 2) * half;
    l.dy = sums + (int64_t)l.panels * call->max_rows * PANEL;
    return l;
}

MB_KERNEL(source_linear) {
    const mb_step *step = call->step;
    int32_t inputs = step->inputs[0].shape.dims[1], outputs = mb_width(&step->outputs[0]);
    bool keeps = step->outputs[1].shape.dims[0] == 2;
    layer l = layer_of(call, inputs, outputs, keeps, call->outputs[1], call->outputs[2]);
    mb_random_mask mask = mask_of(call, 0);
    if (!call->begun)
        clear_sums(&l, l.rows);
    for (int32_t i = 0; !call->begun && i < inputs; i += BLOCK) {
        int32_t count = least(BLOCK, inputs - i);
        float *x = keeps ? (float *)l.x + (int64_t)i * call->max_rows : call->outputs[1];
        fill_block(call, &mask, call->indices, l.rows, i, count, inputs, x);
        sum_block(&l, call->inputs[0] + (int64_t)i * outputs, count, x);
    }
    const float *bias = step->input_count == 2 ? call->inputs[1] : NULL;
    float lowest = step->params.source.relu ? 0.0f : -INFINITY;
    for (int32_t r = 0; r < l.rows; r++)
        for (int32_t o = 0; o < outputs; o++) {
            float y = l.sums[((int64_t)o / PANEL * call->max_rows + r) * PANEL + o % PANEL];
            y += bias != NULL ? bias[o] : 0.0f;
            call->outputs[0][(int64_t)r * outputs + o] = y < lowest ? lowest : y; // NaN stays NaN
        }
}

// ---- W ----------------------------------------------------------------------------------------

// A tile of W on its way: its gradients are made, then it waits to be stepped.
typedef struct tile {
    float *w, *m, *v;
    int64_t row;    // floats from input to input
    int32_t height; // inputs
    float *panel;   // where the new weights go, too: rows of PANEL
    float gradients[TILE * PANEL];
} tile;

// Steps LANES weights of input i, those from `column` on.
MB_INLINE void step_vector(const mb_adam *adam, const tile *t, int32_t i, int32_t column) {
    int64_t at = i * t->row + column, in_panel = i * PANEL + column;
    mb_vector w = mb_load(t->w + at), m = mb_load(t->m + at), v = mb_load(t->v + at);
    mb_adam_vector(adam, mb_load(t->gradients + in_panel), &w, &m, &v);
    mb_store(t->w + at, w);
    mb_store(t->m + at, m);
    mb_store(t->v + at, v);
    mb_store(t->panel + in_panel, w);
}

// Asks memory for input i of a tile, and for the same place of the next strip, so far only into L2:
// the first level has too few misses under way at a time to bridge the way from memory.
MB_INLINE void prefetch_input(const tile *t, int32_t i) {
    for (int line = 0; line < PANEL; line += 16) {
        int64_t here = i * t->row + line, later = here + STRIP * t->row;
        __builtin_prefetch(t->w + here, 1);
        __builtin_prefetch(t->m + here, 1);
        __builtin_prefetch(t->v + here, 1);
        __builtin_prefetch(t->w + later, 1, 2);
        __builtin_prefetch(t->m + later, 1, 2);
        __builtin_prefetch(t->v + later, 1, 2);
    }
}

// sums[i] += x[i] * dy (PANEL) for `height` inputs.
MB_INLINE void add_row(int height, const float *x, const float *dy, mb_vector (*sums)[2]) {
    mb_vector dy0 = mb_load(dy), dy1 = mb_load(dy + MB_LANES);
#pragma GCC unroll 8
    for (int i = 0; i < height; i++) {
        sums[i][0] += x[i] * dy0;
        sums[i][1] += x[i] * dy1;
    }
}

// Gradients of a tile, x^T dy: input i of batch row r at x[r * pitch + i], dy (rows, PANEL). In
// between, the tile before is stepped, whose roots and divisions go on beside the products, and
// what this tile will need is asked for.
MB_INLINE void make_gradients(int height, const mb_adam *adam, int32_t rows, const float *x,
                              int32_t pitch, const float *dy, tile *made, const tile *before) {
    mb_vector sums[TILE][2] = {0};
    int32_t r = 0, i = 0;
    for (; r + 4 <= rows; r += 4, i++, x += 4 * pitch, dy += 4 * PANEL) {
        if (i < height)
            prefetch_input(made, i);
        add_row(height, x, dy, sums);
        if (i < before->height)
            step_vector(adam, before, i, 0);
        add_row(height, x + pitch, dy + PANEL, sums);
        add_row(height, x + 2 * pitch, dy + 2 * PANEL, sums);
        if (i < before->height)
            step_vector(adam, before, i, MB_LANES);
        add_row(height, x + 3 * pitch, dy + 3 * PANEL, sums);
    }
    for (; r < rows; r++, x += pitch, dy += PANEL)
        add_row(height, x, dy, sums);
    for (; i < before->height; i++) {
        step_vector(adam, before, i, 0);
        step_vector(adam, before, i, MB_LANES);
    }
    for (i = 0; i < height; i++) {
        mb_store(made->gradients + i * PANEL, sums[i][0]);
        mb_store(made->gradients + i * PANEL + MB_LANES, sums[i][1]);
    }
}

static void step_whole(const mb_adam *adam, const tile *t) {
    for (int32_t i = 0; i < t->height; i++) {
        step_vector(adam, t, i, 0);
        step_vector(adam, t, i, MB_LANES);
    }
}

// A tile that is narrower than a panel.
static void step_narrow(const mb_adam *adam, const tile *t, int32_t columns) {
    for (int32_t i = 0; i < t->height; i++) {
        int64_t at = i * t->row;
        mb_adam_step(adam, columns, t->gradients + i * PANEL, t->w + at, t->m + at, t->v + at);
        copy_panel(1, columns, t->w + at, 0, t->panel + i * PANEL);
    }
}

// A strip of W: `height` inputs, and the outputs of some panels.
typedef struct strip {
    int64_t at; // in the parameters
    int32_t height, panels, columns;
    const float *x, *next_x; // inputs of row r at r * pitch
    int32_t pitch;
    const float *dy; // of the strip's panels
    float *sums;
} strip;

// Inputs by inputs, so that memory is met in the order in which it lies.
static void update_strip(const layer *l, const mb_adam *adam, const strip *s, float *panels) {
    const mb_cpu_call *call = l->call;
    int64_t part = (int64_t)call->max_rows * PANEL;
    tile tiles[2];
    tiles[1].height = 0;
    int32_t done = 0, height;
    for (int32_t i = 0; i < s->height; i += height) {
        height = s->height - i >= TILE ? TILE : 1;
        for (int32_t p = 0; p < s->panels; p++, done++) {
            tile *here = &tiles[done % 2], *before = &tiles[(done + 1) % 2];
            int64_t at = s->at + (int64_t)i * l->outputs + p * PANEL;
            int32_t columns = s->columns - p * PANEL;
            here->w = call->parameters + at;
            here->m = call->first_moments + at;
            here->v = call->second_moments + at;
            here->row = l->outputs;
            here->panel = panels + (p * STRIP + i) * PANEL;
            here->height = height;
            if (height == TILE)
                make_gradients(TILE, adam, l->rows, s->x + i, s->pitch, s->dy + p * part, here,
                               before);
            else
                make_gradients(1, adam, l->rows, s->x + i, s->pitch, s->dy + p * part, here,
                               before);
            if (columns < PANEL) {
                step_narrow(adam, here, columns);
                here->height = 0; // nothing waits
            }
        }
    }
    step_whole(adam, &tiles[(done + 1) % 2]);
    for (int32_t p = 0; p < s->panels; p++)
        sum_panel(l->next_rows, s->height, s->next_x, s->pitch, panels + p * STRIP * PANEL,
                  s->sums + p * part);
}

MB_KERNEL(source_linear_update) {
    const mb_parameter *parameter = &call->parameter_list[call->step->params.update.parameter];
    int32_t inputs = parameter->shape.dims[1], outputs = parameter->shape.dims[0];
    layer l = layer_of(call, inputs, outputs, true, call->outputs[0], call->outputs[1]);
    mb_random_mask mask = mask_of(call, 1);
    mb_adam adam = MB_NAME(adam_of)(call);
    _Alignas(64) float panels[STRIP * STRIP_COLUMNS];
    int64_t part = (int64_t)call->max_rows * PANEL;
    for (int32_t p = 0; p < l.panels; p++)
        copy_panel(l.rows, least(PANEL, outputs - p * PANEL), call->inputs[0] + p * PANEL, outputs,
                   l.dy + p * part);
    clear_sums(&l, l.next_rows);
    for (int32_t i = 0; i < inputs; i += BLOCK) {
        int32_t count = least(BLOCK, inputs - i);
        const float *x = l.x + (int64_t)i * call->max_rows;
        float *next_x = l.next_x + (int64_t)i * call->max_rows;
        fill_block(call, &mask, call->next_indices, l.next_rows, i, count, inputs, next_x);
        for (int32_t o = 0; o < outputs; o += STRIP_COLUMNS)
            for (int32_t k = 0; k < count; k += STRIP) {
                strip s = {.at = parameter->offset + (int64_t)(i + k) * outputs + o,
                           .height = least(STRIP, count - k),
                           .columns = least(STRIP_COLUMNS, outputs - o),
                           .x = x + k,
                           .next_x = next_x + k,
                           .pitch = count,
                           .dy = l.dy + o / PANEL * part,
                           .sums = l.sums + o / PANEL * part};
                s.panels = (s.columns + PANEL - 1) / PANEL;
                update_strip(&l, &adam, &s, panels);
            }
    }
}
