// Writes the results of a run: results.json, table.txt and stages.log.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "clock.h"
#include "kit/kit.h"

enum {
    MOST_LOG = 400000,       // bytes of a stage; all stages together stay below 16 MB
    MOST_RESULTS = 15000000, // bytes; beyond that it is written without spaces
};

const char *mb_kit_outcome_text(mb_kit_outcome outcome) {
    static const char *const texts[] = {[MB_KIT_PASSED] = "passed",
                                        [MB_KIT_FAILED] = "FAILED",
                                        [MB_KIT_TIMED_OUT] = "timed out",
                                        [MB_KIT_NOT_RUN] = "not run",
                                        [MB_KIT_UNAVAILABLE] = "not run"};
    return texts[outcome];
}

static FILE *open_result(const mb_kit *kit, const char *name, const char *mode, mb_error *error) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.4000s/%s", kit->results, name);
    FILE *file = fopen(path, mode);
    if (file == NULL)
        mb_fail(error, MB_FAILED, "%.1000s: %s", path, strerror(errno));
    return file;
}

static mb_status close_result(const mb_kit *kit, FILE *file, mb_error *error) {
    bool written = !ferror(file);
    if (fclose(file) != 0 || !written)
        return mb_fail(error, MB_FAILED, "%.1000s: cannot be written: %s", kit->results,
                       strerror(errno));
    return MB_OK;
}

void mb_kit_keep_log(const mb_kit *kit, const mb_kit_result *result) {
    mb_error error;
    FILE *file = open_result(kit, "stages.log", result == &kit->stages[0] ? "w" : "a", &error);
    char *log = mb_kit_text(kit->log, MOST_LOG);
    if (file == NULL) {
        fprintf(stderr, "gpu_kit: %s\n", error.message);
        free(log);
        return;
    }
    fprintf(file, "==== %s: %s %s\n", result->stage->name, mb_kit_outcome_text(result->outcome),
            result->reason);
    fprintf(file, "%s\n", log != NULL ? log : "");
    if (close_result(kit, file, &error) != MB_OK)
        fprintf(stderr, "gpu_kit: %s\n", error.message);
    free(log);
}

// ---- results.json -------------------------------------------------------------------------------

static bool counts_as_failed(const mb_kit_result *result) {
    return result->outcome != MB_KIT_PASSED && result->outcome != MB_KIT_UNAVAILABLE;
}

static bool has_run(const mb_kit_result *result) {
    return result->chosen && (result->seconds > 0.0 || result->reason[0] != '\0');
}

int mb_kit_exit_code(const mb_kit *kit) {
    for (int i = 0; i < kit->stage_count; i++)
        if (kit->stages[i].chosen && counts_as_failed(&kit->stages[i]))
            return 1;
    return 0;
}

static cJSON *describe_stage(const mb_kit_result *result) {
    cJSON *stage = cJSON_CreateObject();
    cJSON_AddStringToObject(stage, "name", result->stage->name);
    cJSON_AddStringToObject(stage, "result", mb_kit_outcome_text(result->outcome));
    if (result->reason[0] != '\0')
        cJSON_AddStringToObject(stage, "reason", result->reason);
    if (result->figures[0] != '\0')
        cJSON_AddStringToObject(stage, "figures", result->figures);
    cJSON_AddStringToObject(stage, "command", result->command);
    if (result->exit_code >= 0)
        cJSON_AddNumberToObject(stage, "exit_code", result->exit_code);
    cJSON_AddNumberToObject(stage, "seconds", result->seconds);
    cJSON_AddNumberToObject(stage, "limit", result->limit);
    if (cJSON_GetArraySize(result->output) > 0)
        cJSON_AddItemToObject(stage, "output", cJSON_Duplicate(result->output, true));
    return stage;
}

