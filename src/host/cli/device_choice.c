#include "cli/device_choice.h"

#include <string.h>

#include "merbench/survey.h"

const char *const mb_isa_names[MB_ISA_COUNT] = {"avx512", "avx2", "portable"};

static const char float32[] = "float32", tf32[] = "tf32";

static bool wants_tf32(const mb_device_choice *choice) {
    return choice->precision != NULL && strcmp(choice->precision, tf32) == 0;
}

mb_command_option mb_device_choice_gpu_option(mb_device_choice *choice, const char *help) {
    return (mb_command_option){"gpu",
                               "N",
                               help,
                               .given = &choice->gpu.given,
                               .whole = &choice->gpu.number,
                               .most = INT32_MAX,
                               .expected = "the number of a GPU, from 0"};
}

void mb_device_choice_options(mb_device_choice *choice,
                              mb_command_option options[MB_DEVICE_OPTIONS]) {
    static const char *const devices[] = {"auto", "cpu", "cuda"};
    static const char *const precisions[] = {float32, tf32};
    options[0] = (mb_command_option){
        "device",
        "NAME",
        "{} (default auto: a GPU if one can be used, else cpu; 'merbench doctor --device' shows "
        "which, and why)",
        .text = &choice->device,
        .choices = devices,
        .choice_count = 3};
    options[1] = mb_device_choice_gpu_option(
        choice, "on cuda, GPU N as CUDA counts them, from 0 (default: the first usable one); "
                "implies --device cuda. CUDA_VISIBLE_DEVICES hides GPUs from CUDA and renumbers "
                "the others");
    options[2] = (mb_command_option){
        "isa",
        "NAME",
        "vector instructions on cpu: {} (default: the best that the processor has); the same set "
        "gives the same bits",
        .text = &choice->isa,
        .choices = mb_isa_names,
        .choice_count = MB_ISA_COUNT};
    options[3] = (mb_command_option){
        "precision",
        "NAME",
        "{} (default float32); training always uses float32, but on cuda tf32 rounds the operands "
        "of matrix products to 11 bits in evaluations",
        .text = &choice->precision,
        .choices = precisions,
        .choice_count = 2};
    options[4] = (mb_command_option){.name = NULL};
}

mb_status mb_device_choice_check(const mb_device_choice *choice, mb_error *error) {
    bool cpu =
        choice->isa != NULL || (choice->device != NULL && strcmp(choice->device, "cpu") == 0);
    if (cpu && wants_tf32(choice))
        return mb_fail(error, MB_USAGE, "--precision tf32: only available on GPUs, not with %s %s",
                       choice->isa != NULL ? "--isa" : "--device",
                       choice->isa != NULL ? choice->isa : choice->device);
    if (cpu && choice->gpu.given)
        return mb_fail(error, MB_USAGE, "--gpu %d: selects a GPU, not valid with %s %s",
                       choice->gpu.number, choice->isa != NULL ? "--isa" : "--device",
                       choice->isa != NULL ? choice->isa : choice->device);
    if (choice->isa != NULL && choice->device != NULL && strcmp(choice->device, "cuda") == 0)
        return mb_fail(error, MB_USAGE,
                       "--isa %s: selects instructions of the CPU, not valid with --device cuda",
                       choice->isa);
    return MB_OK;
}

// Resolves the choice to "cpu", or to "cuda" and the number of a GPU.
static mb_status settle(mb_device_choice *choice, mb_error *error) {
    bool wants_cuda = choice->device != NULL && strcmp(choice->device, "cuda") == 0;
    if (choice->isa != NULL || (choice->device != NULL && strcmp(choice->device, "cpu") == 0)) {
        choice->device = "cpu";
        return MB_OK;
    }
    mb_cuda_survey survey;
    mb_cuda_look(&survey, choice->gpu.given ? choice->gpu.number : MB_ANY_GPU);
    if (survey.chosen >= 0) {
        choice->device = "cuda";
        choice->gpu.given = true;
        choice->gpu.number = survey.chosen;
        return MB_OK;
    }
    if (choice->gpu.given)
        return mb_fail(error, MB_UNSUPPORTED, "--gpu %d: %s", choice->gpu.number, survey.problem);
    if (wants_cuda)
        return mb_fail(error, MB_UNSUPPORTED, "--device cuda: %s; cpu and auto work",
                       survey.problem);
    if (wants_tf32(choice))
        return mb_fail(error, MB_UNSUPPORTED,
                       "--precision tf32: only available on GPUs, but %s; float32 works",
                       survey.problem);
    choice->device = "cpu";
    return MB_OK;
}

static mb_status open_settled(const mb_device_choice *choice, mb_device **device, mb_error *error) {
    if (strcmp(choice->device, "cpu") == 0)
        return mb_cpu_open(choice->isa, device, error);
    mb_cuda_options options = {.precision =
                                   wants_tf32(choice) ? MB_PRECISION_TF32 : MB_PRECISION_FLOAT32,
                               .gpu = choice->gpu.number};
    return mb_cuda_open(&options, device, error);
}

mb_status mb_device_choice_open(const mb_device_choice *choice, mb_device **device,
                                mb_error *error) {
    mb_device_choice settled = *choice;
    mb_status status = settle(&settled, error);
    return status == MB_OK ? open_settled(&settled, device, error) : status;
}

mb_status mb_device_choice_open_like(const mb_device_choice *choice, const char *recorded,
                                     mb_device **device, mb_error *error) {
    static const char cpu[] = "cpu ", cuda[] = "cuda ", in_tf32[] = " tf32";
    mb_device_choice like = {.device = "cpu", .precision = choice->precision, .gpu = choice->gpu};
    if (choice->device != NULL || choice->isa != NULL)
        return mb_device_choice_open(choice, device, error);
    if (choice->gpu.given)
        like.device = "cuda";
    if (strncmp(recorded, cuda, sizeof cuda - 1) == 0) {
        size_t length = strlen(recorded), ending = sizeof in_tf32 - 1;
        like.device = "cuda";
        if (choice->precision == NULL && strcmp(recorded + length - ending, in_tf32) == 0)
            like.precision = tf32;
    } else if (!choice->gpu.given && strncmp(recorded, cpu, sizeof cpu - 1) == 0)
        like.isa = recorded + sizeof cpu - 1;
    mb_status status = mb_device_choice_check(&like, error);
    if (status == MB_OK)
        status = mb_device_choice_open(&like, device, error);
    bool needs_gpu = choice->gpu.given || wants_tf32(choice);
    return status == MB_UNSUPPORTED && !needs_gpu ? mb_cpu_open(NULL, device, error) : status;
}

mb_status mb_device_choice_describe(mb_device_choice *choice, const mb_backend **backend,
                                    mb_device_description *description, mb_error *error) {
    mb_device *device = NULL;
    mb_status status = settle(choice, error);
    if (status == MB_OK)
        status = open_settled(choice, &device, error);
    if (status != MB_OK)
        return status;
    *backend = device->backend;
    status = device->backend->describe(device, description, error);
    device->backend->close(device);
    return status;
}
