#include "cpu/share.h"

// Explained at the head of ops.def.
typedef enum sharing { WHOLE, BY_ROWS, BY_SHARES, ALONG_TIME, IN_PHASES } sharing;

static const unsigned char sharings[MB_OP_COUNT] = {
#define MB_OP(NAME, name, gradient, cost, sharing, ...) [MB_OP_##NAME] = sharing,
#include "graph/ops.def"
#undef MB_OP
};

enum {
    MOST_SHARES = 64,
    ROW_UNIT = 8,               // a share of rows is a multiple of this, for the tiles of products
    LEAST_WORK = 1 << 16,       // multiply-accumulates of a share: some ten microseconds
    WORK_OF_AN_ELEMENT = 1 << 4 // the multiply-accumulates that take as long
};

static sharing sharing_of(const mb_cpu_call *call) {
    const mb_plan_op *op = call->op;
    sharing how = (sharing)sharings[op->kind];
    if (how == ALONG_TIME)
        how = op->params.recurrence.axis == MB_AXIS_TIME ? BY_ROWS : WHOLE;
    if (op->kind == MB_OP_SOURCE_LINEAR && call->begun) // only the bias remains to be added
        how = WHOLE;
    if (how == BY_ROWS && op->outputs[0].shape.dims[0] != MB_ROWS)
        how = WHOLE;
    return how;
}

// The work of a call in multiply-accumulates. Ops without products count the elements of the
// operand that they pass over: the first input for sums and for updates, the first output for all
// others.
static int64_t work_of(const mb_cpu_call *call) {
    const mb_plan_op *op = call->op;
    bool reduces = op->kind == MB_OP_LINEAR_GRAD_BIAS ||
                   op->kind == MB_OP_SCALED_CONCAT_GRAD_SCALES || op->output_count == 0;
    const mb_operand *most = reduces ? &op->inputs[0] : &op->outputs[0];
    if (op->multiply_accumulates > 0)
        return op->multiply_accumulates / call->max_rows * call->rows;
    return WORK_OF_AN_ELEMENT * mb_shape_elements(&most->shape, call->rows);
}

// Offset of a row in an operand; 0 in operands without rows.
static int64_t row_at(const mb_operand *operand, int32_t row) {
    return operand->shape.dims[0] == MB_ROWS ? mb_shape_elements(&operand->shape, row) : 0;
}

// Narrows a call to its share of the rows. The result is a whole op on those rows.
static void take_rows(mb_cpu_call *call) {
    const mb_plan_op *op = call->op;
    mb_cpu_range rows = mb_cpu_range_of(call, call->rows, ROW_UNIT);
    call->first_row = (int32_t)rows.first;
    call->rows = (int32_t)(rows.end - rows.first);
    call->indices += rows.first;
    for (int32_t i = 0; i < op->input_count; i++)
        call->inputs[i] += row_at(&op->inputs[i], call->first_row);
    for (int32_t i = 0; i < op->output_count; i++)
        call->outputs[i] += row_at(&op->outputs[i], call->first_row);
    call->share = 0;
    call->share_count = 1;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

void mb_cpu_share(mb_cpu_team *team, mb_cpu_kernel kernel, const mb_cpu_call *call) {
    mb_cpu_call calls[MOST_SHARES];
    sharing how = sharing_of(call);
    int64_t share_count =
        how == WHOLE ? 1 : least(mb_cpu_team_size(team), work_of(call) / LEAST_WORK);
    if (how == BY_ROWS)
        share_count = least(share_count, call->rows / ROW_UNIT);
    share_count = least(share_count, MOST_SHARES);
    if (share_count < 2) {
        kernel(call);
        return;
    }
    for (int32_t phase = 0; phase < (how == IN_PHASES ? 2 : 1); phase++) {
        for (int32_t i = 0; i < share_count; i++) {
            calls[i] = *call;
            calls[i].share = i;
            calls[i].share_count = (int32_t)share_count;
            calls[i].phase = phase;
            if (how == BY_ROWS)
                take_rows(&calls[i]);
        }
        mb_cpu_team_run(team, kernel, calls, (int32_t)share_count);
    }
}
