// merbench replay: trains one recorded trial again and compares it bit for bit.
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "sweep/replay.h"

enum { MAX_PLACES = 32 };

typedef struct replay_options {
    const char *results, *key;
    const char *places[MAX_PLACES];
    int place_count;
} replay_options;

static void print_help(void) {
    printf(
        "usage: merbench replay RESULTS.db KEY [--data DIR]...\n\n"
        "Trains the trial with this key (or a unique beginning of it, 6 digits or more) again, "
        "all\n"
        "folds, and compares curves, scores and predictions with the recorded ones, bit for bit.\n"
        "Nothing is written. Exit code 0: identical; 3: the first difference is named.\n\n"
        "  --data DIR   where to look for the trial's corpus: a folder with *.h5 files, or a\n"
        "               corpus; may be given several times (default: this folder). The corpus is\n"
        "               known by its digests, whatever its name is.\n\n"
        "'merbench table RESULTS.db --format json' shows the keys of trials.\n"
        "example: merbench replay demo/results.db 3f2a9c --data demo\n");
}

static mb_status parse(int argc, char **argv, replay_options *options, bool *done,
                       mb_error *error) {
    static const struct option table[] = {{"help", no_argument, NULL, 'h'},
                                          {"data", required_argument, NULL, 'd'},
                                          {NULL, 0, NULL, 0}};
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", table, NULL)) != -1) {
        if (option == 'h') {
            print_help();
            *done = true;
            return MB_OK;
        }
        if (option == ':')
            return mb_fail(error, MB_USAGE, "%s: expected a value behind it", argv[optind - 1]);
        if (option == '?')
            return mb_fail(error, MB_USAGE, "unknown option '%s'; see 'merbench replay --help'",
                           argv[optind - 1]);
        if (options->place_count == MAX_PLACES)
            return mb_fail(error, MB_USAGE, "--data: given more than %d times", MAX_PLACES);
        options->places[options->place_count++] = optarg;
    }
    if (argc - optind != 2)
        return mb_fail(error, MB_USAGE,
                       "expected a ledger and a key; usage: merbench replay RESULTS.db KEY "
                       "[--data DIR]...");
    options->results = argv[optind];
    options->key = argv[optind + 1];
    if (options->place_count == 0)
        options->places[options->place_count++] = ".";
    return MB_OK;
}

static mb_status replay(const replay_options *options, mb_ledger *ledger,
                        const mb_ledger_trial *recorded, mb_error *error) {
    char where[64];
    mb_trial trial;
    mb_device *device = NULL;
    char *path = NULL;
    snprintf(where, sizeof where, "trial %s", recorded->key);
    mb_status status = mb_trial_parse(where, recorded->description, &trial, error);
    if (status == MB_OK)
        status = mb_replay_find_corpus(&trial, options->places, options->place_count, &path, error);
    if (status == MB_OK)
        status = mb_cpu_backend.open(&device, error);
    if (status == MB_OK) {
        printf("trial %s: %s, %s, seed %u, corpus %s\n", recorded->key, trial.dataset,
               trial.model->name, trial.seed, path);
        status = mb_replay_trial(ledger, recorded->key, &trial, path, device, stdout, error);
        mb_cpu_backend.close(device);
    }
    free(path);
    mb_trial_free(&trial);
    return status;
}

mb_status mb_cmd_replay(int argc, char **argv, mb_error *error) {
    replay_options options = {0};
    bool done = false;
    mb_status status = parse(argc, argv, &options, &done, error);
    if (status != MB_OK || done)
        return status;
    mb_ledger *ledger = NULL;
    mb_ledger_trial trial = {.description = NULL};
    status = mb_ledger_open(options.results, MB_LEDGER_READ, &ledger, error);
    if (status == MB_OK)
        status = mb_ledger_get_trial(ledger, options.key, &trial, error);
    if (status == MB_OK)
        status = replay(&options, ledger, &trial, error);
    mb_ledger_trial_free(&trial);
    mb_ledger_close(ledger);
    return status;
}
