// Reads the output of a stage: its figures, and whether it failed.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "kit/kit.h"

char *mb_kit_text(const char *path, size_t most) {
    FILE *file = fopen(path, "r");
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    size_t whole = size < 0 ? 0 : (size_t)size;
    size_t head = whole > most ? most / 2 : whole, tail = whole > most ? most / 2 : 0;
    char *text = size < 0 ? NULL : malloc(head + tail + 100);
    if (text != NULL) {
        size_t length = 0;
        rewind(file);
        length += fread(text, 1, head, file);
        if (tail > 0 && fseek(file, -(long)tail, SEEK_END) == 0) {
            length += (size_t)snprintf(
                text + length, 100, "\n... %zu bytes are left out here ...\n", whole - head - tail);
            length += fread(text + length, 1, tail, file);
        }
        // A zero byte ends text, so one that a program has written by mistake would hide the rest.
        for (size_t i = 0; i < length; i++)
            if (text[i] == '\0')
                text[i] = '?';
        text[length] = '\0';
    }
    if (file != NULL)
        fclose(file);
    return text;
}

cJSON *mb_kit_documents(const char *text, mb_error *error) {
    static const mb_json_limits limits = {.bytes = 1 << 20, .values = 100000, .depth = 16};
    cJSON *documents = cJSON_CreateArray();
    const char *end = text + strlen(text);
    for (const char *at = text; at != NULL && at < end;) {
        cJSON *document = NULL;
        size_t used = 0;
        if (*at == '{' && mb_json_parse_first("a document of its output", at, (size_t)(end - at),
                                              &limits, &used, &document, error) == MB_OK) {
            cJSON_AddItemToArray(documents, document);
            at += used;
        }
        at = strchr(at, '\n');
        at += at != NULL;
    }
    return documents;
}

static double number(const cJSON *document, const char *key) {
    const cJSON *value = cJSON_GetObjectItem(document, key);
    return cJSON_IsNumber(value) ? value->valuedouble : NAN;
}

static const char *text(const cJSON *document, const char *key) {
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItem(document, key));
    return value != NULL ? value : "";
}

static bool is(const cJSON *document, const char *key, const char *value) {
    return strcmp(text(document, key), value) == 0;
}

// The last document that has a number of this name. If there is none, NULL, and the stage has
// failed.
static const cJSON *document_with(mb_kit_result *result, const char *key) {
    const cJSON *document, *found = NULL;
    cJSON_ArrayForEach(document, result->output) {
        if (isfinite(number(document, key)))
            found = document;
    }
    if (found == NULL)
        mb_kit_set(result, MB_KIT_FAILED, "its output has no \"%s\"", key);
    return found;
}

void mb_kit_judge_nothing(mb_kit *kit, mb_kit_result *result) {
    (void)kit;
    (void)result;
}

void mb_kit_judge_smoke(mb_kit *kit, mb_kit_result *result) {
    const cJSON *document = cJSON_GetArrayItem(result->output, 0);
    const cJSON *cuda = cJSON_GetObjectItem(document, "cuda"), *device, *chosen = NULL;
    snprintf(kit->driver, sizeof kit->driver, "%s", text(cuda, "driver"));
    snprintf(kit->runtime, sizeof kit->runtime, "%s", text(cuda, "runtime"));
    cJSON_ArrayForEach(device, cJSON_GetObjectItem(cuda, "devices")) {
        if (cJSON_IsTrue(cJSON_GetObjectItem(device, "chosen")))
            chosen = device;
    }
    if (document == NULL) // the reason has already been set
        return;
    if (chosen == NULL) {
        const char *problem = text(cuda, "problem");
        mb_kit_set(result, MB_KIT_FAILED, "no GPU: %.200s",
                   problem[0] != '\0' ? problem : "merbench doctor found none");
        return;
    }
    kit->gpu = true;
    snprintf(kit->device, sizeof kit->device, "%s, compute capability %s, %.1f GiB",
             text(chosen, "name"), text(chosen, "compute_capability"),
             number(chosen, "memory_bytes") / 1073741824.0);
    snprintf(result->figures, sizeof result->figures, "%.150s", kit->device);
    if (!cJSON_IsTrue(cJSON_GetObjectItem(chosen, "works")))
        mb_kit_set(result, MB_KIT_FAILED, "%.100s: %.150s", kit->device, text(chosen, "problem"));
}

void mb_kit_judge_tests(mb_kit *kit, mb_kit_result *result) {
    static const char mark[] = "[  PASSED  ] ";
    char *log = mb_kit_text(kit->log, 1 << 20);
    const char *line = log != NULL ? strstr(log, mark) : NULL;
    long count = line != NULL ? strtol(line + strlen(mark), NULL, 10) : 0;
    if (count > 0)
        snprintf(result->figures, sizeof result->figures, "%ld test%s", count,
                 count > 1 ? "s" : "");
    else
        mb_kit_set(result, MB_KIT_FAILED, "no test was run");
    free(log);
}

