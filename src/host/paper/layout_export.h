// Prints a table with a layout for other programs.
#ifndef MB_PAPER_LAYOUT_EXPORT_H
#define MB_PAPER_LAYOUT_EXPORT_H

#include <stdio.h>

#include "paper/layout_values.h"

// One line or one object for every place. Numbers are printed as stored (no percent), with 17
// digits.
void mb_layout_print_csv(const mb_layout_values *values, FILE *out);
void mb_layout_print_json(const mb_layout_values *values, FILE *out);

#endif
