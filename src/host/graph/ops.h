// Ops and the steps of a plan: what kernels know of the host.
#ifndef MB_GRAPH_OPS_H
#define MB_GRAPH_OPS_H

#include "graph/operands.h"
#include "merbench/plan.h"

enum {
    MB_MAX_INPUTS = MB_MAX_STREAMS + 2, // all streams joined, with their scales and a gradient
    MB_MAX_OUTPUTS = 8
};

// What a loss compares with.
typedef enum mb_labels {
    MB_LABELS_EMOTION, // (B), class indices
    MB_LABELS_VALENCE, // (B)
} mb_labels;

// The rooms of SOURCE_LINEAR: inputs in the room of x where there is not room for all, and inputs
// that a part of the sums is of.
enum { MB_SOURCE_BLOCK = 128, MB_SOURCE_PART = 512 };

typedef enum mb_op {
#define MB_OP(NAME, name, ...) MB_OP_##NAME,
#include "graph/ops.def"
#undef MB_OP
    MB_OP_COUNT
} mb_op;

typedef struct mb_op_info {
    const char *name;
    int32_t fewest_inputs, most_inputs, outputs;
} mb_op_info;

extern const mb_op_info mb_op_infos[MB_OP_COUNT];

// Dropout as an op or inside of one.
typedef struct mb_dropout_setting {
    mb_dropout_mode mode; // of ops with dropout inside
    mb_slot rate;         // or MB_SLOT_NONE:
    float constant_rate;
    uint32_t site;       // counts the dropout places of a graph from 0
    int64_t mask_offset; // MB_DROPOUT_STORED
} mb_dropout_setting;

// Parameters of an op; which member of the union counts follows from the op.
typedef struct mb_op_params {
    union {
        struct {
            int32_t stream;
        } gather;
        struct {
            mb_labels which;
        } labels;
        struct {
            float value;
        } constant;
        struct {
            bool relu;
            int32_t first_output; // LINEAR_GRAD_INPUT
        } linear;
        struct {
            int32_t stream;
            bool relu;
            bool dropped;               // whether there is dropout:
            mb_dropout_setting dropout; // MB_DROPOUT_RANDOM
        } source;                       // SOURCE_LINEAR and its update
        struct {
            uint32_t site;       // counts the noise of a graph from 0
            bool stored;         // given from outside:
            int64_t mask_offset; // where among the masks
        } noise;
        mb_dropout_setting dropout;
        struct {
            mb_dropout_setting gates[2];
        } gated_memory;
        mb_recurrence recurrence;
        struct {
            mb_recurrence recurrence; // first: also read as params.recurrence
            bool hidden, cell;        // which gradients follow the other inputs
        } lstm_grad;
        struct {
            int32_t column; // of the scales: that of the first part, or of the one at hand
            int32_t begin;  // of the part at hand in the joined vector
        } scaled_concat;
        struct {
            int32_t begin;
        } slice;
        struct {
            float factor;
            mb_slot slot; // or MB_SLOT_NONE
        } scale;
        struct {
            float scale;
            mb_attention_mask mask; // ATTENTION_SCORES
        } attention;
        struct {
            bool logvar_term;
        } gaussian_bound;
        struct {
            float epsilon;
            bool constant_norm; // for the gradient
            bool keep_zero;
        } unit_rows;
        struct {
            mb_pairs pairs;
            bool zero_norm_gradient; // MOMENT_DISCREPANCY: of a norm of 0 it is 0, not 0/0
        } pairs;
    };
    // Of ops that end in Adam; beside the union, as the product that they took over keeps its own.
    struct {
        int32_t parameter; // position in the plan's parameter list
    } update;
} mb_op_params;

typedef enum mb_space { MB_SPACE_ARENA, MB_SPACE_PARAMETERS } mb_space;

// Where a step finds a tensor.
typedef struct mb_operand {
    mb_space space;
    int64_t offset; // floats
    mb_shape shape;
} mb_operand;

typedef struct mb_step {
    mb_op op;
    mb_op_params params;
    int32_t input_count, output_count;
    const mb_operand *inputs, *outputs; // among the plan's
    int64_t multiply_accumulates;       // at max_rows
} mb_step;

struct mb_plan {
    mb_plan_info info;
    int32_t step_count;
    mb_step *steps;
    mb_operand *operands; // of all steps
    mb_parameter *parameters;
    mb_mask_place *masks;
};

#endif
