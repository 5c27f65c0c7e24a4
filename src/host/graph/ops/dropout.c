// Ops that draw random numbers: dropout and noise.
#include <stdio.h>

#include "graph/backward.h"
#include "graph/construct.h"

// Assigns the stored mask of a site its offset.
static int64_t add_stored_mask(mb_graph *graph, mb_dropout_site site, const mb_shape *shape) {
    if (!mb_graph_reserve(graph, (void **)&graph->masks, graph->mask_count, &graph->mask_capacity,
                          sizeof *graph->masks))
        return -1;
    mb_mask_location *mask = &graph->masks[graph->mask_count++];
    *mask = (mb_mask_location){.layout = site.layout,
                               .whole_steps = site.whole_steps,
                               .offset = graph->mask_floats,
                               .shape = *shape};
    snprintf(mask->site, sizeof mask->site, "%s", site.name);
    graph->mask_floats += mb_shape_elements(shape, graph->max_rows);
    return mask->offset;
}

static bool drops(const mb_graph *graph) {
    return graph->dropout == MB_DROPOUT_RANDOM || graph->dropout == MB_DROPOUT_STORED;
}

mb_op_params mb_dropout_params(mb_graph *graph, mb_dropout_site site, const mb_shape *shape) {
    mb_op_params params = {.dropout = {.mode = drops(graph) ? graph->dropout : MB_DROPOUT_OFF,
                                       .rate = site.rate,
                                       .constant_rate = (float)site.constant_rate}};
    if (params.dropout.mode != MB_DROPOUT_OFF)
        params.dropout.site = graph->dropout_sites++;
    if (params.dropout.mode == MB_DROPOUT_STORED)
        params.dropout.mask_offset = add_stored_mask(graph, site, shape);
    return params;
}

mb_tensor mb_dropout(mb_graph *graph, mb_tensor x, mb_dropout_site site) {
    if (!drops(graph) || !mb_given(graph, &x, 1))
        return x;
    mb_op_params params = mb_dropout_params(graph, site, mb_graph_shape(graph, x));
    mb_op op = graph->dropout == MB_DROPOUT_RANDOM ? MB_OP_DROPOUT : MB_OP_STORED_DROPOUT;
    return mb_same_shape(graph, op, params, x);
}

void mb_gradient_dropout(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_backward_contribute_op(pass, node->inputs[0], node->op, node->params, dy, 1);
}

void mb_gradient_stored_dropout(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_gradient_dropout(pass, node, dy);
}

mb_tensor mb_noise(mb_graph *graph, const char *name, int32_t width) {
    mb_shape shape = {2, {MB_ROWS, width}};
    mb_op_params params = {.noise = {.site = graph->noise_sites++}};
    params.noise.stored = graph->dropout == MB_DROPOUT_STORED || graph->dropout == MB_NOISE_STORED;
    if (params.noise.stored)
        params.noise.mask_offset = add_stored_mask(
            graph, (mb_dropout_site){.name = name, .layout = MB_MASK_NOISE}, &shape);
    return mb_graph_add_one(graph, MB_OP_NOISE, params, NULL, 0, shape);
}
