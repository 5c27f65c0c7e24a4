// Ops, and the plan as a list of them: all that kernels know of the host.
#ifndef MB_GRAPH_OPS_H
#define MB_GRAPH_OPS_H

#include "graph/operands.h"
#include "merbench/plan.h"

enum {
    MB_MAX_INPUTS = MB_MAX_STREAMS + 2, // all streams of a dataset, their scales and a gradient
    MB_MAX_OUTPUTS = 8
};

// The labels that a loss compares with.
typedef enum mb_labels {
    MB_LABELS_EMOTION, // (B), class indices
    MB_LABELS_VALENCE, // (B)
} mb_labels;

// Sizes in the buffers of SOURCE_LINEAR: inputs in an x_buffer that does not hold all of x, and
// inputs that a partial sum is over.
enum { MB_SOURCE_GROUP = 128, MB_SOURCE_CHUNK = 512 };

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

// Dropout, as an op or inside one.
typedef struct mb_dropout_setting {
    mb_dropout_mode mode; // set in ops with dropout inside
    mb_slot rate;         // MB_SLOT_NONE: constant_rate
    float constant_rate;
    uint32_t site;       // number of the dropout site in its graph, from 0
    int64_t mask_offset; // of MB_DROPOUT_STORED, among the stored masks
} mb_dropout_setting;

// Parameters of an op. The op says which member of the union is used.
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
            bool dropped;               // whether there is dropout
            mb_dropout_setting dropout; // mode MB_DROPOUT_RANDOM
        } source;                       // SOURCE_LINEAR and its update
        struct {
            uint32_t site;       // number of the noise in its graph, from 0
            bool stored;         // whether the caller gives it
            int64_t mask_offset; // among the stored masks
        } noise;
        mb_dropout_setting dropout;
        struct {
            mb_dropout_setting gates[2];
        } gated_memory;
        mb_recurrence recurrence;
        struct {
            mb_recurrence recurrence; // first, so that params.recurrence reads it, too
            bool hidden, cell;        // which gradients are given, after the other inputs
        } lstm_grad;
        struct {
            int32_t column; // of the scales: that of the first x or, in a gradient, of this x
            int32_t begin;  // first column of this x in the joined vector; in gradients
        } scaled_concat;
        struct {
            int32_t begin;
        } slice;
        struct {
            float factor;
            mb_slot slot; // MB_SLOT_NONE: factor alone
        } scale;
        struct {
            float scale;
            mb_attention_mask mask; // of ATTENTION_SCORES
        } attention;
        struct {
            bool logvar_term;
        } gaussian_bound;
        struct {
            float epsilon;
            bool constant_norm; // of the gradient
            bool keep_zero;
        } unit_rows;
        struct {
            mb_pairs pairs;
            bool zero_norm_gradient; // of MOMENT_DISCREPANCY: a norm of 0 has gradient 0, not 0/0
        } pairs;
    };
    // Of ops that end in Adam. Outside the union, because such an op keeps the parameters of the
    // product that it took over.
    struct {
        int32_t parameter; // index in the plan's parameter list
    } update;
} mb_op_params;

typedef enum mb_space { MB_SPACE_ARENA, MB_SPACE_PARAMETERS } mb_space;

// Where an op of a plan finds a tensor.
typedef struct mb_operand {
    mb_space space;
    int64_t offset; // in floats
    mb_shape shape;
} mb_operand;

// An op of a plan.
typedef struct mb_plan_op {
    mb_op kind;
    mb_op_params params;
    int32_t input_count, output_count;
    const mb_operand *inputs, *outputs; // in the plan's list of operands
    int64_t multiply_accumulates;       // at max_rows
} mb_plan_op;

struct mb_plan {
    mb_plan_info info;
    int32_t op_count;
    mb_plan_op *ops;
    mb_operand *operands; // of all ops
    mb_parameter *parameters;
    mb_mask_location *masks;
};

#endif
