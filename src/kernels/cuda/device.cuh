// The CUDA device of the executor: its streams, the tables of the step at hand, captured steps.
#ifndef MB_KERNELS_CUDA_DEVICE_CUH
#define MB_KERNELS_CUDA_DEVICE_CUH

#include "cuda/call.cuh"

// Where a launch stands: what its steps, captured once, find out on the device.
struct mb_cursor {
    int32_t next, step; // the step to come, the step at hand
    int32_t first, end; // of the launch: its first step, the one behind its last
};

// Tables of one step, made on the device from those of the launch; room for `capacity` runs.
struct mb_step_tables {
    int32_t capacity;
    void *memory; // of all of them
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
    uint64_t id; // mb_launch.id of the captured launch; 0: an empty entry
    cudaGraphExec_t graph;
    uint64_t used; // when, counting launches
};

enum { MB_CAPTURED_MOST = 8 }; // an array has a plan to train and one for each part

// Marks between the ops of a step, for launches whose ops are timed.
struct mb_op_clock {
    int32_t mark_count;
    cudaEvent_t *marks; // (mark_count)
};

struct mb_cuda_device {
    mb_device device;
    int ordinal;
    cudaStream_t stream;
    cudaStream_t beside; // of uploads beside and of memory
    cudaMemPool_t pool;  // NULL: the device has none
    cudaEvent_t marks[MB_DEVICE_MARKS];
    mb_step_tables tables;
    mb_captured captured[MB_CAPTURED_MOST];
    uint64_t launches;
    bool waits; // for every launch of a kernel: MERBENCH_CUDA_SYNC=1, see debug.cu
    mb_op_clock clock;
};

// MB_OK, or a failure that says what was being done.
mb_status mb_cuda_check(cudaError_t code, mb_error *error, const char *doing);

// What became of the kernel that was launched last, as far as is known. A device that waits knows.
mb_status mb_cuda_launched(mb_cuda_device *cuda, mb_error *error, const char *doing);

// Launches every kernel of the step at the cursor, and moves it on. step: of the launch, for
// messages; -1 while it is captured.
mb_status mb_cuda_step(mb_cuda_device *cuda, const mb_plan *plan, const mb_launch *launch,
                       int32_t step, mb_error *error);

// For a device that waits: launches the kernels of an op for one run after the other, and says
// which of them failed. `index`: of the op in the plan.
mb_status mb_cuda_op_apart(mb_cuda_device *cuda, mb_cuda_op op, const mb_cuda_call *call,
                           int32_t index, int32_t step, mb_error *error);

// Marks for steps of so many ops; mark 0 belongs in front of the first one, mark i behind the i-th.
mb_status mb_op_clock_reserve(mb_op_clock *clock, int32_t ops, mb_error *error);
mb_status mb_op_clock_mark(const mb_op_clock *clock, int32_t at, cudaStream_t stream,
                           mb_error *error);
// Waits for the step and adds the time between the marks to the seconds of each op.
mb_status mb_op_clock_add(const mb_op_clock *clock, int32_t ops, double *seconds, mb_error *error);
void mb_op_clock_free(mb_op_clock *clock);

// Launches the kernels that draw the start values of an array into memory full of zeros.
void mb_cuda_start(mb_cuda_device *cuda, const mb_plan *plan, int32_t run_count, const mb_key *keys,
                   float *parameters);

// Launch the kernels of the backend's calls of the same names.
void mb_cuda_copy_rows(mb_cuda_device *cuda, const mb_row_copy *copy);
void mb_cuda_shuffle(mb_cuda_device *cuda, const mb_shuffle_launch *launch);
void mb_cuda_tally(mb_cuda_device *cuda, const mb_tally_launch *launch);

mb_status mb_cuda_run(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                      mb_error *error);
void mb_captured_free(mb_captured *captured);

#endif
