// A device that executes plans: the CPU executor or CUDA. The contract of a backend.
#ifndef MERBENCH_DEVICE_H
#define MERBENCH_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "merbench/philox.h"
#include "merbench/plan.h"
#include "merbench/sequences.h"
#include "merbench/status.h"
#include "merbench/tally.h"

typedef struct mb_device mb_device;
typedef struct mb_residents mb_residents; // corpora that a device keeps in its memory

// The features and labels of a corpus as a device holds them; pointers are device memory.
typedef struct mb_resident {
    struct {
        int32_t dimension;      // D, 0 = absent
        const int64_t *offsets; // (N + 1) frames, or NULL: one frame per utterance
        const float *values;    // (frames, D)
    } modalities[MB_MODALITY_COUNT];
    const int32_t *emotions; // (N)
    const float *valences;   // (N)
} mb_resident;

// Successive steps of an array of A runs: S executions of a plan, for training the batches of an
// epoch, for evaluating the chunks of a part. All tables are device memory. Step s, from first_step
// to first_step + step_count - 1, takes row s of `rows` and `widest`, and of the list of run a the
// utterances indices[a * index_stride + s * batch_rows ...].
typedef struct mb_launch {
    int32_t run_count; // A
    int32_t first_step, step_count;
    const mb_resident *dataset;
    const int32_t *indices; // (A, index_stride) utterances
    int64_t index_stride;
    int32_t batch_rows;    // utterances from step to step
    const int32_t *rows;   // (S, A) valid rows; 0 leaves the run untouched, bit for bit
    float *parameters;     // (A, plan->parameter_floats)
    float *first_moments;  // (A, plan->parameter_floats), training only
    float *second_moments; // (A, plan->parameter_floats), training only
    float *arena;          // (A, plan->arena_floats)
    const float *slots;    // (A, MB_SLOT_COUNT)
    const mb_key *keys;    // (A)
    const uint32_t *steps; // (A) training step of step 0: Adam's count, dropout counter. Step s is
                           // training step steps[a] + s, or steps[a] in plans that do not train
    const int32_t *widest; // (S, A) rows of the largest batch a run has had, this one included;
                           // training only, NULL = rows
    const float *masks;    // stored dropout masks (plan->mask_floats), tests only
    // Results; each may be NULL.
    float *losses;       // (A, loss_stride): step s writes the plan's total at column s; the
    int64_t loss_stride; // auxiliary loss in plans without a total, where there is one
    float *logits;       // (A, index_stride, C) and
    float *values;       // (A, index_stride, R): a row for each utterance of the list
} mb_launch;

// Predictions that the evaluation of a part left on a device, to be tallied. All tables are device
// memory.
typedef struct mb_tally_launch {
    int32_t run_count; // A
    const mb_resident *dataset;
    const int32_t *counts;  // (A) predictions of each run
    const int32_t *indices; // (A, index_stride) utterances
    int64_t index_stride;
    int32_t batch_size;     // rows of a batch of the loss
    int32_t class_count;    // C
    const float *logits;    // (A, index_stride, C), or NULL
    const float *values;    // (A, index_stride), or NULL
    const float *auxiliary; // (A, auxiliary_stride) a loss for each batch, or NULL
    int64_t auxiliary_stride;
    mb_tally *tallies; // (A)
} mb_tally_launch;

// Copies of rows between tables of an array: where chosen[a], `floats` numbers from
// from[a * from_stride] to to[a * to_stride]. All in device memory.
typedef struct mb_row_copy {
    int32_t run_count;     // A
    const int32_t *chosen; // (A)
    float *to;
    const float *from;
    int64_t to_stride, from_stride, floats;
} mb_row_copy;

// Orders of the rows of the runs of an array in an epoch. All tables are device memory.
typedef struct mb_shuffle_launch {
    int32_t run_count;       // A
    const mb_key *keys;      // (A)
    const int32_t *counts;   // (A) rows of each run; 0 leaves it alone
    const int32_t *shuffled; // (A) whether the rows are put into a new order, or copied as they are
    const int32_t *from;     // (A, stride) the rows in the order of the corpus
    int32_t *to;             // (A, stride) elsewhere
    int64_t stride;
    uint32_t epoch;
} mb_shuffle_launch;

// What a device says of itself.
typedef struct mb_device_description {
    char text[192];                  // for the ledger: "cpu avx512", "cuda NVIDIA H200 sm_90"
    int64_t total_bytes, free_bytes; // of its memory
} mb_device_description;

