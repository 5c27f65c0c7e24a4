// Says in words, for notes and CSV, what tables know of runs, choices and settings.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "base/plural.h"
#include "report/table_data.h"

static void print_folds(const int32_t *folds, int32_t count, FILE *out) {
    fprintf(out, count == 1 ? "fold" : "folds");
    for (int32_t i = 0; i < count; i++)
        fprintf(out, "%s %" PRId32, i > 0 ? "," : "", folds[i]);
}

char *mb_fold_list(const int32_t *folds, int32_t count) {
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL)
        return NULL;
    print_folds(folds, count, stream);
    return mb_memory_stream_end(stream, &text) ? text : NULL;
}

// ---- runs -------------------------------------------------------------------------------------

// "seed 3, fold 4: from epoch 2, loss of the training not finite"
static void print_failure(const mb_table_failure *failure, FILE *out) {
    fprintf(out, "seed %" PRId64, failure->seed);
    if (failure->fold_count > 1)
        fprintf(out, ", fold %" PRId32, failure->fold);
    if (failure->epoch > 0)
        fprintf(out, ": %s epoch %" PRId32, failure->diverged ? "in" : "from", failure->epoch);
    if (failure->cause[0] != '\0')
        fprintf(out, "%s%s", failure->epoch > 0 ? ", " : ": ", failure->cause);
}

bool mb_failures_text(const mb_table_value *value, bool diverged, int32_t most, char **text) {
    size_t length;
    FILE *stream = open_memstream(text, &length);
    if (stream == NULL)
        return false;
    int32_t count = 0;
    for (int32_t i = 0; i < value->failure_count; i++) {
        if (value->failures[i].diverged != diverged || count++ >= most)
            continue;
        fputs(count > 1 ? "; " : "", stream);
        print_failure(&value->failures[i], stream);
    }
    if (count > most)
        fprintf(stream, "; and %" PRId32 " more", count - most);
    return mb_memory_stream_end(stream, text);
}

// "cpu avx2: 10 runs, cpu avx512: 1 run"
bool mb_devices_text(const mb_table_value *value, char **text) {
    size_t length;
    FILE *stream = open_memstream(text, &length);
    if (stream == NULL)
        return false;
    for (int32_t i = 0; value->device_count > 1 && i < value->device_count; i++)
        fprintf(stream, "%s%s: %" PRId32 " %s", i > 0 ? ", " : "", value->devices[i].text,
                value->devices[i].runs, mb_plural(value->devices[i].runs, "run", "runs"));
    return mb_memory_stream_end(stream, text);
}

// ---- choices ----------------------------------------------------------------------------------

// Prints the folds that have the same doubt as choice i, unless an earlier choice has it, too.
static void print_doubt(const mb_ledger_cell *cell, int32_t i, bool by_fold, int32_t *folds,
                        FILE *out) {
    const char *doubt = cell->choices[i].doubt;
    int32_t count = 0;
    for (int32_t j = 0; j < cell->choice_count; j++)
        if (strcmp(cell->choices[j].doubt, doubt) == 0) {
            if (j < i)
                return;
            folds[count++] = cell->choices[j].fold;
        }
    fputs(ftell(out) > 0 ? "; " : "", out);
    if (by_fold) {
        print_folds(folds, count, out);
        fputs(": ", out);
    }
    fputs(doubt, out);
}

bool mb_doubts_text(const mb_table_cell *cell, char **text) {
    const mb_ledger_cell *recorded = cell->cell;
    size_t length;
    int32_t *folds = calloc((size_t)recorded->choice_count + 1, sizeof *folds);
    FILE *stream = folds != NULL ? open_memstream(text, &length) : NULL;
    // Under mertools all folds have the same choice.
    bool by_fold = strcmp(recorded->protocol, "strict") == 0 && recorded->choice_count > 1;
    for (int32_t i = 0; stream != NULL && i < recorded->choice_count; i++)
        if (recorded->choices[i].doubt[0] != '\0')
            print_doubt(recorded, i, by_fold, folds, stream);
    free(folds);
    return stream != NULL && mb_memory_stream_end(stream, text);
}

bool mb_settings_of_value_text(const mb_table_value *value, char **text) {
    size_t length;
    FILE *stream = open_memstream(text, &length);
    if (stream == NULL)
        return false;
    for (int32_t i = 0; i < value->setting_count; i++) {
        const mb_table_setting *setting = &value->settings[i];
        fputs(i > 0 ? "; " : "", stream);
        if (setting->fold != MB_EVERY_FOLD)
            fprintf(stream, "fold %" PRId32 ": ", setting->fold);
        fputs(setting->text, stream);
    }
    return mb_memory_stream_end(stream, text);
}
