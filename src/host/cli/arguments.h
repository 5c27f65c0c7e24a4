// Parsers for option values that several commands take.
#ifndef MB_CLI_ARGUMENTS_H
#define MB_CLI_ARGUMENTS_H

#include <stdbool.h>

#include "merbench/dataset.h"
#include "sweep/plan_replace.h"

// Parses "audio=0.5,text=1": numbers minimum..maximum by modality. Modalities that are not named
// keep their value. The text is modified.
mb_status mb_parse_by_modality(const char *option, char *text, double minimum, double maximum,
                               bool whole, double values[MB_MODALITY_COUNT], mb_error *error);

// The same for whole numbers.
mb_status mb_parse_whole_by_modality(const char *option, char *text, int32_t minimum,
                                     int32_t maximum, int32_t values[MB_MODALITY_COUNT],
                                     mb_error *error);

// Parses "1,2": different seeds, into an mb_plan_replacement. The text is modified.
mb_status mb_parse_seeds(const char *option, char *text, void *replacement, mb_error *error);

#endif
