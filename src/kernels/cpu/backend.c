// The CPU executor. It executes a plan op by op, for one run of the array after the other. Each
// device belongs to one thread, and a sweep opens a device per thread; other threads may assist
// that thread (team.h).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "cpu/share.h"
#include "tally_launch.h"

extern const mb_cpu_isa mb_cpu_isa_portable;
#ifdef MB_HAVE_avx2
extern const mb_cpu_isa mb_cpu_isa_avx2;
extern const mb_cpu_isa mb_cpu_isa_avx512;
#endif

typedef struct cpu_device {
    mb_device device;
    const mb_cpu_isa *isa;
    mb_cpu_team team;
} cpu_device;

// Whether this processor supports the instruction set.
static bool has_isa(const mb_cpu_isa *isa) {
#ifdef MB_HAVE_avx2
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("bmi2");
    if (isa == &mb_cpu_isa_avx512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
    if (isa == &mb_cpu_isa_avx2)
        return avx2;
#endif
    return isa == &mb_cpu_isa_portable;
}

// From the fastest to the plainest.
static const mb_cpu_isa *const isas[] = {
#ifdef MB_HAVE_avx2
    &mb_cpu_isa_avx512, &mb_cpu_isa_avx2,
#endif
    &mb_cpu_isa_portable};
enum { ISA_COUNT = sizeof isas / sizeof *isas };

static const mb_cpu_isa *best_isa(void) {
    int i = 0;
    while (!has_isa(isas[i]))
        i++;
    return isas[i];
}

// Treats denormal numbers as zero while a plan executes. Adam's moments of weights that no longer
// change decay into denormals, which are slow. Returns the mode to restore afterwards.
static unsigned flush_denormals(void) {
#if defined(__x86_64__)
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | _MM_FLUSH_ZERO_ON | 0x0040u); // denormal operands are zero
    return before;
#else
    return 0;
#endif
}

