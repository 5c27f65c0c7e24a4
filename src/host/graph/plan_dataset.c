// Checks that a dataset has what a plan reads.
#include "graph/ops.h"

static mb_status check_stream(const mb_dataset *dataset, int32_t index, int32_t width,
                              mb_error *error) {
    const mb_stream *stream = &dataset->streams[index];
    if (index >= dataset->stream_count || stream->dimension == 0)
        return mb_fail(error, MB_BAD_INPUT, "the model reads stream %d, which the dataset lacks",
                       index);
    if (stream->type != MB_FLOAT32)
        return mb_fail(error, MB_BAD_INPUT,
                       "stream %d: expected float32, found another type of %zu bytes", index,
                       mb_number_bytes(stream->type));
    if (stream->dimension > width)
        return mb_fail(error, MB_BAD_INPUT,
                       "stream %d: expected at most %d numbers a frame, found %d", index, width,
                       stream->dimension);
    return MB_OK;
}

// The width of x of an op that reads a stream.
static int32_t source_width(const mb_plan_op *op) {
    if (op->kind == MB_OP_GATHER)
        return mb_shape_last(&op->outputs[0].shape);
    return op->inputs[0].shape.dims[1]; // W (O, I)
}

mb_status mb_plan_check_dataset(const mb_plan *plan, const mb_dataset *dataset, mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t i = 0; i < plan->op_count && status == MB_OK; i++) {
        const mb_plan_op *op = &plan->ops[i];
        const mb_op_params *params = &op->params;
        if (op->kind == MB_OP_GATHER)
            status = check_stream(dataset, params->gather.stream, source_width(op), error);
        if (op->kind == MB_OP_SOURCE_LINEAR)
            status = check_stream(dataset, params->source.stream, source_width(op), error);
        if (op->kind == MB_OP_LABELS && params->labels.which == MB_LABELS_EMOTION &&
            dataset->emotions == NULL)
            status = mb_fail(error, MB_BAD_INPUT, "the dataset has no emotions");
        if (op->kind == MB_OP_LABELS && params->labels.which == MB_LABELS_VALENCE &&
            dataset->valences == NULL)
            status = mb_fail(error, MB_BAD_INPUT, "the dataset has no valences");
    }
    return status;
}
