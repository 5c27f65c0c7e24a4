// Command lines. A table says which options a program takes, what their values are and where they
// go. Command lines are parsed by it, and the help is printed from it.
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

// An option. Which of the pointers is set says what its value is, and where it goes; what is
// pointed to keeps its start value where the option is not given. Texts lie in argv.
typedef struct mb_command_option {
    const char *name;  // without dashes; NULL ends a table
    const char *value; // stands for the value in the help: "FILE"; NULL: there is none
    const char *help;  // {} stands for the choices or the range; NULL: the help leaves it out

    bool *given;       // becomes true; all that an option without a value has
    const char **text; // any, or one of the choices
    mb_texts *texts;   // may be given several times
    int32_t *whole;    // least..most
    mb_wholes *wholes; // least..most each, separated by commas
    uint32_t *seed;    // 0..4294967295
    double *real;      // least..most, or above least
    int32_t *choice;   // position among the choices
    mb_status (*read)(const char *option, char *text, void *target, mb_error *error);
    void *target; // of `read`, which may change the text

    double least, most;
    const char *const *choices;
    int32_t choice_count;
    char letter;          // short name; 0: none
    bool above;           // `least` itself is too little
    bool any_case;        // choices are compared without case
    bool required;        // must be given
    const char *expected; // in messages, instead of "a whole number 1..8"

    const struct mb_command_option *others; // no option: those of another table stand here
} mb_command_option;

typedef struct mb_command_line {
    const char *program; // "merbench run"
    const char *usage;   // of the help, what stands before the options, and behind them, or NULL
    const char *notes;
    void (*print_more)(FILE *stream);           // the end of the help, or NULL
    const mb_command_option *options;           // without --help, which all have
    const char *operands[MB_MOST_OPERANDS + 1]; // "PLAN.json"; NULL ends them
    int32_t least;                              // so many of them must be there
    bool repeats;                               // the last may stand there several times
} mb_command_line;

typedef struct mb_operands {
    bool helped; // --help was given, and the help printed: there is nothing else to do
    int32_t count;
    char **items; // in argv
} mb_operands;

// argv[0] is not looked at. Options may stand between operands, which are moved behind them; "--"
// ends the options; the beginning of a name will do where no other begins like it. MB_USAGE: the
// message says what is wrong.
mb_status mb_command_line_parse(const mb_command_line *line, int argc, char **argv,
                                mb_operands *operands, mb_error *error);

void mb_command_line_help(const mb_command_line *line, FILE *stream);

// The whole text as a finite number, or as a whole one least..most; false when it is none.
bool mb_parse_real(const char *text, double *number);
bool mb_parse_whole(const char *text, double least, double most, int64_t *number);

#endif
