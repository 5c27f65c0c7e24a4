// One step of an array: the ops of a plan one after the other, each for all runs at once.
//
// What changes from step to step (rows, utterances, training step, Adam's factors) is in tables
// that the first kernel makes on the device. So the same launches, captured as a CUDA graph, serve
// every step.
#include <math.h>

#include "cuda/device.cuh"
#include "cuda/range.cuh"

static const mb_cuda_op ops[] = {
#define MB_OP(NAME, name, ...) mb_cuda_##name,
#include "graph/ops.def"
#undef MB_OP
};

// ---- the tables of a step ---------------------------------------------------------------------

static __device__ mb_adam adam_of(const float *slots, uint32_t training_step) {
    const double beta1 = 0.9, beta2 = 0.999;
    double s = (double)training_step + 1.0;
    mb_adam adam;
    adam.clip = slots[MB_SLOT_GRAD_CLIP] < 0.0f ? INFINITY : slots[MB_SLOT_GRAD_CLIP];
    adam.weight_decay = slots[MB_SLOT_WEIGHT_DECAY];
    adam.step_size = (float)((double)slots[MB_SLOT_LEARNING_RATE] / (1.0 - pow(beta1, s)));
    adam.root_scale = (float)(1.0 / sqrt(1.0 - pow(beta2, s)));
    return adam;
}

// The first_step and step_count of `launch` are those of the launch that was captured, so the
// cursor is used instead.
static __global__ void begin_step_kernel(mb_launch launch, bool trains, mb_step_tables tables) {
    int32_t run = (int32_t)(blockIdx.x * blockDim.x + threadIdx.x), step = tables.cursor->next;
    if (run == 0)
        tables.cursor->step = step;
    if (run >= launch.run_count)
        return;
    int64_t at = (int64_t)step * launch.run_count + run;
    uint32_t training_step = launch.steps[run] + (trains ? (uint32_t)step : 0u);
    bool follows = trains && step > tables.cursor->first, goes_on = step + 1 < tables.cursor->end;
    tables.rows[run] = launch.rows[at];
    tables.next_rows[run] = trains && goes_on ? launch.rows[at + launch.run_count] : 0;
    tables.begun[run] = follows && launch.rows[at - launch.run_count] > 0;
    tables.widest[run] = launch.widest != NULL ? launch.widest[at] : launch.rows[at];
    tables.indices[run] =
        launch.indices + run * launch.index_stride + (int64_t)step * launch.batch_rows;
    tables.steps[run] = training_step;
    tables.adam[run] = adam_of(launch.slots + (int64_t)run * MB_SLOT_COUNT, training_step);
}

// ---- results ----------------------------------------------------------------------------------

struct results {
    const float *arena;
    int64_t arena_floats;
    int64_t loss, logits, values; // offsets in the arena, -1: none
    int32_t classes, outputs;     // numbers per row
};

static __device__ void keep_rows(const float *from, int32_t count, float *to) {
    for (int32_t i = (int32_t)threadIdx.x; i < count; i += (int32_t)blockDim.x)
        to[i] = from[i];
}

static __global__ void end_step_kernel(mb_launch launch, mb_step_tables tables, results kept) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], step = tables.cursor->step;
    const float *arena = kept.arena + run * kept.arena_floats;
    int64_t first = run * launch.index_stride + (int64_t)step * launch.batch_rows;
    if (run == 0 && threadIdx.x == 0)
        tables.cursor->next = step + 1;
    if (rows == 0)
        return;
    if (launch.losses != NULL && kept.loss >= 0 && threadIdx.x == 0)
        launch.losses[run * launch.loss_stride + step] = arena[kept.loss];
    if (launch.logits != NULL && kept.logits >= 0)
        keep_rows(arena + kept.logits, rows * kept.classes, launch.logits + first * kept.classes);
    if (launch.values != NULL && kept.values >= 0)
        keep_rows(arena + kept.values, rows * kept.outputs, launch.values + first * kept.outputs);
}

static results results_of(const mb_plan_info *info, const mb_launch *launch) {
    results kept = {};
    kept.arena = launch->arena;
    kept.arena_floats = info->arena_floats;
    kept.loss = info->total.offset >= 0 ? info->total.offset : info->interloss.offset;
    kept.logits = info->emos_out.offset;
    kept.values = info->vals_out.offset;
    kept.classes = kept.logits >= 0 ? info->emos_out.shape.dims[1] : 0;
    kept.outputs = kept.values >= 0 ? info->vals_out.shape.dims[1] : 0;
    return kept;
}

