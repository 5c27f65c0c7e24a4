// Command lines. A table lists the options of a program, the values that they take and the
// variables that receive them. The parser and the help both work from this table.
#ifndef MB_BASE_COMMAND_LINE_H
#define MB_BASE_COMMAND_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "merbench/status.h"

enum { MB_MOST_VALUES = 32, MB_MOST_OPERANDS = 3 };

typedef struct mb_texts {
    int32_t count;
    const char *items[MB_MOST_VALUES];
} mb_texts;

typedef struct mb_wholes {
    int32_t count;
    int32_t items[MB_MOST_VALUES];
} mb_wholes;

// An option. The pointer that is set determines the type of the value and the variable that
// receives it. The variable keeps its default if the option is not given. Texts point into argv.
typedef struct mb_command_option {
    const char *name;  // without dashes; NULL ends a table
    const char *value; // name of the value in the help: "FILE"; NULL: the option takes no value
    const char *help;  // {} is replaced by the choices or the range; NULL: hidden from the help

    bool *given;       // set to true; the only pointer of an option without a value
    const char **text; // any text, or one of the choices
    mb_texts *texts;   // one more text each time the option is given
    int32_t *whole;    // least..most
    mb_wholes *wholes; // numbers least..most, separated by commas
    uint32_t *seed;    // 0..4294967295
    double *real;      // least..most, or above least
    int32_t *choice;   // index of the choice
    mb_status (*read)(const char *option, char *text, void *target, mb_error *error);
    void *target; // passed to `read`, which may change the text

    double least, most;
    const char *const *choices;
    int32_t choice_count;
    char letter;          // short name; 0: none
    bool above;           // `least` itself is not allowed
    bool any_case;        // choices are compared without regard to case
    bool required;        // must be given
    const char *expected; // in messages, instead of "a whole number 1..8"

    const struct mb_command_option *included; // this entry inserts the options of another table
} mb_command_option;

typedef struct mb_command_line {
    const char *program;                        // "merbench run"
    const char *usage;                          // the help before the list of options
    const char *notes;                          // the help after the list of options, or NULL
    void (*print_more)(FILE *stream);           // prints the end of the help, or NULL
    const mb_command_option *options;           // without --help, which every program has
    const char *operands[MB_MOST_OPERANDS + 1]; // "PLAN.json"; NULL ends the list
    int32_t least;                              // the number of operands that must be given
    bool repeats;                               // the last operand may be given several times
} mb_command_line;

typedef struct mb_operands {
    bool help_shown; // --help was given and the help was printed: nothing else is to be done
    int32_t count;
    char **items; // point into argv
} mb_operands;

// Parses the arguments after argv[0]. Options and operands may be mixed: the operands are moved to
// the end of argv. "--" ends the options. A long name may be shortened as long as it is
// unambiguous. MB_USAGE: the command line is wrong, and the message says how.
mb_status mb_command_line_parse(const mb_command_line *line, int argc, char **argv,
                                mb_operands *operands, mb_error *error);

void mb_command_line_help(const mb_command_line *line, FILE *stream);

// Read the whole text as a finite number, or as a whole number least..most. False if it is not one.
bool mb_parse_real(const char *text, double *number);
bool mb_parse_whole(const char *text, double least, double most, int64_t *number);

#endif
