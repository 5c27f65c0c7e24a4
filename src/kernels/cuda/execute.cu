// Executes a plan for an array of runs, step after step. The first step is captured as a CUDA
// graph, which is launched again for every later step. Steps whose ops are timed are not captured.
#include <string.h>

#include "cuda/device.cuh"
#include "cuda/range.cuh"

// ---- captured steps ---------------------------------------------------------------------------

void mb_captured_free(mb_captured *captured) {
    if (captured->graph != NULL)
        (void)cudaGraphExecDestroy(captured->graph);
    *captured = {};
}

static mb_status capture(mb_cuda_device *cuda, const mb_plan *plan, const mb_launch *launch,
                         mb_captured *captured, mb_error *error) {
    cudaGraph_t graph = NULL;
    mb_status status =
        mb_cuda_check(cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeThreadLocal), error,
                      "capturing a step");
    if (status != MB_OK)
        return status;
    status = mb_cuda_step(cuda, plan, launch, -1, error);
    cudaError_t code = cudaStreamEndCapture(cuda->stream, &graph);
    mb_status ended = mb_cuda_check(code, status == MB_OK ? error : NULL, "capturing a step");
    if (status == MB_OK)
        status = ended;
    if (status == MB_OK)
        status = mb_cuda_check(cudaGraphInstantiate(&captured->graph, graph, 0), error,
                               "making a CUDA graph of a step");
    if (graph != NULL)
        (void)cudaGraphDestroy(graph);
    return status;
}

// Finds the captured step of a launch. Captures it if there is none, in place of the one used
// longest ago.
static mb_status find_captured(mb_cuda_device *cuda, const mb_plan *plan, const mb_launch *launch,
                               mb_captured **found, mb_error *error) {
    mb_captured *oldest = &cuda->captured[0];
    for (mb_captured &captured : cuda->captured) {
        *found = &captured;
        if (captured.id == launch->id)
            return MB_OK;
        oldest = captured.used < oldest->used ? &captured : oldest;
    }
    mb_captured_free(oldest);
    *found = oldest;
    mb_status status = capture(cuda, plan, launch, oldest, error);
    if (status != MB_OK)
        mb_captured_free(oldest);
    else
        oldest->id = launch->id;
    return status;
}

// ---- executing --------------------------------------------------------------------------------

static __global__ void set_cursor_kernel(mb_cursor *cursor, int32_t first, int32_t end) {
    cursor->next = cursor->first = first;
    cursor->end = end;
}

// Makes space for the tables of `runs` runs, in one allocation. Captured steps are dropped, because
// they contain the addresses of the old tables.
static mb_status reserve(mb_cuda_device *cuda, int32_t runs, mb_error *error) {
    enum { ALIGNMENT = 256 };
    mb_step_tables *tables = &cuda->tables;
    struct {
        void *table; // address of the pointer to the table
        size_t bytes;
    } wanted[] = {
        {&tables->cursor, sizeof *tables->cursor},
        {&tables->rows, (size_t)runs * sizeof *tables->rows},
        {&tables->widest, (size_t)runs * sizeof *tables->widest},
        {&tables->next_rows, (size_t)runs * sizeof *tables->next_rows},
        {&tables->begun, (size_t)runs * sizeof *tables->begun},
        {&tables->indices, (size_t)runs * sizeof *tables->indices},
        {&tables->steps, (size_t)runs * sizeof *tables->steps},
        {&tables->adam, (size_t)runs * sizeof *tables->adam},
    };
    if (runs <= tables->capacity)
        return MB_OK;
    for (mb_captured &captured : cuda->captured)
        mb_captured_free(&captured);
    tables->capacity = 0;
    (void)cudaFree(tables->memory);
    tables->memory = NULL;
    size_t bytes = 0;
    for (auto &table : wanted)
        bytes += (table.bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    mb_status status = mb_cuda_check(cudaMalloc(&tables->memory, bytes), error, "GPU memory");
    if (status != MB_OK)
        return status;
    char *at = static_cast<char *>(tables->memory);
    for (auto &table : wanted) {
        memcpy(table.table, &at, sizeof at);
        at += (table.bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    tables->capacity = runs;
    return MB_OK;
}

mb_status mb_cuda_run(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                      mb_error *error) {
    enum { MOST_RUNS = 65535 }; // the limit of gridDim.y
    mb_cuda_device *cuda = reinterpret_cast<mb_cuda_device *>(device);
    mb_captured *captured = NULL;
    if (launch->run_count > MOST_RUNS)
        return mb_fail(error, MB_FAILED, "an array of %d runs: expected at most %d",
                       launch->run_count, MOST_RUNS);
    bool timed = launch->op_seconds != NULL;
    mb_status status = reserve(cuda, launch->run_count, error);
    bool captures = launch->id != 0 && launch->step_count > 1 && !cuda->waits && !timed;
    if (status == MB_OK && timed)
        status = mb_op_clock_reserve(&cuda->clock, plan->op_count, error);
    if (status == MB_OK && captures)
        status = find_captured(cuda, plan, launch, &captured, error);
    if (status != MB_OK)
        return status;
    if (captured != NULL)
        captured->used = ++cuda->launches;
    mb_cuda_range range(plan->info.trains ? "training steps" : "evaluation steps");
    MB_LAUNCH(set_cursor_kernel, dim3(1), dim3(1), 0, cuda->stream, cuda->tables.cursor,
              launch->first_step, launch->first_step + launch->step_count);
    status = mb_cuda_launched(cuda, error, "starting a launch");
    for (int32_t s = 0; status == MB_OK && s < launch->step_count; s++) {
        if (captured == NULL)
            status = mb_cuda_step(cuda, plan, launch, launch->first_step + s, error);
        else
            status = mb_cuda_check(cudaGraphLaunch(captured->graph, cuda->stream), error,
                                   "launching a step");
        if (status == MB_OK && timed)
            status = mb_op_clock_add(&cuda->clock, plan->op_count, launch->op_seconds, error);
    }
    return status;
}
