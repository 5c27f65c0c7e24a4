// The command lines of info and doctor: one corpus and a few switches.
#ifndef MB_CLI_CORPUS_ARGUMENTS_H
#define MB_CLI_CORPUS_ARGUMENTS_H

#include <stdbool.h>

#include "cli/device_choice.h"
#include "merbench/status.h"

typedef struct corpus_arguments {
    const char *path; // NULL with --help and --device
    bool json, help;
    int entries;             // --entries N, of doctor
    bool device;             // --device, of doctor
    mb_device_choice choice; // --gpu, of doctor --device
} corpus_arguments;

mb_status mb_parse_corpus_arguments(int argc, char **argv, bool doctor, corpus_arguments *given,
                                    mb_error *error);

#endif
