// Any bytes as a plan, and as the description of a trial.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/sweep_plan.h"
#include "sweep/trial.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void demand(bool condition) {
    if (!condition)
        abort();
}

static void check_plan(const cJSON *document) {
    mb_sweep_plan plan;
    mb_error error = {.message = ""};
    mb_status status = mb_sweep_plan_read("input", document, NULL, &plan, &error);
    demand(status == MB_OK || (status == MB_BAD_INPUT && error.message[0] != '\0'));
    for (int32_t c = 0; c < plan.cell_count && status == MB_OK; c++)
        demand(plan.cells[c].setting_count > 0 && plan.cells[c].corpus < plan.corpus_count);
    mb_sweep_plan_free(&plan);
}

// The canonical text says the same and is its own canonical text.
static void check_canonical(const cJSON *document) {
    cJSON *again = NULL;
    mb_error error = {.message = ""};
    char *text = mb_json_canonical(document);
    demand(text != NULL);
    demand(mb_json_parse("canonical", text, strlen(text), &mb_plan_limits, &again, &error) ==
           MB_OK);
    char *twice = mb_json_canonical(again);
    demand(twice != NULL && strcmp(text, twice) == 0);
    cJSON_Delete(again);
    free(text);
    free(twice);
}

static void check_trial(const char *text) {
    mb_trial trial;
    mb_error error = {.message = ""};
    if (mb_trial_parse("input", text, &trial, &error) == MB_OK) {
        char key[33], *description = NULL;
        demand(mb_trial_describe(&trial, &description, key, &error) == MB_OK);
        free(description);
    }
    mb_trial_free(&trial);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    cJSON *document = NULL;
    mb_error error = {.message = ""};
    mb_status status =
        mb_json_parse("input", (const char *)bytes, size, &mb_plan_limits, &document, &error);
    demand(status == MB_OK || (status == MB_BAD_INPUT && error.message[0] != '\0'));
    if (status == MB_OK) {
        check_canonical(document);
        check_plan(document);
        char *text = mb_json_canonical(document);
        demand(text != NULL);
        check_trial(text);
        free(text);
    }
    cJSON_Delete(document);
    return 0;
}
