// A plan: a graph compiled for execution, with its ops in order, fused where that pays, and every
// operand at a fixed offset of one arena. A program compiles plans before training starts (usually
// with mb_model_compile) and gives them to an executor (executor.h). One plan serves all runs with
// the same shapes.
#ifndef MERBENCH_PLAN_H
#define MERBENCH_PLAN_H

#include <stdint.h>

#include "merbench/graph.h"
#include "merbench/philox.h"

typedef enum mb_plan_mode {
    MB_PLAN_EVALUATE,  // forward only
    MB_PLAN_GRADIENTS, // forward and backward; the arena keeps the gradients of all parameters
    // Forward, backward, clipping, weight decay and Adam. A gradient that is used once is
    // never stored.
    MB_PLAN_TRAIN,
} mb_plan_mode;

// A parameter, and where it is in the parameter vector of a model. The vector holds the weights
// (out, in) of linear maps input-major, as (in, out), so that a forward product reads along the
// outputs, and filters (out, in, width) as (width, in, out).
typedef struct mb_parameter {
    char name[96];  // as in the reference's state_dict
    mb_shape shape; // logical: (out, in)
    mb_initial initial;
    int64_t offset;   // floats, a multiple of 16
    int64_t gradient; // offset in the arena; -1 = absent, as in all plans but MB_PLAN_GRADIENTS
    bool transposed;  // stored with its dimensions reversed
    bool trained;     // whether the loss depends on it; otherwise Adam skips it
    // Rows of the smallest batch whose graph reaches the parameter. Adam skips it until the run has
    // had such a batch.
    int32_t fewest_rows;
    bool frozen; // never trained, by the model's design
    // Index of the parameter whose start values this one has: usually its own.
    int32_t drawn_as;
} mb_parameter;

typedef struct mb_plan mb_plan;

// Where the arena holds a result after the plan was executed.
typedef struct mb_location {
    int64_t offset; // in floats; -1 = the plan has no such result
    mb_shape shape;
} mb_location;

// Where a dropout site reads its mask among the stored masks (MB_DROPOUT_STORED), or a noise site
// its numbers.
typedef struct mb_mask_location {
    char site[96];
    mb_mask_layout layout;
    int32_t whole_steps; // as in mb_dropout_site
    int64_t offset;      // in floats; the mask has the shape of the tensor
    mb_shape shape;
} mb_mask_location;

typedef struct mb_plan_info {
    int32_t max_rows;
    bool trains; // MB_PLAN_TRAIN
    int32_t parameter_count;
    const mb_parameter *parameters; // in the order of creation
    int64_t parameter_floats;       // of the parameter vector, with padding
    int64_t parameter_elements;     // numbers in parameters that are not frozen
    int64_t arena_floats;
    int64_t mask_floats; // size of the stored masks and noise
    int32_t mask_count;
    const mb_mask_location *masks;
    int64_t multiply_accumulates; // of one execution with max_rows rows
    mb_location features, emos_out, vals_out, interloss, cross_entropy, mean_squared_error, total;
} mb_plan_info;

// The outputs of a model's graph.
typedef struct mb_graph_outputs {
    mb_tensor features;  // (B, F)
    mb_tensor emos_out;  // (B, C) or MB_NO_TENSOR
    mb_tensor vals_out;  // (B, R) or MB_NO_TENSOR
    mb_tensor interloss; // (1) or MB_NO_TENSOR
} mb_graph_outputs;

// Compiles a graph for batches of at most the rows that the graph was created for. Modes other than
// MB_PLAN_EVALUATE first add the losses of the outputs. The graph is freed, even after a failure.
mb_status mb_plan_compile(mb_graph *graph, const mb_graph_outputs *outputs, mb_plan_mode mode,
                          mb_plan **plan, mb_error *error);
void mb_plan_free(mb_plan *plan);
const mb_plan_info *mb_plan_get(const mb_plan *plan);

// Checks that a dataset has what the plan reads: the streams, as float32 and no wider than the
// graph asks for, and labels where there are losses. MB_BAD_INPUT with a message that says what
// is missing.
mb_status mb_plan_check_dataset(const mb_plan *plan, const mb_dataset *dataset, mb_error *error);

// Copy a parameter between its logical layout (row-major, as in `shape`) and its offset in a
// parameter vector.
void mb_parameter_store(const mb_parameter *parameter, const float *logical, float *vector);
void mb_parameter_load(const mb_parameter *parameter, const float *vector, float *logical);

// Draws the start values of a whole model. Element e (in logical order) of a parameter comes from
// Philox at (key, MB_RANDOM_INITIAL, step = drawn_as): a uniform one from word e % 4 of index e /
// 4, a normal one from index e. `stop` is as in merbench/stop.h, or NULL.
void mb_parameters_initialise(const mb_plan *plan, mb_key key, const int *stop, float *vector);

#endif
