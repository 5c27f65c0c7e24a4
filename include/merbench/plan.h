// A plan: a graph made ready for execution. Steps in order, fused where that pays, every operand at
// a fixed place of one arena. Compiled once, before training; holds for every run with these
// shapes.
#ifndef MERBENCH_PLAN_H
#define MERBENCH_PLAN_H

#include <stdint.h>

#include "merbench/graph.h"
#include "merbench/philox.h"

typedef enum mb_plan_mode {
    MB_PLAN_EVALUATE,  // forward only
    MB_PLAN_GRADIENTS, // forward and backward; every gradient is kept in the arena
    MB_PLAN_TRAIN,     // forward, backward, clip, weight decay and Adam; gradients used once are
                       // never stored
} mb_plan_mode;

// A trained tensor in the parameter vector of a model. The weights of linear maps (out, in) lie
// there input-major, as (in, out), so that a forward product reads along the outputs; filters (out,
// in, width) as (width, in, out).
typedef struct mb_parameter {
    char name[96];  // as in the reference's state_dict
    mb_shape shape; // logical: (out, in)
    mb_initial initial;
    int64_t offset;   // floats, a multiple of 16
    int64_t gradient; // offset in the arena, MB_PLAN_GRADIENTS only; -1 = absent
    bool transposed;  // stored with its dimensions reversed: input-major
    bool trained;     // whether it reaches the loss; otherwise Adam skips it
    // Smallest batch whose graph reaches it. Adam skips it until a run has had such a batch.
    int32_t fewest_rows;
    bool frozen;      // never trained, by the model's design
    int32_t drawn_as; // position of the parameter whose start values it has: its own, mostly
} mb_parameter;

typedef struct mb_plan mb_plan;

// A place where a caller finds a result after a run: offset in the arena and shape; offset -1 =
// none.
typedef struct mb_place {
    int64_t offset;
    mb_shape shape;
} mb_place;

// A dropout site whose mask comes from outside (MB_DROPOUT_STORED): where it lies among the masks.
typedef struct mb_mask_place {
    char site[96];
    mb_mask_layout layout;
    int32_t whole_steps; // as in mb_dropout_site
    int64_t offset;      // floats; the mask lies there in the shape of the tensor
    mb_shape shape;
} mb_mask_place;

typedef struct mb_plan_info {
    int32_t max_rows;
    bool trains; // MB_PLAN_TRAIN
    int32_t parameter_count;
    const mb_parameter *parameters; // in the order of creation
    int64_t parameter_floats;       // of one model, padding included
    int64_t parameter_elements;     // numbers of one model, without padding and frozen ones
    int64_t arena_floats;
    int64_t mask_floats; // stored dropout masks, MB_DROPOUT_STORED only
    int32_t mask_count;
    const mb_mask_place *masks;
    int64_t multiply_accumulates; // of one run of the plan at max_rows
    mb_place features, emos_out, vals_out, interloss, cross_entropy, mean_squared_error, total;
} mb_plan_info;

// What a graph is made for.
typedef struct mb_graph_outputs {
    mb_tensor features;  // (B, F)
    mb_tensor emos_out;  // (B, C) or MB_NO_TENSOR
    mb_tensor vals_out;  // (B, R) or MB_NO_TENSOR
    mb_tensor interloss; // (1) or MB_NO_TENSOR
} mb_graph_outputs;

// Compiles a graph for the rows that it was created for. Unless it only evaluates, losses of its
// outputs are added first. The graph is used up, also by a failure.
mb_status mb_plan_compile(mb_graph *graph, const mb_graph_outputs *outputs, mb_plan_mode mode,
                          mb_plan **plan, mb_error *error);
void mb_plan_free(mb_plan *plan);
const mb_plan_info *mb_plan_get(const mb_plan *plan);

// Whether a dataset has what the plan reads: the streams, float32 and no wider than the graph asks
// for; labels where there are losses. MB_BAD_INPUT says what is missing.
mb_status mb_plan_check_dataset(const mb_plan *plan, const mb_dataset *dataset, mb_error *error);

// Copies between the logical layout (row-major, shape) and a parameter's place in the vector.
void mb_parameter_store(const mb_parameter *parameter, const float *logical, float *vector);
void mb_parameter_load(const mb_parameter *parameter, const float *vector, float *logical);

// Start values of a whole model. Element e (logical order) of a parameter comes from Philox at
// (key, MB_RANDOM_INITIAL, step = drawn_as): uniform ones from word e % 4 of index e / 4, normal
// ones at index e.
void mb_parameters_initialise(const mb_plan *plan, mb_key key, float *vector);

#endif
