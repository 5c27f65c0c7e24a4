// The planner: assigns memory by the lifetimes of tensors.
#include "graph/schedule.h"

#include <stdlib.h>

enum { ALIGNMENT = 16 }; // floats: one cache line

typedef struct lifetime {
    mb_tensor tensor;
    int32_t first, last; // first and last op that touches it
    int64_t floats, offset;
} lifetime;

static int largest_first(const void *a, const void *b) {
    const lifetime *x = a, *y = b;
    if (x->floats != y->floats)
        return x->floats < y->floats ? 1 : -1;
    return x->tensor - y->tensor; // so that the order is always the same
}

static void touch(lifetime *lifetimes, mb_tensor tensor, int32_t op) {
    if (lifetimes[tensor].first < 0)
        lifetimes[tensor].first = op;
    lifetimes[tensor].last = op;
}

// The lowest offset at which `item` overlaps no placed[0 ... count - 1] that is alive with it.
static int64_t lowest_offset(const lifetime *placed, int32_t count, const lifetime *item) {
    int64_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int32_t i = 0; i < count; i++) {
            const lifetime *other = &placed[i];
            bool together = other->first <= item->last && item->first <= other->last;
            if (together && offset < other->offset + other->floats &&
                other->offset < offset + item->floats) {
                offset = other->offset + other->floats;
                moved = true;
            }
        }
    }
    return offset;
}

mb_status mb_schedule_assign_memory(const mb_schedule *schedule, int32_t max_rows, int64_t *offsets,
                                    int64_t *arena_floats, mb_error *error) {
    const mb_graph *graph = schedule->graph;
    int32_t count = graph->tensor_count;
    lifetime *lifetimes = malloc(((size_t)count + 1) * sizeof *lifetimes);
    if (lifetimes == NULL)
        return mb_out_of_memory(error, "plan");
    for (mb_tensor tensor = 0; tensor < count; tensor++) {
        int64_t floats = mb_shape_elements(&graph->tensors[tensor].shape, max_rows);
        lifetimes[tensor] = (lifetime){.tensor = tensor, .first = -1, .last = -1};
        lifetimes[tensor].floats = (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        offsets[tensor] = -1;
    }
    for (int32_t i = 0; i < schedule->node_count; i++) {
        const mb_node *node = &schedule->nodes[i];
        for (int32_t k = 0; k < node->input_count; k++)
            touch(lifetimes, node->inputs[k], i);
        for (int32_t k = 0; k < node->output_count; k++)
            touch(lifetimes, node->outputs[k], i);
    }
    for (mb_tensor tensor = 0; tensor < count; tensor++)
        if (schedule->kept[tensor] && lifetimes[tensor].first >= 0)
            lifetimes[tensor].last = schedule->node_count;
    for (mb_tensor tensor = 0; tensor < count; tensor++)
        if (schedule->persistent[tensor]) {
            lifetimes[tensor].first = 0;
            lifetimes[tensor].last = schedule->node_count;
        }
    qsort(lifetimes, (size_t)count, sizeof *lifetimes, largest_first);
    *arena_floats = 0;
    int32_t placed = 0;
    for (int32_t i = 0; i < count; i++) {
        lifetime item = lifetimes[i];
        if (item.first < 0 || graph->tensors[item.tensor].parameter >= 0)
            continue;
        item.offset = lowest_offset(lifetimes, placed, &item);
        lifetimes[placed++] = item; // at or before index i, which is done
        offsets[item.tensor] = item.offset;
        if (item.offset + item.floats > *arena_floats)
            *arena_floats = item.offset + item.floats;
    }
    free(lifetimes);
    return MB_OK;
}