typedef struct mb_backend {
    const char *name;        // "cpu", "cuda"
    bool shares_host_memory; // whether host pointers may stand for device memory
    mb_status (*open)(mb_device **device, mb_error *error);
    void (*close)(mb_device *device);
    mb_status (*describe)(mb_device *device, mb_device_description *description, mb_error *error);
    // Memory that the device refuses sets error->out_of_memory.
    mb_status (*allocate)(mb_device *device, size_t bytes, void **memory, mb_error *error);
    void (*release)(mb_device *device, void *memory);
    // Memory of the host that copies to and from the device are fastest with, for tables that move
    // every epoch.
    mb_status (*allocate_host)(mb_device *device, size_t bytes, void **memory, mb_error *error);
    void (*release_host)(mb_device *device, void *memory);
    // Memory of allocate_host may still be read when the call returns, until synchronize or
    // download returns; other memory may change.
    mb_status (*upload)(mb_device *device, void *to, const void *from, size_t bytes,
                        mb_error *error);
    // An upload beside what the device is doing; done when the call returns. While one thread uses
    // the device, another may call this, describe, allocate and release.
    mb_status (*upload_beside)(mb_device *device, void *to, const void *from, size_t bytes,
                               mb_error *error);
    mb_status (*download)(mb_device *device, void *to, const void *from, size_t bytes,
                          mb_error *error);
    mb_status (*zero)(mb_device *device, void *memory, size_t bytes, mb_error *error);
    // Start values of an array of runs, as mb_parameters_initialise makes them. keys (A) and
    // parameters (A, parameter_floats) are device memory.
    mb_status (*initialise)(mb_device *device, const mb_plan *plan, int32_t run_count,
                            const mb_key *keys, float *parameters, mb_error *error);
    // Within device memory, as fast as it goes: the yardstick of benches.
    mb_status (*copy)(mb_device *device, void *to, const void *from, size_t bytes, mb_error *error);
    mb_status (*copy_rows)(mb_device *device, const mb_row_copy *copy, mb_error *error);
    // The orders that mb_random_shuffle makes of MB_STREAM_SHUFFLE, with the epoch as step.
    mb_status (*shuffle)(mb_device *device, const mb_shuffle_launch *launch, mb_error *error);
    // More would keep who asks it to stop waiting: steps, and multiply-accumulates (0 = any
    // number).
    int32_t steps_per_launch;
    int64_t work_per_launch;
    // Executes the plan's steps for every run of the launch, S times. What is downloaded later is
    // what they wrote.
    mb_status (*run)(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                     mb_error *error);
    // Makes the calling thread take part in what another thread runs on the device, as long as
    // wanted(context); the parts of steps that it did. The results do not depend on it. NULL
    // where threads of the host are no help.
    int64_t (*assist)(mb_device *device, bool (*wanted)(const void *context), const void *context);
    mb_status (*tally)(mb_device *device, const mb_tally_launch *launch, mb_error *error);
    mb_status (*synchronize)(mb_device *device, mb_error *error);
} mb_backend;

// How the CUDA executor multiplies matrices in plans that train nothing. Others always do it in
// float32.
typedef enum mb_precision {
    MB_PRECISION_FLOAT32, // as exact as float32
    MB_PRECISION_TF32,    // operands are rounded to 10 bits of mantissa
} mb_precision;

// Every device starts with its backend.
struct mb_device {
    const mb_backend *backend;
    mb_precision precision;  // set when the device is opened
    mb_residents *residents; // the trainer's; NULL when a device is opened, and when it is closed
};

extern const mb_backend mb_cpu_backend;

// The CPU executor with the kernels of one instruction set ("avx512", "avx2", "portable"; NULL =
// the best that the processor has). MB_UNSUPPORTED when the processor or the build lacks it.
mb_status mb_cpu_open(const char *isa_name, mb_device **device, mb_error *error);

// The executor that NULL chooses, for the ledger: "cpu avx512".
const char *mb_cpu_description(void);

// The CUDA executor; NULL in a build without CUDA. Opening it fails with MB_UNSUPPORTED, and says
// why, where there is no driver, no GPU, or none that this build has kernels for. Products are made
// in float32.
const mb_backend *mb_cuda_backend(void);

// The same with another precision than float32; the device's description ends in it: "cuda NVIDIA
// H200 sm_90 tf32".
mb_status mb_cuda_open(mb_precision precision, mb_device **device, mb_error *error);

// What the CUDA executor finds on this machine, for `merbench doctor --device`; zeros and empty
// texts in a build without CUDA.
enum { MB_CUDA_MAX_DEVICES = 16 };
typedef struct mb_cuda_survey {
    char problem[512];                       // why no GPU can be used; empty when one can
    int32_t driver_version, runtime_version; // 13000 = 13.0; 0 = none
    char architectures[128];                 // that this build has kernels for: "80-real 90"
    int32_t device_count;
    struct {
        char name[256];
        int32_t major, minor; // compute capability
        int32_t multiprocessors;
        int64_t total_bytes, free_bytes;
        char problem[256]; // why this one cannot be used; empty when it can
    } devices[MB_CUDA_MAX_DEVICES];
    int32_t chosen; // the device that mb_cuda_backend opens, or -1
} mb_cuda_survey;
void mb_cuda_look(mb_cuda_survey *survey);

#endif