// ---- one step ---------------------------------------------------------------------------------

static mb_view view_of(const mb_plan *plan, const mb_launch *launch, const mb_operand *operand) {
    bool in_arena = operand->space == MB_SPACE_ARENA;
    mb_view view;
    view.first = (in_arena ? launch->arena : launch->parameters) + operand->offset;
    view.stride = in_arena ? plan->info.arena_floats : plan->info.parameter_floats;
    view.shape = operand->shape;
    return view;
}

static mb_cuda_call call_of(const mb_cuda_device *cuda, const mb_plan *plan,
                            const mb_launch *launch) {
    mb_cuda_call call = {};
    call.plan = plan;
    call.run_count = launch->run_count;
    call.max_rows = plan->info.max_rows;
    call.dataset = *launch->dataset;
    call.stream = cuda->stream;
    call.precision = cuda->device.precision;
    call.tables.rows = cuda->tables.rows;
    call.tables.widest = cuda->tables.widest;
    call.tables.indices = cuda->tables.indices;
    call.tables.next_rows = cuda->tables.next_rows;
    call.tables.begun = cuda->tables.begun;
    call.tables.batch_rows = launch->batch_rows;
    call.tables.slots = launch->slots;
    call.tables.keys = launch->keys;
    call.tables.steps = cuda->tables.steps;
    call.tables.adam = cuda->tables.adam;
    call.tables.parameters = launch->parameters;
    call.tables.first_moments = launch->first_moments;
    call.tables.second_moments = launch->second_moments;
    call.tables.parameter_floats = plan->info.parameter_floats;
    call.tables.masks = launch->masks;
    return call;
}

// Launches the kernels of op `index` of the plan.
static mb_status launch_op(mb_cuda_device *cuda, const mb_cuda_call *call, int32_t index,
                           int32_t step, mb_error *error) {
    mb_op kind = call->op->kind;
    mb_cuda_range range(mb_op_infos[kind].name);
    if (cuda->waits)
        return mb_cuda_op_by_run(cuda, ops[kind], call, index, step, error);
    ops[kind](call);
    return mb_cuda_launched(cuda, error, mb_op_infos[kind].name);
}

// Launches the kernels of every op.
static mb_status launch_ops(mb_cuda_device *cuda, const mb_plan *plan, const mb_launch *launch,
                            int32_t number, mb_error *error) {
    mb_cuda_call call = call_of(cuda, plan, launch);
    bool timed = launch->op_seconds != NULL;
    mb_status status = timed ? mb_op_clock_mark(&cuda->clock, 0, cuda->stream, error) : MB_OK;
    for (int32_t i = 0; status == MB_OK && i < plan->op_count; i++) {
        const mb_plan_op *op = &plan->ops[i];
        call.op = op;
        for (int32_t k = 0; k < op->input_count; k++)
            call.inputs[k] = view_of(plan, launch, &op->inputs[k]);
        for (int32_t k = 0; k < op->output_count; k++)
            call.outputs[k] = view_of(plan, launch, &op->outputs[k]);
        status = launch_op(cuda, &call, i, number, error);
        if (status == MB_OK && timed)
            status = mb_op_clock_mark(&cuda->clock, i + 1, cuda->stream, error);
    }
    return status;
}

mb_status mb_cuda_step(mb_cuda_device *cuda, const mb_plan *plan, const mb_launch *launch,
                       int32_t step, mb_error *error) {
    unsigned blocks = (unsigned)(launch->run_count + MB_THREADS - 1) / MB_THREADS;
    MB_LAUNCH(begin_step_kernel, dim3(blocks), dim3(MB_THREADS), 0, cuda->stream, *launch,
              plan->info.trains, cuda->tables);
    mb_status status = mb_cuda_launched(cuda, error, "starting a step");
    if (status == MB_OK)
        status = launch_ops(cuda, plan, launch, step, error);
    if (status != MB_OK)
        return status;
    MB_LAUNCH(end_step_kernel, dim3(1, (unsigned)launch->run_count), dim3(MB_THREADS), 0,
              cuda->stream, *launch, cuda->tables, results_of(&plan->info, launch));
    return mb_cuda_launched(cuda, error, "ending a step");
}
