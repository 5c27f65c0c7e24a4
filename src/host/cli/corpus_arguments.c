#include "cli/corpus_arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

enum { JSON = 256, ENTRIES, DEVICE, GPU };

static mb_status parse_entries(const char *text, int *entries, mb_error *error) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < 1 ||
        number > 1000000)
        return mb_fail(error, MB_USAGE, "--entries: expected a whole number 1..1000000, found '%s'",
                       text);
    *entries = (int)number;
    return MB_OK;
}

mb_status mb_parse_corpus_arguments(int argc, char **argv, bool doctor, corpus_arguments *given,
                                    mb_error *error) {
    const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"json", no_argument, NULL, JSON},
        {doctor ? "entries" : NULL, required_argument, NULL, ENTRIES},
        {"device", no_argument, NULL, DEVICE},
        {"gpu", required_argument, NULL, GPU},
        {0},
    };
    int option;
    optind = 0, opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        mb_status status = MB_OK;
        if (option == 'h')
            given->help = true;
        else if (option == JSON)
            given->json = true;
        else if (option == DEVICE)
            given->device = true;
        else if (option == GPU)
            status = mb_device_choice_gpu(&given->choice, optarg, error);
        else if (option == ENTRIES)
            status = parse_entries(optarg, &given->entries, error);
        else
            status = mb_fail(error, MB_USAGE, "%s '%s'; see 'merbench %s --help'",
                             option == ':' ? "a value is missing after" : "unknown option",
                             argv[optind - 1], argv[0]);
        if (status != MB_OK)
            return status;
    }
    if (given->help)
        return MB_OK;
    if (given->device && argc > optind)
        return mb_fail(error, MB_USAGE,
                       "--device looks at this machine: expected no corpus, found '%s'; see "
                       "'merbench %s --help'",
                       argv[optind], argv[0]);
    if (given->device)
        return MB_OK;
    if (given->choice.gpu.given)
        return mb_fail(error, MB_USAGE, "--gpu: it goes with --device; see 'merbench %s --help'",
                       argv[0]);
    if (argc - optind != 1)
        return mb_fail(error, MB_USAGE, "expected one corpus, found %d; see 'merbench %s --help'",
                       argc - optind, argv[0]);
    given->path = argv[optind];
    return MB_OK;
}
