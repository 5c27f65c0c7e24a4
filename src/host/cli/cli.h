// Declares the subcommands. Each one parses its arguments (argv[0] is its name), does its work,
// prints its results to stdout, and returns a status. main prints the message of a failure.
#ifndef MB_CLI_CLI_H
#define MB_CLI_CLI_H

#include "merbench/status.h"

#define MB_COMMAND(name, arguments, summary)                                                       \
    mb_status mb_cmd_##name(int argc, char **argv, mb_error *error);
#include "cli/commands.def"
#undef MB_COMMAND

#endif
