// Shared by the kernels of first layers: source.c computes y, source_update.c updates W.
//
// The ops have two workspaces. The first holds x in blocks of MB_SOURCE_GROUP inputs; training step
// t uses half t % 2. The second holds the sums and then dy, each as (panels, B, MB_PANEL) with
// MB_PANEL columns a panel.
#ifndef MB_KERNELS_CPU_SOURCE_H
#define MB_KERNELS_CPU_SOURCE_H

#include "cpu/isa/dropout.h"
#include "cpu/isa/vector.h"

enum {
    MB_PANEL = MB_TILE_COLUMNS,
    MB_SOURCE_TILE = MB_LANES == 16 ? 8 : 4, // inputs in a tile of W, rows in a tile of y
    MB_SOURCE_STRIP = 64,                    // inputs whose weights are copied to a panel at a time
};

typedef struct mb_layer {
    const mb_cpu_call *call;
    int32_t inputs, outputs, panels;
    int32_t rows, next_rows;
    const float *x; // (blocks, rows, MB_SOURCE_GROUP), the last one narrower
    float *next_x;
    float *sums; // (panels, B, MB_PANEL)
    float *dy;   // (panels, B, MB_PANEL)
} mb_layer;

// ---- x ----------------------------------------------------------------------------------------

// The features of an utterance are its last frame; NULL if it has no frames.
static inline const float *mb_features_of(const mb_stream *stream, int32_t utterance) {
    const int64_t *offsets = stream->offsets;
    int64_t frame = utterance;
    if (offsets != NULL && offsets[utterance + 1] == offsets[utterance])
        return NULL;
    if (offsets != NULL)
        frame = offsets[utterance + 1] - 1;
    return (const float *)stream->values + frame * stream->dimension;
}

// Makes x[:, first ... first + count - 1] (rows, count) of a batch, with the dropout masks of a
// training step.
static inline void mb_fill_block(const mb_cpu_call *call, const mb_random_mask *mask,
                                 const int32_t *indices, int32_t rows, int32_t first, int32_t count,
                                 int32_t inputs, float *x) {
    const mb_stream *stream = &call->dataset->streams[call->op->params.source.stream];
    int32_t dimension = stream->dimension;
    int32_t there = first >= dimension ? 0 : mb_least(count, dimension - first);
    for (int32_t r = 0; r < rows; r++, x += count) {
        const float *features = mb_features_of(stream, indices[r]);
        int32_t copied = features == NULL ? 0 : there;
        int32_t ahead = copied == 0 ? 0 : mb_least(MB_SOURCE_GROUP, dimension - first - copied);
        for (int32_t i = 0; i < ahead; i += 16)
            __builtin_prefetch(features + first + copied + i); // of the next block
        if (copied > 0 && mask->threshold > 0) {
            int64_t element = (int64_t)(call->first_row + r) * inputs + first;
            MB_NAME(random_apply)(mask, element, copied, features + first, x);
        } else if (copied > 0) {
            memcpy(x, features + first, (size_t)copied * sizeof *x);
        }
        memset(x + copied, 0, (size_t)(count - copied) * sizeof *x);
    }
}

static inline mb_random_mask mb_source_mask(const mb_cpu_call *call, uint32_t later) {
    if (!call->op->params.source.dropped)
        return (mb_random_mask){0};
    mb_random_mask mask = MB_NAME(random_mask)(call, &call->op->params.source.dropout);
    mask.step += later;
    return mask;
}

// ---- y = x W ----------------------------------------------------------------------------------

// sums (height, MB_PANEL) += x (height, count) w (count, MB_PANEL); rows of x are `pitch` apart.
MB_INLINE void mb_sum_rows(int height, int32_t count, const float *x, int32_t pitch, const float *w,
                           float *sums) {
    mb_vector t[MB_SOURCE_TILE][2];
#pragma GCC unroll 8
    for (int i = 0; i < height; i++) {
        t[i][0] = mb_load(sums + i * MB_PANEL);
        t[i][1] = mb_load(sums + i * MB_PANEL + MB_LANES);
    }
    for (int32_t p = 0; p < count; p++, w += MB_PANEL) {
        mb_vector w0 = mb_load(w), w1 = mb_load(w + MB_LANES);
#pragma GCC unroll 8
        for (int i = 0; i < height; i++) {
            t[i][0] += x[i * pitch + p] * w0;
            t[i][1] += x[i * pitch + p] * w1;
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < height; i++) {
        mb_store(sums + i * MB_PANEL, t[i][0]);
        mb_store(sums + i * MB_PANEL + MB_LANES, t[i][1]);
    }
}

// One panel of the sums for all rows.
static inline void mb_sum_panel(int32_t rows, int32_t count, const float *x, int32_t pitch,
                                const float *w, float *sums) {
    int32_t r = 0;
    for (; r + MB_SOURCE_TILE <= rows; r += MB_SOURCE_TILE)
        mb_sum_rows(MB_SOURCE_TILE, count, x + (int64_t)r * pitch, pitch, w,
                    sums + (int64_t)r * MB_PANEL);
    for (; r < rows; r++)
        mb_sum_rows(1, count, x + (int64_t)r * pitch, pitch, w, sums + (int64_t)r * MB_PANEL);
}

// Copies (rows, columns), rows `pitch` apart, to (rows, MB_PANEL), padded with zeros.
static inline void mb_copy_panel(int32_t rows, int32_t columns, const float *from, int64_t pitch,
                                 float *to) {
    for (int32_t r = 0; r < rows; r++, from += pitch, to += MB_PANEL) {
        memcpy(to, from, (size_t)columns * sizeof *to);
        if (columns < MB_PANEL)
            memset(to + columns, 0, (size_t)(MB_PANEL - columns) * sizeof *to);
    }
}

static inline void mb_clear_sums(const mb_layer *l, int32_t panel, int32_t rows) {
    memset(l->sums + (int64_t)panel * l->call->max_rows * MB_PANEL, 0,
           (size_t)rows * MB_PANEL * sizeof *l->sums);
}

// Finds x, sums and dy in the workspaces. Without `keeps`, nothing is kept for the next step and
// there is only one block of x.
static inline mb_layer mb_layer_of(const mb_cpu_call *call, int32_t inputs, int32_t outputs,
                                   bool keeps, float *x, float *sums) {
    mb_layer l = {.call = call, .inputs = inputs, .outputs = outputs, .x = x, .sums = sums};
    int64_t half = (int64_t)call->max_rows * inputs;
    l.panels = (outputs + MB_PANEL - 1) / MB_PANEL;
    l.rows = call->rows;
    l.next_rows = call->next_rows;
    if (!keeps)
        return l;
    l.x = x + (call->training_step % 2) * half;
    l.next_x = x + ((call->training_step + 1) % 2) * half;
    l.dy = sums + (int64_t)l.panels * call->max_rows * MB_PANEL;
    return l;
}

#endif
