// Prints a plan of a ledger in the rows and columns of a layout.
#ifndef MB_PAPER_LAYOUT_PRINT_H
#define MB_PAPER_LAYOUT_PRINT_H

#include <stdio.h>

#include "paper/layout.h"
#include "report/table.h"

typedef enum mb_published_form {
    MB_PUBLISHED_OFF,
    MB_PUBLISHED_BESIDE,     // the published number, the difference and the verdict
    MB_PUBLISHED_DIFFERENCE, // the difference and the verdict
} mb_published_form;
extern const char *const mb_published_form_names[3]; // "off", "beside", "diff"

typedef struct mb_layout_options {
    mb_table_options table; // its metric is not used: the layout names metrics
    mb_published_form published;
} mb_layout_options;

// MB_BAD_INPUT: as mb_table_print, and what places.h and layout_values.h say.
mb_status mb_layout_print(mb_ledger *ledger, const mb_layout *layout,
                          const mb_layout_options *options, FILE *out, mb_error *error);

// Whether a layout fits the cells of the plan; MB_BAD_INPUT as above. Nothing need be trained yet.
mb_status mb_layout_check(mb_ledger *ledger, const mb_layout *layout,
                          const mb_layout_options *options, mb_error *error);

#endif
