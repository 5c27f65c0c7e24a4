// merbench paper 17: measures the classifiers of the table and prints it.
#ifndef MB_CLI_PAPER_COSTS_H
#define MB_CLI_PAPER_COSTS_H

#include "cli/device_choice.h"
#include "paper/paper_complexity.h"

typedef struct mb_paper_costs_options {
    const mb_device_choice *choice;
    mb_table_format format;
    mb_published_form published;
    bool dry_run; // prints how many classifiers would be measured
} mb_paper_costs_options;

mb_status mb_paper_costs_run(int32_t table, const mb_paper_costs_options *options, mb_error *error);

#endif
