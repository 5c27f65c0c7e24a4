#include "cli/doctor_device.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/plain.h"
#include "base/plural.h"
#include "cli/device_choice.h"
#include "merbench/self_test.h"
#include "merbench/survey.h"

// An executor and the result of its self-test.
typedef struct checked {
    bool usable, passed;
    char text[MB_DEVICE_TEXT];
    char problem[600]; // why it is not usable, or why it failed
    double difference;
} checked;

typedef struct findings {
    mb_device_description machine;
    mb_cuda_survey survey;
    checked isas[MB_ISA_COUNT];
    checked gpu;
    const mb_device_choice *choice; // --gpu
    const checked *automatic;       // the device that `auto` or --gpu chooses
} findings;

static void check(const mb_device_choice *choice, checked *result) {
    mb_device *device = NULL, *reference = NULL;
    mb_device_description description;
    mb_error error = {.message = ""};
    *result = (checked){.usable = false};
    mb_status status = mb_device_choice_open(choice, &device, &error);
    if (status == MB_OK)
        status = device->backend->describe(device, &description, &error);
    result->usable = status == MB_OK;
    if (status == MB_OK) {
        memcpy(result->text, description.text, sizeof result->text);
        status = mb_cpu_open("portable", &reference, &error);
        if (status == MB_OK)
            status = mb_self_test(device, reference, &result->difference, &error);
    }
    if (reference != NULL)
        reference->backend->close(reference);
    if (device != NULL)
        device->backend->close(device);
    result->passed = status == MB_OK && result->difference <= MB_SELF_TEST_LIMIT;
    if (status != MB_OK)
        snprintf(result->problem, sizeof result->problem, "%.590s", error.message);
    else if (!result->passed)
        snprintf(result->problem, sizeof result->problem,
                 "its results differ from those of the portable kernels by %.2g, the limit is %g",
                 result->difference, MB_SELF_TEST_LIMIT);
}

static void find_gpu(findings *f) {
    mb_device_choice choice = *f->choice;
    mb_cuda_look(&f->survey, choice.gpu.given ? choice.gpu.number : MB_ANY_GPU);
    if (f->survey.chosen < 0 && choice.gpu.given) {
        snprintf(f->gpu.problem, sizeof f->gpu.problem, "%s", f->survey.problem);
        f->automatic = &f->gpu;
    }
    if (f->survey.chosen < 0)
        return;
    choice.gpu.given = true;
    choice.gpu.number = f->survey.chosen;
    check(&choice, &f->gpu);
    f->automatic = &f->gpu;
    if (f->gpu.text[0] == '\0') // the device could not be opened
        snprintf(f->gpu.text, sizeof f->gpu.text, "cuda %.150s",
                 f->survey.devices[f->survey.chosen].name);
}

static mb_status find(findings *f, mb_error *error) {
    const mb_backend *backend;
    mb_device_choice cpu = {.device = "cpu"};
    mb_status status = mb_device_choice_describe(&cpu, &backend, &f->machine, error);
    if (status != MB_OK)
        return status;
    for (int i = 0; i < MB_ISA_COUNT; i++) {
        check(&(mb_device_choice){.isa = mb_isa_names[i]}, &f->isas[i]);
        if (f->automatic == NULL && f->isas[i].usable)
            f->automatic = &f->isas[i];
    }
    find_gpu(f);
    return MB_OK;
}

// ---- text -------------------------------------------------------------------------------------

static double gibibytes(int64_t bytes) {
    return (double)bytes / 1073741824.0;
}

static void print_checked(const checked *c) {
    if (c->passed)
        printf("works (self-test: differs by %.2g from the portable kernels, limit %g)\n",
               c->difference, MB_SELF_TEST_LIMIT);
    else
        mb_print_plain("%s: %s\n", c->usable ? "SELF-TEST FAILED" : "not usable", c->problem);
}

static void print_version(const char *what, int32_t version) {
    if (version > 0)
        printf("%s %d.%d, ", what, version / 1000, version % 1000 / 10);
    else
        printf("no %s, ", what);
}

static void print_gpu(const findings *f, int32_t i) {
    const mb_cuda_survey *survey = &f->survey;
    const char *problem = survey->devices[i].problem;
    mb_print_plain(
        "  GPU %-6d %s, compute capability %d.%d, %d %s, %.1f GiB", i, survey->devices[i].name,
        survey->devices[i].major, survey->devices[i].minor, survey->devices[i].multiprocessors,
        mb_plural(survey->devices[i].multiprocessors, "multiprocessor", "multiprocessors"),
        gibibytes(survey->devices[i].total_bytes));
    if (survey->devices[i].free_bytes >= 0)
        printf(", %.1f GiB free", gibibytes(survey->devices[i].free_bytes));
    printf("\n             ");
    if (i == survey->chosen)
        print_checked(&f->gpu);
    else if (problem[0] != '\0')
        mb_print_plain("not usable: %s\n", problem);
    else if (f->choice->gpu.given)
        printf("not tested\n");
    else
        printf("not used: GPU %d comes first (--gpu N selects another)\n", survey->chosen);
}

static void print_cuda(const findings *f) {
    const mb_cuda_survey *survey = &f->survey;
    if (mb_cuda_backend() == NULL) {
        mb_print_plain("cuda: %s\n", survey->problem);
        return;
    }
    printf("cuda: ");
    print_version("driver", survey->driver_version);
    print_version("runtime", survey->runtime_version);
    printf("kernels for %s\n", survey->architectures);
    for (int32_t i = 0; i < survey->device_count; i++)
        print_gpu(f, i);
    if (survey->device_count == 0)
        mb_print_plain("  not usable: %s\n", survey->problem);
}

