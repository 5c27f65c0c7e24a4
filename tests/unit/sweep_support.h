// A folder with small synthetic corpora, and sweeps over them.
#ifndef MB_TESTS_SWEEP_SUPPORT_H
#define MB_TESTS_SWEEP_SUPPORT_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/corpus_write.h"
#include "data/synth.h"
#include "sweep/sweep.h"

typedef struct sweep_folder {
    char path[64];
} sweep_folder;

static inline void sweep_folder_open(sweep_folder *folder) {
    snprintf(folder->path, sizeof folder->path, "/tmp/mb-sweep-XXXXXX");
    if (mkdtemp(folder->path) == NULL)
        abort();
}

static inline void sweep_folder_close(sweep_folder *folder) {
    DIR *entries = opendir(folder->path);
    struct dirent *entry;
    if (entries == NULL)
        abort();
    while ((entry = readdir(entries)) != NULL) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder->path, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    closedir(entries);
    if (rmdir(folder->path) != 0)
        abort();
}

// Writes FOLDER/FILE, a small corpus like the dataset.
static inline void sweep_folder_add(const sweep_folder *folder, const char *file,
                                    const char *dataset, double scale, bool frames) {
    mb_synth_options options;
    mb_corpus corpus = {0};
    mb_error error = {.message = ""};
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder->path, file);
    if (mb_synth_defaults(mb_dataset_find(dataset), &options, &error) != MB_OK)
        abort();
    options.scale = scale;
    options.frames = frames;
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        options.dims[m] = 3 + m;
    if (mb_synth_make(&options, &corpus, &error) != MB_OK ||
        mb_corpus_write(&corpus, NULL, 0, path, true, &error) != MB_OK) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    mb_corpus_close(&corpus);
}

#define SYNTH_FEATURES                                                                             \
    "\"features\": {\"audio\": \"synth-audio-UTT\", \"text\": \"synth-text-UTT\", "                \
    "\"video\": \"synth-video-UTT\"}"

// Makes a plan from its text, with the corpora of the folder.
static inline mb_status sweep_plan_from(const sweep_folder *folder, const char *text,
                                        mb_sweep_plan *plan, mb_error *error) {
    cJSON *document = NULL;
    *plan = (mb_sweep_plan){0};
    mb_status status =
        mb_json_parse("plan.json", text, strlen(text), &mb_plan_limits, &document, error);
    if (status == MB_OK)
        status = mb_sweep_plan_read("plan.json", document, folder->path, plan, error);
    cJSON_Delete(document);
    return status;
}

// Opens, prepares, trains and closes a sweep, as one start of the program does.
static const char *sweep_device = "test"; // recorded in the ledger

static inline mb_status sweep_start(const sweep_folder *folder, const char *text,
                                    const char *results, const mb_pool_config *config,
                                    mb_sweep_totals *totals, mb_error *error) {
    char path[256];
    mb_sweep_plan plan;
    mb_sweep *sweep = NULL;
    mb_ledger *ledger = NULL;
    snprintf(path, sizeof path, "%s/%s", folder->path, results);
    mb_status status = sweep_plan_from(folder, text, &plan, error);
    if (status == MB_OK)
        status = mb_sweep_open(&plan, &sweep, error);
    if (status == MB_OK && !config->backend->shares_host_memory)
        mb_sweep_use_device_memory(sweep);
    if (status == MB_OK)
        status = mb_ledger_open(path, MB_LEDGER_WRITE, &ledger, error);
    if (status == MB_OK)
        status = mb_sweep_prepare(sweep, ledger, true, error);
    if (status == MB_OK) {
        status = mb_sweep_train(sweep, config, sweep_device, NULL, NULL, error);
        mb_sweep_get_totals(sweep, totals);
    }
    if (status == MB_OK)
        status = mb_sweep_check_aside(sweep, error);
    mb_ledger_close(ledger);
    mb_sweep_close(sweep);
    mb_sweep_plan_free(&plan);
    return status;
}

#endif
