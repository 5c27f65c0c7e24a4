// Executes a plan for an array of runs, step after step. A step is captured as a CUDA graph the
// first time and launched again from then on; not so where ops are timed.
#include <stdlib.h>
#include <string.h>

#include "cuda/device.cuh"

// ---- captured steps ---------------------------------------------------------------------------

void mb_captured_free(mb_captured *captured) {
    if (captured->graph != NULL)
        (void)cudaGraphExecDestroy(captured->graph);
    free(captured->steps);
    free(captured->parameters);
    *captured = {};
}

// The launch with what may differ between uses of a captured step left out.
static mb_launch lasting(const mb_launch *launch) {
    mb_launch copy;
    memset(&copy, 0, sizeof copy); // so that the bytes between members compare equal
    copy.run_count = launch->run_count;
    copy.indices = launch->indices;
    copy.index_stride = launch->index_stride;
    copy.batch_rows = launch->batch_rows;
    copy.rows = launch->rows;
    copy.parameters = launch->parameters;
    copy.first_moments = launch->first_moments;
    copy.second_moments = launch->second_moments;
    copy.arena = launch->arena;
    copy.slots = launch->slots;
    copy.keys = launch->keys;
    copy.steps = launch->steps;
    copy.widest = launch->widest;
    copy.masks = launch->masks;
    copy.losses = launch->losses;
    copy.loss_stride = launch->loss_stride;
    copy.logits = launch->logits;
    copy.values = launch->values;
    return copy;
}

// Sizes and places of a plan; what its pointers lead to is compared for itself.
static void sizes_of(const mb_plan *plan, mb_plan_info *info) {
    memcpy(info, &plan->info, sizeof *info); // with the bytes between members
    info->parameters = NULL;
    info->masks = NULL;
}

static bool fits(const mb_captured *captured, const mb_plan *plan, const mb_launch *launch) {
    mb_launch wanted = lasting(launch);
    mb_plan_info info;
    sizes_of(plan, &info);
    size_t steps = (size_t)plan->step_count * sizeof *plan->steps;
    size_t parameters = (size_t)plan->info.parameter_count * sizeof *plan->parameters;
    return captured->graph != NULL && captured->step_count == plan->step_count &&
           captured->parameter_count == plan->info.parameter_count &&
           memcmp(&captured->launch, &wanted, sizeof wanted) == 0 &&
           memcmp(&captured->info, &info, sizeof info) == 0 &&
           memcmp(&captured->dataset, launch->dataset, sizeof *launch->dataset) == 0 &&
           memcmp(captured->steps, plan->steps, steps) == 0 &&
           memcmp(captured->parameters, plan->parameters, parameters) == 0;
}

static mb_status remember(mb_captured *captured, const mb_plan *plan, const mb_launch *launch,
                          mb_error *error) {
    size_t steps = (size_t)plan->step_count * sizeof *plan->steps;
    size_t parameters = (size_t)plan->info.parameter_count * sizeof *plan->parameters;
    captured->steps = (mb_step *)malloc(steps + 1);
    captured->parameters = (mb_parameter *)malloc(parameters + 1);
    if (captured->steps == NULL || captured->parameters == NULL)
        return mb_out_of_memory(error, "captured step");
    memcpy(captured->steps, plan->steps, steps);
    memcpy(captured->parameters, plan->parameters, parameters);
    captured->step_count = plan->step_count;
    captured->parameter_count = plan->info.parameter_count;
    captured->launch = lasting(launch);
    sizes_of(plan, &captured->info);
    memcpy(&captured->dataset, launch->dataset, sizeof *launch->dataset);
    return MB_OK;
}

static mb_status capture(mb_cuda_device *cuda, const mb_plan *plan, const mb_launch *launch,
                         mb_captured *captured, mb_error *error) {
    cudaGraph_t graph = NULL;
    mb_status status =
        mb_cuda_check(cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeThreadLocal), error,
                      "capturing a step");
    if (status != MB_OK)
        return status;
    status = mb_cuda_step(cuda, plan, launch, error);
    cudaError_t code = cudaStreamEndCapture(cuda->stream, &graph);
    if (status == MB_OK)
        status = mb_cuda_check(code, error, "capturing a step");
    if (status == MB_OK)
        status = mb_cuda_check(cudaGraphInstantiate(&captured->graph, graph, 0), error,
                               "making a CUDA graph of a step");
    if (graph != NULL)
        (void)cudaGraphDestroy(graph);
    return status;
}

