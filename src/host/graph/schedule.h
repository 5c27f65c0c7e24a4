// The planner: chooses and orders the nodes of a graph that a plan executes, fuses them, and
// assigns memory.
#ifndef MB_GRAPH_SCHEDULE_H
#define MB_GRAPH_SCHEDULE_H

#include "graph/graph.h"

// Nodes in the order of execution, without those that nothing needs, and fused.
typedef struct mb_schedule {
    mb_graph *graph;
    int32_t node_count;
    mb_node *nodes;
    bool *kept;       // by tensor: whether its value must survive to the end of the plan
    bool *persistent; // by tensor: whether its value must survive between executions
} mb_schedule;

// Takes the nodes on which the `kept` tensors depend.
mb_status mb_schedule_make(mb_graph *graph, const bool *kept, mb_schedule *schedule,
                           mb_error *error);
void mb_schedule_free(mb_schedule *schedule);

// Fuses each linear map with the max(0, .) that reads it, if nothing else does.
void mb_schedule_fuse_relu(mb_schedule *schedule);

// Appends the update of every parameter that has a gradient. If the gradient is used once and
// nothing later reads the weight, the product that makes the gradient becomes the update; otherwise
// ADAM follows it.
mb_status mb_schedule_add_updates(mb_schedule *schedule, const mb_tensor *gradients,
                                  mb_error *error);

// Fuses linear maps of the features of utterances with the gathering and the dropout of the
// features: SOURCE_LINEAR.
mb_status mb_schedule_fuse_sources(mb_schedule *schedule, bool trains, mb_error *error);

// Whether a node reads a tensor.
bool mb_node_reads(const mb_node *node, mb_tensor tensor);
// The node that makes `tensor`, or -1.
int32_t mb_schedule_producer(const mb_schedule *schedule, mb_tensor tensor);
void mb_schedule_remove(mb_schedule *schedule, int32_t position);

// Assigns every tensor that is not a parameter an offset in the arena, such that tensors that
// are alive at the same time do not overlap. offsets[tensor] is in floats; -1 where no op
// touches the tensor.
mb_status mb_schedule_assign_memory(const mb_schedule *schedule, int32_t max_rows, int64_t *offsets,
                                    int64_t *arena_floats, mb_error *error);

#endif
