// merbench parity: runs reference files and prints the worst error of each group of tensors.
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/plain.h"
#include "cli/cli.h"
#include "cli/device_choice.h"
#include "cli/shared_options.h"
#include "parity/parity.h"

static const char usage[] =
    "usage: merbench parity FILE... [--json] [OPTIONS]\n"
    "\n"
    "Runs the model of each file on the stored inputs and parameters, and compares outputs,\n"
    "losses, every gradient and twenty Adam steps (or a whole training loop) with the stored\n"
    "values of the reference toolkit. Errors are relative L2 errors per tensor; each line shows\n"
    "the tensor that is worst in relation to its limit. Dropout cases use the stored masks. Files\n"
    "of data rules (mapping, alignment, folds) and of metrics are checked in the same way, and so\n"
    "are JSON files of verdicts beside published numbers and of labels on a common scale. With\n"
    "--precision tf32 the limits are wider in cases without training.";

static const char notes[] =
    "exit codes: 0 everything holds, 1 a file could not be checked (a slow disk, no memory),\n"
    "            3 a limit is exceeded or a file cannot be used,\n"
    "            4 nothing fails, but a model or a kind of file is not supported";

static const char *verdict_of(mb_status status) {
    return status == MB_OK ? "holds" : status == MB_UNSUPPORTED ? "unsupported" : "fails";
}

static void print_report(const char *path, mb_status status, const mb_parity_report *report,
                         const mb_error *error) {
    mb_print_plain("%s: %s%s%s\n", path, verdict_of(status),
                   report->model[0] != '\0' ? ", model " : "", report->model);
    for (int32_t i = 0; i < report->group_count; i++) {
        const mb_parity_group *group = &report->groups[i];
        mb_print_plain("  %-18s %4d compared, %d failed; worst %.3g (limit %.3g) in %s\n",
                       group->name, group->compared, group->failed, group->worst_error,
                       group->worst_limit, group->worst_tensor);
    }
    if (report->finding[0] != '\0')
        mb_print_plain("  %s\n", report->finding);
    if (error->message[0] != '\0')
        mb_print_plain("  %s\n", error->message);
}

// NaN and infinity are null in JSON.
static void add_number(cJSON *object, const char *key, double value) {
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
    else
        cJSON_AddNullToObject(object, key);
}

static void add_report(cJSON *files, const char *path, mb_status status,
                       const mb_parity_report *report, const mb_error *error) {
    cJSON *file = cJSON_CreateObject(), *groups = cJSON_CreateArray();
    cJSON_AddStringToObject(file, "file", path);
    cJSON_AddStringToObject(file, "model", report->model);
    cJSON_AddStringToObject(file, "status", verdict_of(status));
    for (int32_t i = 0; i < report->group_count; i++) {
        const mb_parity_group *group = &report->groups[i];
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", group->name);
        cJSON_AddNumberToObject(entry, "compared", group->compared);
        cJSON_AddNumberToObject(entry, "failed", group->failed);
        add_number(entry, "worst_error", group->worst_error);
        add_number(entry, "limit", group->worst_limit);
        cJSON_AddStringToObject(entry, "tensor", group->worst_tensor);
        cJSON_AddItemToArray(groups, entry);
    }
    cJSON_AddItemToObject(file, "groups", groups);
    if (report->finding[0] != '\0')
        cJSON_AddStringToObject(file, "finding", report->finding);
    if (error->message[0] != '\0')
        cJSON_AddStringToObject(file, "message", error->message);
    cJSON_AddItemToArray(files, file);
}

static mb_status check_files(mb_device *device, int count, char **paths, cJSON *files) {
    int failed = 0, unsupported = 0;
    bool unchecked = false;
    for (int i = 0; i < count; i++) {
        mb_parity_report report;
        mb_error error = {.message = ""};
        mb_status status = mb_parity_file(device, paths[i], &report, &error);
        unchecked |= status == MB_FAILED;
        failed += status != MB_OK && status != MB_UNSUPPORTED;
        unsupported += status == MB_UNSUPPORTED;
        if (files != NULL)
            add_report(files, paths[i], status, &report, &error);
        else
            print_report(paths[i], status, &report, &error);
    }
    if (count > 1 && files == NULL)
        printf("%d files: %d hold, %d fail, %d unsupported\n", count, count - failed - unsupported,
               failed, unsupported);
    if (unchecked)
        return MB_FAILED;
    return failed > 0 ? MB_BAD_INPUT : unsupported > 0 ? MB_UNSUPPORTED : MB_OK;
}

static mb_status parse(int argc, char **argv, bool *json, mb_device_choice *choice,
                       mb_operands *operands, mb_error *error) {
    mb_command_option devices[MB_DEVICE_OPTIONS];
    const mb_command_option options[] = {
        mb_json_option(json), {.included = devices}, {.name = NULL}};
    const mb_command_line line = {.program = "merbench parity",
                                  .usage = usage,
                                  .notes = notes,
                                  .options = options,
                                  .operands = {"FILE.h5"},
                                  .least = 1,
                                  .repeats = true};
    mb_device_choice_options(choice, devices);
    mb_status status = mb_command_line_parse(&line, argc, argv, operands, error);
    return status == MB_OK ? mb_device_choice_check(choice, error) : status;
}

mb_status mb_cmd_parity(int argc, char **argv, mb_error *error) {
    bool json = false;
    mb_device_choice choice = {.device = NULL};
    mb_operands operands;
    mb_device *device = NULL;
    mb_status status = parse(argc, argv, &json, &choice, &operands, error);
    if (status != MB_OK || operands.help_shown)
        return status;
    status = mb_device_choice_open(&choice, &device, error);
    if (status != MB_OK)
        return status;
    cJSON *files = json ? cJSON_CreateArray() : NULL;
    status = check_files(device, operands.count, operands.items, files);
    if (json && mb_json_print(files, "report", error) != MB_OK)
        status = MB_FAILED;
    device->backend->close(device);
    return status;
}
