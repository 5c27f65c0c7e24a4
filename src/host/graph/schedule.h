// From a graph to the nodes that a plan executes, and their places in memory.
#ifndef MB_GRAPH_SCHEDULE_H
#define MB_GRAPH_SCHEDULE_H

#include "graph/graph.h"

// Nodes in the order of execution, after dead ones are gone and neighbours are fused.
typedef struct mb_schedule {
    mb_graph *graph;
    int32_t node_count;
    mb_node *nodes;
    bool *kept;    // by tensor: must survive to the end of the plan
    bool *lasting; // by tensor: nothing else may lie in its place, from step to step
} mb_schedule;

// Keeps the nodes that `kept` tensors depend on.
mb_status mb_schedule_make(mb_graph *graph, const bool *kept, mb_schedule *schedule,
                           mb_error *error);
void mb_schedule_free(mb_schedule *schedule);

// Joins each linear map with the max(0, .) that alone reads it.
void mb_schedule_fuse_relu(mb_schedule *schedule);

// Ends the backward pass with the update of every parameter that has a gradient: inside the weight
// product where that gradient is used once and nothing later reads the weight, by ADAM otherwise.
mb_status mb_schedule_add_updates(mb_schedule *schedule, const mb_tensor *gradients,
                                  mb_error *error);

// Joins linear maps of the features of utterances with what reads and drops these: SOURCE_LINEAR.
mb_status mb_schedule_fuse_sources(mb_schedule *schedule, bool trains, mb_error *error);

// Whether a node reads a tensor.
bool mb_node_reads(const mb_node *node, mb_tensor tensor);
// The node that makes `tensor`, or -1.
int32_t mb_schedule_producer(const mb_schedule *schedule, mb_tensor tensor);
void mb_schedule_remove(mb_schedule *schedule, int32_t position);

// Gives every tensor that is not a parameter a place in the arena, such that tensors that are alive
// at the same time do not overlap. offsets[tensor] = floats, -1 where no step touches it.
mb_status mb_schedule_place(const mb_schedule *schedule, int32_t max_rows, int64_t *offsets,
                            int64_t *arena_floats, mb_error *error);

#endif
