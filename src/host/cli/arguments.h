// Pieces of command lines that several subcommands have.
#ifndef MB_CLI_ARGUMENTS_H
#define MB_CLI_ARGUMENTS_H

#include <getopt.h>
#include <stdbool.h>

#include "merbench/dataset.h"

// The whole text as a finite number; false when it is none.
bool mb_parse_number(const char *text, double *number);

// "audio=0.5,text=1": numbers minimum..maximum by modality; those not named keep their value.
mb_status mb_parse_by_modality(const char *option, const char *text, double minimum, double maximum,
                               bool whole, double values[MB_MODALITY_COUNT], mb_error *error);

// MB_USAGE, with the nearest option of the command suggested.
mb_status mb_unknown_option(const char *command, const struct option *options, const char *given,
                            mb_error *error);

#endif
