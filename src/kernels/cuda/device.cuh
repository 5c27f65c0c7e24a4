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
    mb_cursor *cursor;
    int32_t *rows, *widest;  // (A)
    int32_t *next_rows;      // (A)
    int32_t *begun;          // (A)
    const int32_t **indices; // (A)
    uint32_t *steps;         // (A)
    mb_adam *adam;           // (A)
};

// A step of a plan as a CUDA graph, and copies of all that it was made from: it is used again only
// for a plan and a launch that are the same byte for byte.
struct mb_captured {
    cudaGraphExec_t graph; // NULL: an empty place
    mb_launch launch;      // first_step and step_count do not count
    mb_resident dataset;
    mb_plan_info info; // without its pointers
    int32_t step_count, parameter_count;
    mb_step *steps;
    mb_parameter *parameters;
    uint64_t used; // when, counting launches
};

enum { MB_CAPTURED_MOST = 8 }; // an array has a plan to train and one for each part

struct mb_cuda_device {
    mb_device device;
    int ordinal;
    cudaStream_t stream;
    cudaStream_t beside; // of upload_beside
    mb_step_tables tables;
    mb_captured captured[MB_CAPTURED_MOST];
    uint64_t launches;
};

// MB_OK, or a failure that says what was being done.
mb_status mb_cuda_check(cudaError_t code, mb_error *error, const char *doing);

// Launches every kernel of the step at the cursor, and moves it on.
mb_status mb_cuda_step(mb_cuda_device *cuda, const mb_plan *plan, const mb_launch *launch,
                       mb_error *error);

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