void mb_kit_judge_fixtures(mb_kit *kit, mb_kit_result *result) {
    static const char mark[] = ": holds, model ";
    char *log = mb_kit_text(kit->log, 1 << 20);
    int count = 0;
    for (const char *at = log; at != NULL && (at = strstr(at, mark)) != NULL; at++)
        count++;
    if (count > 0)
        snprintf(result->figures, sizeof result->figures, "%d fixtures hold", count);
    else
        mb_kit_set(result, MB_KIT_FAILED, "no fixture was compared");
    free(log);
}

void mb_kit_judge_alone(mb_kit *kit, mb_kit_result *result) {
    const cJSON *document;
    double models = 0.0, runs = 0.0;
    int left_out = 0;
    (void)kit;
    cJSON_ArrayForEach(document, result->output) {
        if (!is(document, "what", "alone"))
            continue;
        if (cJSON_IsTrue(cJSON_GetObjectItem(document, "left_out"))) { // not enough memory
            left_out++;
            continue;
        }
        if (!cJSON_IsTrue(cJSON_GetObjectItem(document, "equal"))) {
            mb_kit_set(result, MB_KIT_FAILED, "an array of %g models is not equal to its runs",
                       number(document, "models"));
            return;
        }
        models = fmax(models, number(document, "models"));
        runs += number(document, "runs_compared");
    }
    if (runs > 0.0)
        snprintf(result->figures, sizeof result->figures,
                 "%g runs of arrays of up to %g models are the same alone%s", runs, models,
                 left_out > 0 ? "; larger arrays do not fit" : "");
    else
        mb_kit_set(result, MB_KIT_FAILED, "no run was compared");
}

// Reports hidden_dim 128 if it was measured, else the smallest.
void mb_kit_judge_pace(mb_kit *kit, mb_kit_result *result) {
    const cJSON *document, *best = NULL;
    (void)kit;
    cJSON_ArrayForEach(document, result->output) {
        if (!is(document, "what", "train") || !(number(document, "seconds") > 0.0))
            continue;
        if (best == NULL || (number(document, "hidden_dim") <= 128.0 &&
                             number(document, "hidden_dim") >= number(best, "hidden_dim") &&
                             number(document, "models") >= number(best, "models")))
            best = document;
    }
    if (best == NULL) {
        mb_kit_set(result, MB_KIT_FAILED, "nothing was trained");
        return;
    }
    snprintf(result->figures, sizeof result->figures,
             "%g models of hidden_dim %g: %.0f model-steps/s, %.1f %% of the copy, %.0f GB/s",
             number(best, "models"), number(best, "hidden_dim"),
             number(best, "models") / number(best, "seconds"),
             100.0 * number(best, "gigabytes_per_second") /
                 number(best, "device_copy_gigabytes_per_second"),
             number(best, "device_copy_gigabytes_per_second"));
}

void mb_kit_judge_training(mb_kit *kit, mb_kit_result *result) {
    const cJSON *document = document_with(result, "steps_per_second");
    if (document == NULL)
        return;
    double rate = number(document, "steps_per_second");
    if (is(document, "model", "attention")) {
        kit->rate = rate;
        kit->weights = number(document, "weights");
    }
    double of_copy = number(document, "percent_of_device_copy");
    int length = snprintf(result->figures, sizeof result->figures, "%g models: %.0f model-steps/s",
                          number(document, "models"), rate);
    if (isfinite(of_copy))
        snprintf(result->figures + length, sizeof result->figures - (size_t)length,
                 ", %.1f %% of the copy", of_copy);
}

void mb_kit_judge_profile(mb_kit *kit, mb_kit_result *result) {
    const cJSON *document;
    (void)kit;
    cJSON_ArrayForEach(document, result->output) {
        if (is(document, "what", "op"))
            break;
    }
    if (document == NULL)
        mb_kit_set(result, MB_KIT_FAILED, "no op was timed");
    else
        snprintf(result->figures, sizeof result->figures,
                 "slowest: %.60s, %.1f %% of a step, %.1f %% of the copy", text(document, "op"),
                 100.0 * number(document, "share"), 100.0 * number(document, "of_copy"));
}

void mb_kit_judge_peer(mb_kit *kit, mb_kit_result *result) {
    const cJSON *document = document_with(result, "steps_per_second");
    if (document == NULL)
        return;
    double rate = number(document, "steps_per_second");
    int length = snprintf(result->figures, sizeof result->figures, "%.0f model-steps/s", rate);
    if (kit->rate > 0.0 && kit->weights != number(document, "weights"))
        mb_kit_set(result, MB_KIT_FAILED, "trains models of %g weights, merbench of %g",
                   number(document, "weights"), kit->weights);
    else if (kit->rate > 0.0)
        snprintf(result->figures + length, sizeof result->figures - (size_t)length,
                 "; merbench is %.2f x", kit->rate / rate);
}