static void print_text(const findings *f) {
    int32_t processors = mb_processors();
    printf("merbench " MERBENCH_VERSION "\n");
    printf("cpu: %d %s, %.1f GiB of memory, %.1f GiB available%s\n", processors,
           mb_plural(processors, "processor", "processors"), gibibytes(f->machine.total_bytes),
           gibibytes(mb_memory_available()), mb_memory_limit_note());
    for (int i = 0; i < MB_ISA_COUNT; i++) {
        printf("  %-10s ", mb_isa_names[i]);
        print_checked(&f->isas[i]);
    }
    print_cuda(f);
    if (f->choice->gpu.given)
        printf("--gpu %d: ", f->choice->gpu.number);
    else
        printf("--device auto: ");
    mb_print_plain("%s\n", f->automatic->text[0] != '\0' ? f->automatic->text : "not usable");
}

// ---- JSON -------------------------------------------------------------------------------------

// cJSON passes NULL on when out of memory, and mb_json_print refuses it in the end.
static void add_checked(cJSON *object, const checked *c) {
    cJSON_AddBoolToObject(object, "usable", c->usable);
    cJSON_AddBoolToObject(object, "works", c->passed);
    if (c->usable && isfinite(c->difference))
        cJSON_AddNumberToObject(object, "difference", c->difference);
    if (c->problem[0] != '\0')
        cJSON_AddStringToObject(object, "problem", c->problem);
}

static void add_version(cJSON *object, const char *name, int32_t version) {
    char text[32];
    snprintf(text, sizeof text, "%d.%d", version / 1000, version % 1000 / 10);
    if (version > 0)
        cJSON_AddStringToObject(object, name, text);
    else
        cJSON_AddNullToObject(object, name);
}

static void add_cpu(cJSON *root, const findings *f) {
    cJSON *cpu = cJSON_AddObjectToObject(root, "cpu");
    cJSON_AddNumberToObject(cpu, "processors", mb_processors());
    cJSON_AddNumberToObject(cpu, "memory_bytes", (double)f->machine.total_bytes);
    cJSON_AddNumberToObject(cpu, "available_bytes", (double)mb_memory_available());
    cJSON *isas = cJSON_AddArrayToObject(cpu, "isas");
    for (int i = 0; i < MB_ISA_COUNT; i++) {
        cJSON *isa = cJSON_CreateObject();
        cJSON_AddItemToArray(isas, isa);
        cJSON_AddStringToObject(isa, "name", mb_isa_names[i]);
        add_checked(isa, &f->isas[i]);
    }
}

static void add_cuda(cJSON *root, const findings *f) {
    const mb_cuda_survey *survey = &f->survey;
    cJSON *cuda = cJSON_AddObjectToObject(root, "cuda");
    cJSON_AddBoolToObject(cuda, "built", mb_cuda_backend() != NULL);
    if (survey->problem[0] != '\0')
        cJSON_AddStringToObject(cuda, "problem", survey->problem);
    add_version(cuda, "driver", survey->driver_version);
    add_version(cuda, "runtime", survey->runtime_version);
    cJSON_AddStringToObject(cuda, "architectures", survey->architectures);
    cJSON *devices = cJSON_AddArrayToObject(cuda, "devices");
    for (int32_t i = 0; i < survey->device_count; i++) {
        char capability[32];
        cJSON *device = cJSON_CreateObject();
        cJSON_AddItemToArray(devices, device);
        snprintf(capability, sizeof capability, "%d.%d", survey->devices[i].major,
                 survey->devices[i].minor);
        cJSON_AddStringToObject(device, "name", survey->devices[i].name);
        cJSON_AddStringToObject(device, "compute_capability", capability);
        cJSON_AddNumberToObject(device, "multiprocessors", survey->devices[i].multiprocessors);
        cJSON_AddNumberToObject(device, "memory_bytes", (double)survey->devices[i].total_bytes);
        if (survey->devices[i].free_bytes >= 0)
            cJSON_AddNumberToObject(device, "available_bytes",
                                    (double)survey->devices[i].free_bytes);
        else
            cJSON_AddNullToObject(device, "available_bytes");
        cJSON_AddBoolToObject(device, "chosen", i == survey->chosen);
        if (i == survey->chosen)
            add_checked(device, &f->gpu);
        else if (survey->devices[i].problem[0] != '\0')
            cJSON_AddStringToObject(device, "problem", survey->devices[i].problem);
    }
}

static mb_status print_json(const findings *f, mb_error *error) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "version", MERBENCH_VERSION);
    if (f->choice->gpu.given)
        cJSON_AddNumberToObject(root, "gpu", f->choice->gpu.number);
    if (f->automatic->text[0] != '\0')
        cJSON_AddStringToObject(root, "auto", f->automatic->text);
    else
        cJSON_AddNullToObject(root, "auto");
    cJSON_AddBoolToObject(root, "works", f->automatic->passed);
    add_cpu(root, f);
    add_cuda(root, f);
    return mb_json_print(root, "doctor", error);
}

mb_status mb_doctor_device(const mb_device_choice *choice, bool json, mb_error *error) {
    findings f = {.choice = choice};
    mb_status status = find(&f, error);
    if (status == MB_OK && json)
        status = print_json(&f, error);
    else if (status == MB_OK)
        print_text(&f);
    if (status == MB_OK && choice->gpu.given && f.survey.chosen < 0)
        return mb_fail(error, MB_UNSUPPORTED, "--gpu %d: %s", choice->gpu.number, f.gpu.problem);
    if (status == MB_OK && !f.automatic->passed)
        return mb_fail(error, MB_BAD_INPUT, "%s: the self-test failed: %s", f.automatic->text,
                       f.automatic->problem);
    return status;
}
