// A device that executes plans: the CPU executor or CUDA. The contract of a backend.
#ifndef MERBENCH_DEVICE_H
#define MERBENCH_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "merbench/philox.h"
#include "merbench/plan.h"
#include "merbench/status.h"
#include "merbench/tally.h"
#include "merbench/terms.h"

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
    // 0, or a number of mb_device_numbers: what a device is given under the same number differs in
    // first_step and step_count alone, the plan included, so what was made of it can be kept.
    uint64_t number;
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
    // Memory of the host, a number for each op of the plan (mb_plan.steps): the seconds that it
    // takes in each step are added, one after the other, and the call waits for the end. This takes
    // longer and changes no result. NULL = not timed.
    double *op_seconds;
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
    // Page-locked memory of the host, which the device reads and writes itself, for tables that
    // move every epoch.
    mb_status (*allocate_host)(mb_device *device, size_t bytes, void **memory, mb_error *error);
    void (*release_host)(mb_device *device, void *memory);
    // The copy has read `from` when the call returns, and may have waited for the device.
    mb_status (*upload)(mb_device *device, void *to, const void *from, size_t bytes,
                        mb_error *error);
    // The memory of the host is that of allocate_host. It stays as it is, or has not got everything
    // yet, until the device has come that far: until wait_for_mark of a later mark, synchronize or
    // download returns.
    mb_status (*upload_async)(mb_device *device, void *to, const void *from, size_t bytes,
                              mb_error *error);
    mb_status (*download_async)(mb_device *device, void *to, const void *from, size_t bytes,
                                mb_error *error);
    // While one thread uses the device, another may call these two, describe and allocate. None of
    // them waits for what the device is doing. upload_beside: done when the call returns.
    // release_beside: of memory that no work given to the device needs any more.
    mb_status (*upload_beside)(mb_device *device, void *to, const void *from, size_t bytes,
                               mb_error *error);
    void (*release_beside)(mb_device *device, void *memory);
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
    // The most that a launch should have, so that progress is seen and a stop is not waited for:
    // steps, and multiply-accumulates of all runs.
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
    // A place in the order of what the device is given, 0 ... MB_DEVICE_MARKS - 1: mark puts it
    // behind what was given so far, wait_for_mark returns when that is done.
    mb_status (*mark)(mb_device *device, int32_t mark, mb_error *error);
    mb_status (*wait_for_mark)(mb_device *device, int32_t mark, mb_error *error);
    mb_status (*synchronize)(mb_device *device, mb_error *error);
} mb_backend;

enum { MB_DEVICE_MARKS = 3 };

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
    uint64_t numbers;        // of launches, given out so far
};

// The first of `count` numbers for launches that no other launch of the device has.
static inline uint64_t mb_device_numbers(mb_device *device, int32_t count) {
    uint64_t first = device->numbers + 1;
    device->numbers += (uint64_t)count;
    return first;
}

extern const mb_backend mb_cpu_backend;

// The CPU executor with the kernels of one instruction set ("avx512", "avx2", "portable"; NULL =
// the best that the processor has). MB_UNSUPPORTED when the processor or the build lacks it.
mb_status mb_cpu_open(const char *isa_name, mb_device **device, mb_error *error);

// The executor that NULL chooses, for the ledger: "cpu avx512".
const char *mb_cpu_description(void);

// The CUDA executor; NULL in a build without CUDA. Opening it takes the first GPU that can be used,
// and makes products in float32.
const mb_backend *mb_cuda_backend(void);

enum { MB_ANY_GPU = -1 }; // the first one that can be used

typedef struct mb_cuda_options {
    mb_precision precision; // other than float32, the description ends in it: "cuda NVIDIA H200
                            // sm_90 tf32"
    int32_t gpu;            // as CUDA numbers those that it shows, from 0; or MB_ANY_GPU
} mb_cuda_options;

// Fails with MB_UNSUPPORTED, and says why, where there is no driver, no GPU, not the one that is
// asked for, or none that can be used.
mb_status mb_cuda_open(const mb_cuda_options *options, mb_device **device, mb_error *error);

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
        int64_t total_bytes;
        int64_t free_bytes; // of the chosen one; -1: not known
        char problem[256];  // why this one cannot be used; empty when nothing is known against it
    } devices[MB_CUDA_MAX_DEVICES];
    int32_t chosen; // the device that mb_cuda_open opens, or -1
} mb_cuda_survey;

// Chooses `gpu`, or with MB_ANY_GPU the first that can be used. A context, which takes seconds and
// hundreds of megabytes, is made on that one alone; one that refuses it cannot be used.
void mb_cuda_look(mb_cuda_survey *survey, int32_t gpu);

#endif
