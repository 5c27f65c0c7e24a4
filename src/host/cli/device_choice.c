#include "cli/device_choice.h"

#include <string.h>

#include "base/suggest.h"

const char *const mb_isa_names[MB_ISA_COUNT] = {"avx512", "avx2", "portable"};

const char mb_device_help[] =
    "  --device NAME    auto, cpu or cuda (default auto: a GPU where one can be used, else cpu;\n"
    "                   'merbench doctor --device' tells which, and why)\n"
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

mb_status mb_device_choice_backend(const mb_device_choice *choice, const mb_backend **backend,
                                   mb_error *error) {
    const char *device = choice->device != NULL ? choice->device : "auto";
    *backend = &mb_cpu_backend;
    if (strcmp(device, "cpu") == 0 || choice->isa != NULL)
        return MB_OK;
    mb_cuda_survey survey;
    mb_cuda_look(&survey);
    if (mb_cuda_backend() != NULL && survey.chosen >= 0)
        *backend = mb_cuda_backend();
    else if (strcmp(device, "cuda") == 0)
        return mb_fail(error, MB_UNSUPPORTED, "--device cuda: %s; cpu and auto work",
                       survey.problem);
    else if (wants_tf32(choice))
        return mb_fail(error, MB_UNSUPPORTED,
                       "--precision tf32: GPUs alone have it, and %s; float32 works",
                       survey.problem);
    return MB_OK;
}

mb_status mb_device_choice_open(const mb_device_choice *choice, mb_device **device,
                                mb_error *error) {
    const mb_backend *backend;
    mb_status status = mb_device_choice_backend(choice, &backend, error);
    if (status != MB_OK)
        return status;
    if (choice->isa != NULL)
        return mb_cpu_open(choice->isa, device, error);
    return wants_tf32(choice) ? mb_cuda_open(MB_PRECISION_TF32, device, error)
                              : backend->open(device, error);
}

mb_status mb_device_choice_open_like(const mb_device_choice *choice, const char *recorded,
                                     mb_device **device, mb_error *error) {
    static const char cpu[] = "cpu ", cuda[] = "cuda ", in_tf32[] = " tf32";
    mb_device_choice like = {.device = "cpu", .precision = choice->precision};
    if (choice->device != NULL || choice->isa != NULL)
        return mb_device_choice_open(choice, device, error);
    if (strncmp(recorded, cuda, sizeof cuda - 1) == 0) {
        size_t length = strlen(recorded), ending = sizeof in_tf32 - 1;
        like.device = "cuda";
        if (choice->precision == NULL && strcmp(recorded + length - ending, in_tf32) == 0)
            like.precision = tf32;
    }
    if (strncmp(recorded, cpu, sizeof cpu - 1) == 0)
        like.isa = recorded + sizeof cpu - 1;
    mb_status status = check_together(&like, error);
    if (status == MB_OK)
        status = mb_device_choice_open(&like, device, error);
    return status == MB_UNSUPPORTED && !wants_tf32(choice) ? mb_cpu_open(NULL, device, error)
                                                           : status;
}

mb_status mb_device_choice_describe(const mb_device_choice *choice, const mb_backend **backend,
                                    mb_device_description *description, mb_error *error) {
    mb_device *device = NULL;
    mb_status status = mb_device_choice_open(choice, &device, error);
    if (status != MB_OK)
        return status;
    *backend = device->backend;
    status = device->backend->describe(device, description, error);
    device->backend->close(device);
    return status;
}