static void restore_denormals(unsigned before) {
#if defined(__x86_64__)
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

mb_status mb_cpu_open(const char *isa_name, mb_device **device, mb_error *error) {
    const mb_cpu_isa *isa = isa_name == NULL ? best_isa() : NULL;
    for (int i = 0; isa == NULL && i < ISA_COUNT; i++)
        if (strcmp(isas[i]->name, isa_name) == 0 && has_isa(isas[i]))
            isa = isas[i];
    if (isa == NULL)
        return mb_fail(error, MB_UNSUPPORTED, "this processor has no instruction set '%s'",
                       isa_name);
    cpu_device *cpu = aligned_alloc(_Alignof(cpu_device), sizeof *cpu);
    if (cpu == NULL)
        return mb_out_of_memory(error, "device");
    *cpu = (cpu_device){0};
    cpu->device.backend = &mb_cpu_backend;
    cpu->isa = isa;
    *device = &cpu->device;
    return MB_OK;
}

static mb_status cpu_open(mb_device **device, mb_error *error) {
    return mb_cpu_open(NULL, device, error);
}

static void cpu_close(mb_device *device) {
    free(device);
}

static mb_status cpu_describe(mb_device *device, mb_device_description *description,
                              mb_error *error) {
    (void)error;
    long page = sysconf(_SC_PAGESIZE), pages = sysconf(_SC_PHYS_PAGES);
    long available = sysconf(_SC_AVPHYS_PAGES);
    *description = (mb_device_description){.total_bytes = (int64_t)pages * page,
                                           .free_bytes = (int64_t)available * page};
    snprintf(description->text, sizeof description->text, "%s",
             ((const cpu_device *)device)->isa->description);
    return MB_OK;
}

static mb_status cpu_allocate(mb_device *device, size_t bytes, void **memory, mb_error *error) {
    (void)device;
    enum { LINE = 64, HUGE_PAGE = 2 << 20 };
    size_t rounded = (bytes + LINE - 1) / LINE * LINE;
    if (posix_memalign(memory, bytes < HUGE_PAGE ? LINE : HUGE_PAGE, rounded + LINE) != 0) {
        *memory = NULL;
        return mb_out_of_memory(error, "device memory");
    }
#ifdef MADV_HUGEPAGE        // a training step reads and writes all weights and moments
    if (bytes >= HUGE_PAGE) // whole pages only: nothing beyond the allocation is touched
        (void)madvise(*memory, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
    return MB_OK;
}

static void cpu_release(mb_device *device, void *memory) {
    (void)device;
    free(memory);
}

static mb_status cpu_copy(mb_device *device, void *to, const void *from, size_t bytes,
                          mb_error *error) {
    (void)device;
    (void)error;
    if (bytes > 0)
        memcpy(to, from, bytes);
    return MB_OK;
}

static mb_status cpu_zero(mb_device *device, void *memory, size_t bytes, mb_error *error) {
    (void)error;
    mb_clear(memory, bytes, device->stop);
    return MB_OK;
}

static mb_status cpu_initialise(mb_device *device, const mb_plan *plan, int32_t run_count,
                                const mb_key *keys, float *parameters, mb_error *error) {
    (void)error;
    for (int32_t a = 0; a < run_count; a++)
        mb_parameters_initialise(plan, keys[a], device->stop,
                                 parameters + a * plan->info.parameter_floats);
    return MB_OK;
}

static void bind_operands(mb_cpu_call *call, const mb_plan_op *op, float *arena) {
    call->op = op;
    for (int32_t i = 0; i < op->input_count; i++) {
        const mb_operand *operand = &op->inputs[i];
        float *base = operand->space == MB_SPACE_ARENA ? arena : call->parameters;
        call->inputs[i] = base + operand->offset;
    }
    for (int32_t i = 0; i < op->output_count; i++)
        call->outputs[i] = arena + op->outputs[i].offset;
}

// Whether an op updates a parameter that no batch of the run has reached so far. `widest`: rows of
// the run's largest batch so far. Ops without outputs are updates. SOURCE_LINEAR_UPDATE, which has
// outputs, is an update too, but plans use it only for parameters that every batch reaches.
static bool lacks_gradient(const mb_plan *plan, const mb_plan_op *op, int32_t widest) {
    return op->output_count == 0 &&
           widest < plan->parameters[op->params.update.parameter].fewest_rows;
}

static void keep_rows(mb_location place, const float *arena, int64_t first, int32_t rows,
                      float *to) {
    if (place.offset < 0 || to == NULL)
        return;
    int64_t width = mb_shape_elements(&place.shape, 1);
    memcpy(to + first * width, arena + place.offset, (size_t)(rows * width) * sizeof *to);
}

// Copies the loss, logits and values of a step to the caller's tables.
static void keep_results(const mb_plan *plan, const mb_launch *launch, int32_t a, int32_t s,
                         int32_t rows, const float *arena) {
    const mb_plan_info *info = &plan->info;
    int64_t loss = info->total.offset >= 0 ? info->total.offset : info->interloss.offset;
    int64_t first = a * launch->index_stride + (int64_t)s * launch->batch_rows;
    if (launch->losses != NULL && loss >= 0)
        launch->losses[a * launch->loss_stride + s] = arena[loss];
    keep_rows(info->emos_out, arena, first, rows, launch->logits);
    keep_rows(info->vals_out, arena, first, rows, launch->values);
}

static mb_cpu_call call_of(const mb_plan *plan, const mb_launch *launch, int32_t a) {
    int64_t model = (int64_t)a * plan->info.parameter_floats;
    return (mb_cpu_call){
        .slots = launch->slots + (int64_t)a * MB_SLOT_COUNT,
        .key = launch->keys[a],
        .masks = launch->masks,
        .max_rows = plan->info.max_rows,
        .dataset = launch->dataset,
        .parameter_list = plan->parameters,
        .parameters = launch->parameters + model,
        .first_moments = launch->first_moments != NULL ? launch->first_moments + model : NULL,
        .second_moments = launch->second_moments != NULL ? launch->second_moments + model : NULL,
        .share_count = 1,
    };
}

// Sets the fields of a call that change from step to step. If the run had rows in the previous step
// of this launch, the update of that step has already begun the first layer of this one.
static void enter_step(mb_cpu_call *call, const mb_plan *plan, const mb_launch *launch, int32_t a,
                       int32_t s) {
    const int32_t *rows = launch->rows + (int64_t)s * launch->run_count + a;
    const int32_t *indices =
        launch->indices + a * launch->index_stride + (int64_t)s * launch->batch_rows;
    int32_t last = launch->first_step + launch->step_count - 1;
    call->rows = *rows;
    call->indices = indices;
    call->training_step = launch->steps[a] + (plan->info.trains ? (uint32_t)s : 0);
    call->begun = plan->info.trains && s > launch->first_step && rows[-launch->run_count] > 0;
    call->next_rows = plan->info.trains && s < last ? rows[launch->run_count] : 0;
    call->next_indices = indices + launch->batch_rows;
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Executes the ops of one step of one run. op_seconds: as in mb_launch.
static void run_ops(cpu_device *cpu, const mb_plan *plan, mb_cpu_call *call, float *arena,
                    int32_t widest, double *op_seconds) {
    double began = op_seconds != NULL ? seconds_now() : 0.0;
    for (int32_t i = 0; i < plan->op_count && !mb_stopped(call->stop); i++) {
        if (lacks_gradient(plan, &plan->ops[i], widest))
            continue;
        bind_operands(call, &plan->ops[i], arena);
        mb_cpu_share(&cpu->team, cpu->isa->kernels[plan->ops[i].kind], call);
        if (op_seconds != NULL) {
            double ended = seconds_now();
            op_seconds[i] += ended - began;
            began = ended;
        }
    }
}

static mb_status cpu_run(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                         mb_error *error) {
    (void)error;
    cpu_device *cpu = (cpu_device *)device;
    unsigned before = flush_denormals();
    for (int32_t a = 0; a < launch->run_count; a++) {
        mb_cpu_call call = call_of(plan, launch, a);
        call.stop = device->stop;
        float *arena = launch->arena + (int64_t)a * plan->info.arena_floats;
        for (int32_t s = launch->first_step; s < launch->first_step + launch->step_count; s++) {
            enter_step(&call, plan, launch, a, s);
            if (call.rows == 0)
                continue;
            int64_t at = (int64_t)s * launch->run_count + a;
            int32_t widest = launch->widest != NULL ? launch->widest[at] : call.rows;
            run_ops(cpu, plan, &call, arena, widest, launch->op_seconds);
            keep_results(plan, launch, a, s, call.rows, arena);
        }
    }
    restore_denormals(before);
    return MB_OK;
}

static int64_t cpu_assist(mb_device *device, bool (*wanted)(const void *context),
                          const void *context) {
    unsigned before = flush_denormals();
    int64_t shares = mb_cpu_team_assist(&((cpu_device *)device)->team, wanted, context);
    restore_denormals(before);
    return shares;
}

static mb_status cpu_copy_rows(mb_device *device, const mb_row_copy *copy, mb_error *error) {
    (void)device;
    (void)error;
    for (int32_t a = 0; a < copy->run_count; a++)
        if (copy->chosen[a])
            memcpy(copy->to + a * copy->to_stride, copy->from + a * copy->from_stride,
                   (size_t)copy->floats * sizeof *copy->to);
    return MB_OK;
}

static mb_status cpu_shuffle(mb_device *device, const mb_shuffle_launch *launch, mb_error *error) {
    (void)device;
    (void)error;
    for (int32_t a = 0; a < launch->run_count; a++) {
        int32_t count = launch->counts[a], *to = launch->to + a * launch->stride;
        memcpy(to, launch->from + a * launch->stride, (size_t)count * sizeof *to);
        if (launch->shuffled[a])
            mb_random_shuffle(launch->keys[a], MB_RANDOM_SHUFFLE, launch->epoch, to, count);
    }
    return MB_OK;
}

static mb_status cpu_tally(mb_device *device, const mb_tally_launch *launch, mb_error *error) {
    (void)device;
    (void)error;
    for (int32_t a = 0; a < launch->run_count; a++) {
        mb_tally_rows rows = mb_tally_rows_of(launch, a);
        mb_tally_make(&rows, &launch->tallies[a]);
    }
    return MB_OK;
}

// All work is done when a call returns, so marks and waits do nothing.
static mb_status cpu_mark(mb_device *device, int32_t mark, mb_error *error) {
    (void)device;
    (void)mark;
    (void)error;
    return MB_OK;
}

static mb_status cpu_synchronize(mb_device *device, mb_error *error) {
    (void)device;
    (void)error;
    return MB_OK;
}

static const mb_executor cpu_executor = {
    .initialise = cpu_initialise,
    .copy_rows = cpu_copy_rows,
    .shuffle = cpu_shuffle,
    .steps_per_launch = 64,
    .work_per_launch = 2000000000, // a fraction of a second
    .run = cpu_run,
    .assist = cpu_assist,
    .tally = cpu_tally,
};

const mb_backend mb_cpu_backend = {
    .name = "cpu",
    .shares_host_memory = true,
    .executor = &cpu_executor,
    .open = cpu_open,
    .close = cpu_close,
    .describe = cpu_describe,
    .allocate = cpu_allocate,
    .release = cpu_release,
    .allocate_host = cpu_allocate,
    .release_host = cpu_release,
    .upload = cpu_copy,
    .upload_async = cpu_copy,
    .download_async = cpu_copy,
    .upload_concurrent = cpu_copy,
    .release_concurrent = cpu_release,
    .download = cpu_copy,
    .zero = cpu_zero,
    .copy = cpu_copy,
    .mark = cpu_mark,
    .wait_for_mark = cpu_mark,
    .synchronize = cpu_synchronize,
};
