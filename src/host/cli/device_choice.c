#include "cli/device_choice.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "merbench/survey.h"

const char *const mb_isa_names[MB_ISA_COUNT] = {"avx512", "avx2", "portable"};

const char mb_device_help[] =
    "  --device NAME    auto, cpu or cuda (default auto: a GPU where one can be used, else cpu;\n"
    "                   'merbench doctor --device' tells which, and why)\n"
    "  --gpu N          on cuda, GPU N of those that CUDA shows, from 0 (default: the first that\n"
    "                   can be used); means --device cuda. CUDA_VISIBLE_DEVICES hides GPUs from\n"
    "                   CUDA and numbers the others anew\n"
    "  --isa NAME       vector instructions on cpu: avx512, avx2 or portable (default: the best\n"
    "                   that the processor has); one set gives the same bits again\n"
    "  --precision NAME float32 or tf32 (default float32); training is in float32 always, but on\n"
    "                   cuda tf32 rounds operands of the products of evaluations to 11 bits\n";

static const char float32[] = "float32", tf32[] = "tf32";

static bool wants_tf32(const mb_device_choice *choice) {
    return choice->precision != NULL && strcmp(choice->precision, tf32) == 0;
}

static mb_status expect_one_of(const char *option, const char *name, const char *const *names,
                               int count, const char *list, mb_error *error) {
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return MB_OK;
    const char *nearest = mb_nearest_name(name, names, count);
    return mb_fail(error, MB_USAGE, "%s: expected %s, found '%s'%s%s%s", option, list, name,
                   nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "'?" : "");
}

static mb_status check_together(const mb_device_choice *choice, mb_error *error) {
    bool cpu =
        choice->isa != NULL || (choice->device != NULL && strcmp(choice->device, "cpu") == 0);
    if (cpu && wants_tf32(choice))
        return mb_fail(error, MB_USAGE,
                       "--precision tf32: GPUs alone have it, it does not go with %s %s",
                       choice->isa != NULL ? "--isa" : "--device",
                       choice->isa != NULL ? choice->isa : choice->device);
    if (cpu && choice->gpu.given)
        return mb_fail(error, MB_USAGE, "--gpu %d: it names a GPU, it does not go with %s %s",
                       choice->gpu.number, choice->isa != NULL ? "--isa" : "--device",
                       choice->isa != NULL ? choice->isa : choice->device);
    if (choice->isa != NULL && choice->device != NULL && strcmp(choice->device, "cuda") == 0)
        return mb_fail(error, MB_USAGE,
                       "--isa %s: the instructions of processors do not go with --device cuda",
                       choice->isa);
    return MB_OK;
}

mb_status mb_device_choice_device(mb_device_choice *choice, const char *name, mb_error *error) {
    static const char *const names[] = {"auto", "cpu", "cuda"};
    choice->device = name;
    mb_status status = expect_one_of("--device", name, names, 3, "auto, cpu or cuda", error);
    return status == MB_OK ? check_together(choice, error) : status;
}

mb_status mb_device_choice_gpu(mb_device_choice *choice, const char *text, mb_error *error) {
    char *end = NULL;
    errno = 0;
    long number = isdigit((unsigned char)text[0]) ? strtol(text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || errno != 0 || number > INT32_MAX)
        return mb_fail(error, MB_USAGE, "--gpu: expected the number of a GPU, from 0, found '%s'",
                       text);
    choice->gpu.given = true;
    choice->gpu.number = (int32_t)number;
    return check_together(choice, error);
}

mb_status mb_device_choice_isa(mb_device_choice *choice, const char *name, mb_error *error) {
    choice->isa = name;
    mb_status status =
        expect_one_of("--isa", name, mb_isa_names, MB_ISA_COUNT, "avx512, avx2 or portable", error);
    return status == MB_OK ? check_together(choice, error) : status;
}

mb_status mb_device_choice_precision(mb_device_choice *choice, const char *name, mb_error *error) {
    static const char *const names[] = {float32, tf32};
    choice->precision = name;
    mb_status status = expect_one_of("--precision", name, names, 2, "float32 or tf32", error);
    return status == MB_OK ? check_together(choice, error) : status;
}

// Finds out what the choice comes to: it is "cpu" from here on, or "cuda" and a GPU.
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
                       "--precision tf32: GPUs alone have it, and %s; float32 works",
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
    mb_status status = check_together(&like, error);
    if (status == MB_OK)
        status = mb_device_choice_open(&like, device, error);
    bool insists = choice->gpu.given || wants_tf32(choice);
    return status == MB_UNSUPPORTED && !insists ? mb_cpu_open(NULL, device, error) : status;
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
