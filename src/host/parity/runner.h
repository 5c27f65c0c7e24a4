// One model on a device, executed step by step.
#ifndef MB_PARITY_RUNNER_H
#define MB_PARITY_RUNNER_H

#include "merbench/executor.h"
#include "parity/fixture.h"

typedef struct mb_runner {
    mb_device *device;
    mb_plan *plan;
    float *parameters, *first_moments, *second_moments, *arena, *masks; // device memory
    float *slots;
    mb_key *keys;
    uint32_t *steps;
    int32_t *rows, *widest, *indices;
    float *host_parameters; // (parameter_floats)
    int32_t host_widest;    // rows of the largest batch since the parameters were loaded
    bool borrowed;          // whether the parameters belong to another runner
} mb_runner;

mb_status mb_runner_open(mb_device *device, const mb_fixture *fixture, mb_plan_mode mode,
                         mb_dropout_mode dropout, int32_t max_rows, mb_runner *runner,
                         mb_error *error);
void mb_runner_close(mb_runner *runner);

// Loads the start parameters from a group of the file, which must have every parameter of the
// model, and zeroes the moments.
mb_status mb_runner_load(mb_runner *runner, const mb_fixture *fixture, const char *group,
                         mb_error *error);
// Uploads the stored masks and noise of the plan.
mb_status mb_runner_set_masks(mb_runner *runner, const float *masks, mb_error *error);
// Uses the parameters of another runner of the same model. MB_BAD_INPUT: that has other parameters.
mb_status mb_runner_borrow(mb_runner *runner, const mb_runner *owner, const char *path,
                           mb_error *error);

// Executes the plan on `rows` samples. A plan that trains makes Adam step `step`, counted from 0.
mb_status mb_runner_run(mb_runner *runner, const mb_dataset *data, const int32_t *indices,
                        int32_t rows, uint32_t step, mb_error *error);
// Downloads a result of the last execution: *values is malloc'ed, *count is its length; NULL where
// the plan has no such result.
mb_status mb_runner_result(mb_runner *runner, mb_location location, int32_t rows, float **values,
                           int64_t *count, mb_error *error);
// Downloads a parameter in its logical layout, malloc'ed.
mb_status mb_runner_parameter(mb_runner *runner, int32_t index, float **values, mb_error *error);

#endif
