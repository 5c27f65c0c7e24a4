// The CUDA device of the executor: its streams, the tables of the current step, captured steps.
#ifndef MB_KERNELS_CUDA_DEVICE_CUH
#define MB_KERNELS_CUDA_DEVICE_CUH

#include "cuda/call.cuh"

// The progress of a launch, kept on the device: a captured step is the same for every step, and
// reads here which one it is.
struct mb_cursor {
    int32_t next, step; // the next step, the current step
    int32_t first, end; // of the launch: its first step, and one past its last
};

// Tables of one step, made on the device from those of the launch; they have space for `capacity`
// runs.
struct mb_step_tables {
    int32_t capacity;
    void *memory; // one allocation for all tables
    mb_cursor *cursor;
    int32_t *rows, *widest;  // (A)
    int32_t *next_rows;      // (A)
    int32_t *begun;          // (A)
    const int32_t **indices; // (A)
    uint32_t *steps;         // (A)
    mb_adam *adam;           // (A)
};

// A step of a plan as a CUDA graph.
struct mb_captured {
    uint64_t id; // mb_launch.id of the launch; 0: an empty slot
    cudaGraphExec_t graph;
    uint64_t used; // number of the last launch that used it
};

enum { MB_CAPTURED_MOST = 8 }; // enough for an array's training plan and its evaluation plans

// Events between the ops of a step, for launches that time their ops.
struct mb_op_clock {
    int32_t mark_count;
    cudaEvent_t *marks; // (mark_count)
};

struct mb_cuda_device {
    mb_device device;
    int ordinal;
    cudaStream_t stream;
    cudaStream_t beside; // for allocations, and for the uploads of another thread
    cudaMemPool_t pool;  // NULL: the device has no pool
    cudaEvent_t marks[MB_DEVICE_MARKS];
    mb_step_tables tables;
    mb_captured captured[MB_CAPTURED_MOST];
    uint64_t launches;
    bool waits; // after every kernel launch: MERBENCH_CUDA_SYNC=1, see debug.cu
    mb_op_clock clock;
};

// MB_OK, or a failure whose message says what was being done.
mb_status mb_cuda_check(cudaError_t code, mb_error *error, const char *doing);

// Checks the kernel launch that was made last. If the device waits, this includes errors while the
// kernel ran; otherwise only errors of the launch itself.
mb_status mb_cuda_launched(mb_cuda_device *cuda, mb_error *error, const char *doing);

// Launches all kernels of the step at the cursor, and advances the cursor. `step` is only for
// messages; -1 while the step is captured.
mb_status mb_cuda_step(mb_cuda_device *cuda, const mb_plan *plan, const mb_launch *launch,
                       int32_t step, mb_error *error);

// For a device that waits: launches the kernels of an op for one run after the other, and reports
// the run that failed. `index`: position of the op in the plan.
mb_status mb_cuda_op_by_run(mb_cuda_device *cuda, mb_cuda_op op, const mb_cuda_call *call,
                            int32_t index, int32_t step, mb_error *error);

// Makes the marks for steps of `ops` ops. Mark 0 is recorded before the first op, mark i after the
// i-th.
mb_status mb_op_clock_reserve(mb_op_clock *clock, int32_t ops, mb_error *error);
mb_status mb_op_clock_mark(const mb_op_clock *clock, int32_t at, cudaStream_t stream,
                           mb_error *error);
// Waits for the step and adds the time of each op to its seconds.
mb_status mb_op_clock_add(const mb_op_clock *clock, int32_t ops, double *seconds, mb_error *error);
void mb_op_clock_free(mb_op_clock *clock);

// Launches the kernels that draw the start values of an array, into zeroed memory.
void mb_cuda_start(mb_cuda_device *cuda, const mb_plan *plan, int32_t run_count, const mb_key *keys,
                   float *parameters);

// Launch the kernels of the executor's functions of the same names.
void mb_cuda_copy_rows(mb_cuda_device *cuda, const mb_row_copy *copy);
void mb_cuda_shuffle(mb_cuda_device *cuda, const mb_shuffle_launch *launch);
void mb_cuda_tally(mb_cuda_device *cuda, const mb_tally_launch *launch);

mb_status mb_cuda_run(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                      mb_error *error);
void mb_captured_free(mb_captured *captured);

#endif
