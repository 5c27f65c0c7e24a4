// MERBENCH_CUDA_SYNC=1: reports the error of a kernel where it happens. CUDA reports it at some
// later call, and does not say which run of the array caused it. So the kernels of an op are
// launched for one run after the other, and each launch is waited for. Results do not depend on the
// array, so they keep their bits.
#include <stdio.h>

#include "cuda/device.cuh"

// The call, restricted to run `run`.
static mb_cuda_call call_of_run(const mb_cuda_call *call, int32_t run) {
    mb_cuda_call alone = *call;
    mb_tables *tables = &alone.tables;
    int64_t parameters = run * tables->parameter_floats;
    alone.run_count = 1;
    tables->rows += run;
    tables->widest += run;
    tables->indices += run;
    tables->next_rows += run;
    tables->begun += run;
    tables->slots += (int64_t)run * MB_SLOT_COUNT;
    tables->keys += run;
    tables->steps += run;
    tables->adam += run;
    tables->parameters += parameters;
    if (tables->first_moments != NULL) {
        tables->first_moments += parameters;
        tables->second_moments += parameters;
    }
    for (int32_t i = 0; i < call->op->input_count; i++)
        alone.inputs[i].first += run * alone.inputs[i].stride;
    for (int32_t i = 0; i < call->op->output_count; i++)
        alone.outputs[i].first += run * alone.outputs[i].stride;
    return alone;
}

// "(B, 12) (12, 8) -> (B, 8)"
static void print_shapes(const mb_plan_op *op, char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < op->input_count + op->output_count && length < size; i++) {
        char shape[64];
        bool input = i < op->input_count;
        const mb_operand *operand = input ? &op->inputs[i] : &op->outputs[i - op->input_count];
        mb_shape_print(&operand->shape, shape, sizeof shape);
        int written = snprintf(text + length, size - length, "%s%s%s", i > 0 ? " " : "",
                               i == op->input_count ? "-> " : "", shape);
        length += written > 0 ? (size_t)written : 0;
    }
}

mb_status mb_cuda_op_by_run(mb_cuda_device *cuda, mb_cuda_op op, const mb_cuda_call *call,
                            int32_t index, int32_t step, mb_error *error) {
    for (int32_t run = 0; run < call->run_count; run++) {
        mb_cuda_call alone = call_of_run(call, run);
        op(&alone);
        mb_error cause = {};
        mb_status status = mb_cuda_launched(cuda, &cause, mb_op_infos[call->op->kind].name);
        if (status == MB_OK)
            continue;
        char shapes[256];
        print_shapes(call->op, shapes, sizeof shapes);
        mb_fail(error, status, "%.200s; op %d of the plan, %s, B = %d; run %d of %d, step %d",
                cause.message, index, shapes, call->max_rows, run, call->run_count, step);
        if (error != NULL) {
            error->out_of_memory = cause.out_of_memory;
            error->run = run;
        }
        return status;
    }
    return MB_OK;
}