static cJSON *describe(const mb_kit *kit) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "date", kit->date);
    cJSON_AddStringToObject(root, "merbench", kit->version);
    cJSON_AddStringToObject(root, "source", kit->source);
    cJSON_AddStringToObject(root, "kind", kit->simulated ? "simulated" : "gpu");
    cJSON_AddStringToObject(root, "device", kit->device);
    cJSON_AddStringToObject(root, "driver", kit->driver);
    cJSON_AddStringToObject(root, "runtime", kit->runtime);
    cJSON_AddBoolToObject(root, "quick", kit->quick);
    cJSON_AddNumberToObject(root, "minutes", kit->minutes);
    cJSON_AddStringToObject(root, "started_by",
                            kit->loader[0] != '\0' ? "the kit's loader" : "the system's loader");
    cJSON_AddNumberToObject(root, "seconds", mb_bench_seconds() - kit->began);
    cJSON *stages = cJSON_AddArrayToObject(root, "stages");
    for (int i = 0; i < kit->stage_count; i++)
        if (has_run(&kit->stages[i]))
            cJSON_AddItemToArray(stages, describe_stage(&kit->stages[i]));
    return root;
}

// Replaces results.json as a whole, so that a run that is killed leaves the document of the
// previous stage.
mb_status mb_kit_write_results(const mb_kit *kit, mb_error *error) {
    cJSON *root = describe(kit);
    char *text = cJSON_Print(root);
    if (text != NULL && strlen(text) > MOST_RESULTS) {
        cJSON_free(text);
        text = cJSON_PrintUnformatted(root);
    }
    cJSON_Delete(root);
    if (text == NULL)
        return mb_out_of_memory(error, "results.json");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.4000s/results.json", kit->results);
    mb_output output;
    mb_status status = mb_output_begin(&output, path, true, error);
    if (status == MB_OK)
        status = mb_output_write(&output, text, strlen(text), error);
    if (status == MB_OK)
        status = mb_output_write(&output, "\n", 1, error);
    if (status == MB_OK)
        status = mb_output_finish(&output, error);
    mb_output_abandon(&output);
    cJSON_free(text);
    return status;
}

// ---- the table ----------------------------------------------------------------------------------

static void print_table(const mb_kit *kit, FILE *stream) {
    int passed = 0, failed = 0, left = 0;
    fprintf(stream, "merbench %s (%s), %s, driver %s, runtime %s; %s\n\n", kit->version,
            kit->source, kit->gpu ? kit->device : "no GPU",
            kit->driver[0] != '\0' ? kit->driver : "none",
            kit->runtime[0] != '\0' ? kit->runtime : "none", kit->date);
    for (int i = 0; i < kit->stage_count; i++) {
        const mb_kit_result *r = &kit->stages[i];
        if (!has_run(r))
            continue;
        passed += r->outcome == MB_KIT_PASSED;
        failed += r->outcome == MB_KIT_FAILED || r->outcome == MB_KIT_TIMED_OUT;
        left += r->outcome == MB_KIT_NOT_RUN || r->outcome == MB_KIT_UNAVAILABLE;
        fprintf(stream, "%-20s %-9s %7.1f s  %s%s%s%s\n", r->stage->name,
                mb_kit_outcome_text(r->outcome), r->seconds, r->figures,
                r->reason[0] != '\0' ? "(" : "", r->reason, r->reason[0] != '\0' ? ")" : "");
    }
    fprintf(stream, "\n%d passed, %d failed, %d not run, %.0f s; results are in %s\n", passed,
            failed, left, mb_bench_seconds() - kit->began, kit->results);
}

mb_status mb_kit_print_table(const mb_kit *kit, mb_error *error) {
    char *text = NULL, path[PATH_MAX];
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL)
        return mb_out_of_memory(error, "table.txt");
    print_table(kit, stream);
    if (fclose(stream) != 0) {
        free(text);
        return mb_out_of_memory(error, "table.txt");
    }
    fwrite(text, 1, length, stdout);
    snprintf(path, sizeof path, "%.4000s/table.txt", kit->results);
    mb_status status = mb_write_file(path, true, text, length, error);
    free(text);
    return status;
}