// The step as a CUDA graph, captured now if it was not before.
static mb_status find_captured(mb_cuda_device *cuda, const mb_plan *plan, const mb_launch *launch,
                               mb_captured **found, mb_error *error) {
    mb_captured *oldest = &cuda->captured[0];
    for (int i = 0; i < MB_CAPTURED_MOST; i++) {
        *found = &cuda->captured[i];
        if (fits(*found, plan, launch))
            return MB_OK;
        oldest = (*found)->used < oldest->used ? *found : oldest;
    }
    mb_captured_free(oldest);
    *found = oldest;
    mb_status status = remember(oldest, plan, launch, error);
    if (status == MB_OK)
        status = capture(cuda, plan, launch, oldest, error);
    if (status != MB_OK)
        mb_captured_free(oldest);
    return status;
}

// ---- running ----------------------------------------------------------------------------------

static __global__ void set_cursor_kernel(mb_cursor *cursor, int32_t first, int32_t end) {
    cursor->next = cursor->first = first;
    cursor->end = end;
}

// Room for the tables of `runs` runs. Captured steps hold the old tables' places.
static mb_status reserve(mb_cuda_device *cuda, int32_t runs, mb_error *error) {
    mb_step_tables *tables = &cuda->tables;
    struct {
        void **memory;
        size_t bytes;
    } wanted[] = {
        {(void **)&tables->cursor, sizeof *tables->cursor},
        {(void **)&tables->rows, (size_t)runs * sizeof *tables->rows},
        {(void **)&tables->widest, (size_t)runs * sizeof *tables->widest},
        {(void **)&tables->next_rows, (size_t)runs * sizeof *tables->next_rows},
        {(void **)&tables->begun, (size_t)runs * sizeof *tables->begun},
        {(void **)&tables->indices, (size_t)runs * sizeof *tables->indices},
        {(void **)&tables->steps, (size_t)runs * sizeof *tables->steps},
        {(void **)&tables->adam, (size_t)runs * sizeof *tables->adam},
    };
    if (runs <= tables->capacity)
        return MB_OK;
    for (int i = 0; i < MB_CAPTURED_MOST; i++)
        mb_captured_free(&cuda->captured[i]);
    tables->capacity = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        (void)cudaFree(*wanted[i].memory);
        *wanted[i].memory = NULL;
        mb_status status =
            mb_cuda_check(cudaMalloc(wanted[i].memory, wanted[i].bytes), error, "GPU memory");
        if (status != MB_OK)
            return status;
    }
    tables->capacity = runs;
    return MB_OK;
}

mb_status mb_cuda_run(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                      mb_error *error) {
    enum { MOST_RUNS = 65535 }; // blocks along y
    mb_cuda_device *cuda = reinterpret_cast<mb_cuda_device *>(device);
    mb_captured *captured = NULL;
    if (launch->run_count > MOST_RUNS)
        return mb_fail(error, MB_FAILED, "an array of %d runs: expected at most %d",
                       launch->run_count, MOST_RUNS);
    bool timed = launch->op_seconds != NULL;
    mb_status status = reserve(cuda, launch->run_count, error);
    if (status == MB_OK && timed)
        status = mb_op_clock_reserve(&cuda->clock, plan->step_count, error);
    else if (status == MB_OK && launch->step_count > 1)
        status = find_captured(cuda, plan, launch, &captured, error);
    if (status != MB_OK)
        return status;
    if (captured != NULL)
        captured->used = ++cuda->launches;
    MB_LAUNCH(set_cursor_kernel, dim3(1), dim3(1), 0, cuda->stream, cuda->tables.cursor,
              launch->first_step, launch->first_step + launch->step_count);
    status = mb_cuda_check(cudaGetLastError(), error, "starting a launch");
    for (int32_t s = 0; status == MB_OK && s < launch->step_count; s++) {
        if (captured == NULL)
            status = mb_cuda_step(cuda, plan, launch, error);
        else
            status = mb_cuda_check(cudaGraphLaunch(captured->graph, cuda->stream), error,
                                   "launching a step");
        if (status == MB_OK && timed)
            status = mb_op_clock_add(&cuda->clock, plan->step_count, launch->op_seconds, error);
    }
    return status;
}
