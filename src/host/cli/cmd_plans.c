// merbench plans: lists the plans of a ledger and how far they are.
#include <stdio.h>

#include "cli/cli.h"
#include "cli/ledger_file.h"
#include "cli/shared_options.h"
#include "report/plans.h"

static const char usage[] =
    "usage: merbench plans RESULTS.db [--json]\n\n"
    "Lists the plans that were run into a ledger, the one that ran last first: name, digest, and\n"
    "how many trials of their cells are done. A sweep may be running meanwhile.";

static const char notes[] =
    "search: the trials of the search; setting: whether it has chosen one; final: those of the\n"
    "final seeds. Plans that share trials each count them. 'merbench table' shows the first plan;\n"
    "its option --plan takes a name, of which it shows the last plan, or 6 digits of a digest.\n"
    "example: merbench plans demo/results.db";

mb_status mb_cmd_plans(int argc, char **argv, mb_error *error) {
    bool json = false;
    const mb_command_option options[] = {mb_json_option(&json), {.name = NULL}};
    const mb_command_line line = {.program = "merbench plans",
                                  .usage = usage,
                                  .notes = notes,
                                  .options = options,
                                  .operands = {"RESULTS.db"},
                                  .least = 1};
    mb_operands operands;
    mb_ledger *ledger = NULL;
    mb_status status = mb_command_line_parse(&line, argc, argv, &operands, error);
    if (status != MB_OK || operands.help_shown)
        return status;
    status = mb_open_ledger(operands.items[0], MB_LEDGER_READ, &ledger, error);
    if (status == MB_OK)
        status = mb_plans_print(ledger, json, stdout, error);
    mb_ledger_close(ledger);
    return status;
}
