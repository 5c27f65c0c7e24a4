#include "base/command_line.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/command_options.h"
#include "base/suggest.h"

// What getopt_long returns for long options: numbers above all letters.
enum { HELP_CODE = 256, FIRST_CODE };

enum { FEW_CHOICES = 5 };

// ---- values -----------------------------------------------------------------------------------

bool mb_parse_real(const char *text, double *number) {
    char *end;
    if (text[0] == '\0' || isspace((unsigned char)text[0]))
        return false;
    errno = 0;
    *number = strtod(text, &end);
    return *end == '\0' && errno == 0 && isfinite(*number);
}

bool mb_parse_whole(const char *text, double least, double most, int64_t *number) {
    char *end;
    if (!isdigit((unsigned char)text[text[0] == '-']))
        return false;
    errno = 0;
    long long found = strtoll(text, &end, 10);
    *number = found;
    return *end == '\0' && errno == 0 && (double)found >= least && (double)found <= most;
}

// Lists the choices if they are few or if none of them resembles `text`; otherwise suggests one.
static mb_status refuse_choice(const mb_command_option *option, const char *text, mb_error *error) {
    char choices[512], suggestion[128];
    mb_unknown unknown = {
        .what = "value", .name = text, .known = option->choices, .count = option->choice_count};
    mb_suggest(&unknown, suggestion, sizeof suggestion);
    if (suggestion[0] != '\0' && option->choice_count > FEW_CHOICES) {
        mb_status status = mb_fail_unknown(error, MB_USAGE, &unknown);
        return mb_fail_in(error, status, "--%s: ", option->name);
    }
    mb_option_describe(option, choices, sizeof choices);
    return mb_fail(error, MB_USAGE, "--%s: expected %s, found '%s'%s", option->name, choices, text,
                   suggestion);
}

static mb_status refuse(const mb_command_option *option, const char *text, mb_error *error) {
    char range[64];
    mb_option_describe(option, range, sizeof range);
    if (option->expected != NULL)
        return mb_fail(error, MB_USAGE, "--%s: expected %s, found '%s'", option->name,
                       option->expected, text);
    return mb_fail(error, MB_USAGE, "--%s: expected a %snumber %s, found '%s'", option->name,
                   option->real != NULL ? "" : "whole ", range, text);
}

static mb_status take_choice(const mb_command_option *option, const char *text, mb_error *error) {
    for (int32_t i = 0; i < option->choice_count; i++)
        if ((option->any_case ? strcasecmp : strcmp)(option->choices[i], text) == 0) {
            if (option->choice != NULL)
                *option->choice = i;
            else
                *option->text = option->choices[i];
            return MB_OK;
        }
    return refuse_choice(option, text, error);
}

static mb_status take_texts(const mb_command_option *option, const char *text, mb_error *error) {
    mb_texts *texts = option->texts;
    if (texts->count == MB_MOST_VALUES)
        return mb_fail(error, MB_USAGE, "--%s: given more than %d times", option->name,
                       MB_MOST_VALUES);
    texts->items[texts->count++] = text;
    return MB_OK;
}

// The numbers replace the option's default list.
static mb_status take_wholes(const mb_command_option *option, char *text, mb_error *error) {
    mb_wholes wholes = {.count = 0};
    int64_t number;
    for (char *rest = text, *item; (item = strsep(&rest, ",")) != NULL;) {
        if (wholes.count == MB_MOST_VALUES)
            return mb_fail(error, MB_USAGE, "--%s: expected at most %d numbers", option->name,
                           MB_MOST_VALUES);
        if (!mb_parse_whole(item, option->least, option->most, &number))
            return refuse(option, item, error);
        wholes.items[wholes.count++] = (int32_t)number;
    }
    *option->wholes = wholes;
    return MB_OK;
}

static mb_status take_number(const mb_command_option *option, const char *text, mb_error *error) {
    int64_t whole = 0;
    double real = 0;
    if (option->real != NULL && (!mb_parse_real(text, &real) || real < option->least ||
                                 real > option->most || (option->above && real == option->least)))
        return refuse(option, text, error);
    if (option->real == NULL &&
        !mb_parse_whole(text, option->least, option->seed != NULL ? UINT32_MAX : option->most,
                        &whole))
        return refuse(option, text, error);
    if (option->real != NULL)
        *option->real = real;
    else if (option->seed != NULL)
        *option->seed = (uint32_t)whole;
    else
        *option->whole = (int32_t)whole;
    return MB_OK;
}

static mb_status take(const mb_command_option *option, char *text, mb_error *error) {
    if (option->given != NULL)
        *option->given = true;
    if (option->value == NULL)
        return MB_OK;
    if (option->read != NULL) {
        char name[64];
        snprintf(name, sizeof name, "--%s", option->name);
        return option->read(name, text, option->target, error);
    }
    if (option->choice_count > 0)
        return take_choice(option, text, error);
    if (option->texts != NULL)
        return take_texts(option, text, error);
    if (option->wholes != NULL)
        return take_wholes(option, text, error);
    if (option->text == NULL)
        return take_number(option, text, error);
    *option->text = text;
    return MB_OK;
}

// ---- names ------------------------------------------------------------------------------------

// The options in the form that getopt_long takes.
typedef struct getopt_table {
    char letters[2 * MB_MOST_COMMAND_OPTIONS + 4];
    struct option options[MB_MOST_COMMAND_OPTIONS + 2];
} getopt_table;

static void make_table(const mb_option_list *list, getopt_table *table) {
    size_t length = (size_t)snprintf(table->letters, sizeof table->letters, ":h");
    for (int32_t i = 0; i < list->count; i++) {
        const mb_command_option *option = list->items[i];
        bool takes = option->value != NULL;
        table->options[i] = (struct option){option->name, takes ? required_argument : no_argument,
                                            NULL, FIRST_CODE + i};
        if (option->letter != 0)
            length += (size_t)snprintf(table->letters + length, sizeof table->letters - length,
                                       "%c%s", option->letter, takes ? ":" : "");
    }
    table->options[list->count] = (struct option){"help", no_argument, NULL, HELP_CODE};
    table->options[list->count + 1] = (struct option){NULL, 0, NULL, 0};
}

static const mb_command_option *find(const mb_option_list *list, int code) {
    if (code >= FIRST_CODE)
        return list->items[code - FIRST_CODE];
    for (int32_t i = 0; i < list->count; i++)
        if (list->items[i]->letter == code)
            return list->items[i];
    return NULL;
}

static mb_status refuse_ambiguous(const mb_option_list *list, const char *name, mb_error *error) {
    char fitting[512] = "";
    for (int32_t i = 0; i < list->count; i++)
        if (strncmp(list->items[i]->name, name, strlen(name)) == 0) {
            size_t length = strlen(fitting);
            snprintf(fitting + length, sizeof fitting - length, "%s--%s", length > 0 ? ", " : "",
                     list->items[i]->name);
        }
    return mb_fail(error, MB_USAGE, "option '--%s' could be %s", name, fitting);
}

// Refuses the argument `given`. getopt_long has left in `optopt` the unknown letter, the code of an
// option that takes no value, or 0 for an unknown or ambiguous long name.
static mb_status refuse_name(const mb_command_line *line, const mb_option_list *list,
                             const char *given, mb_error *error) {
    char name[128], hint[128];
    const char *known[MB_MOST_COMMAND_OPTIONS + 1];
    int count = 0, matches = 0;
    snprintf(hint, sizeof hint, "'%s --help' lists the options", line->program);
    if (optopt != 0 && optopt < HELP_CODE)
        return mb_fail(error, MB_USAGE, "unknown option '-%c'; %s", optopt, hint);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(given + 2, "="), given + 2);
    if (optopt != 0)
        return mb_fail(error, MB_USAGE, "option '--%s' takes no value, found '%s'",
                       optopt == HELP_CODE ? "help" : find(list, optopt)->name, given);
    for (int32_t i = 0; i < list->count; i++) {
        matches += strncmp(list->items[i]->name, name, strlen(name)) == 0;
        if (list->items[i]->help != NULL)
            known[count++] = list->items[i]->name;
    }
    if (matches > 1)
        return refuse_ambiguous(list, name, error);
    known[count++] = "help";
    return mb_fail_unknown(error, MB_USAGE,
                           &(mb_unknown){.what = "option",
                                         .name = name,
                                         .known = known,
                                         .count = count,
                                         .prefix = "--",
                                         .hint = hint});
}

static mb_status refuse_without_value(const mb_option_list *list, int code, mb_error *error) {
    const mb_command_option *option = find(list, code);
    if (code >= FIRST_CODE)
        return mb_fail(error, MB_USAGE, "option '--%s' needs a value: %s", option->name,
                       option->value);
    return mb_fail(error, MB_USAGE, "option '-%c' needs a value: %s", code, option->value);
}

// ---- the whole line ---------------------------------------------------------------------------

static mb_status parse_options(const mb_command_line *line, const mb_option_list *list,
                               const getopt_table *table, int argc, char **argv, bool *seen,
                               bool *help, mb_error *error) {
    optind = 0; // makes getopt_long start afresh
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, table->letters, table->options, NULL)) != -1;) {
        if (code == 'h' || code == HELP_CODE) {
            *help = true;
            return MB_OK;
        }
        if (code == ':')
            return refuse_without_value(list, optopt, error);
        const mb_command_option *option = code == '?' ? NULL : find(list, code);
        if (option == NULL)
            return refuse_name(line, list, argv[optind - 1], error);
        for (int32_t i = 0; i < list->count; i++)
            seen[i] = seen[i] || list->items[i] == option;
        mb_status status = take(option, optarg, error);
        if (status != MB_OK)
            return status;
    }
    return MB_OK;
}

static mb_status check_required(const mb_command_line *line, const mb_option_list *list,
                                const bool *seen, mb_error *error) {
    for (int32_t i = 0; i < list->count; i++) {
        const mb_command_option *option = list->items[i];
        char name[64];
        if (!option->required || seen[i])
            continue;
        snprintf(name, sizeof name, "--%s", option->name);
        if (option->letter != 0)
            snprintf(name, sizeof name, "-%c", option->letter);
        return mb_fail(error, MB_USAGE, "%s %s is missing; '%s --help' explains", name,
                       option->value, line->program);
    }
    return MB_OK;
}

static mb_status check_operands(const mb_command_line *line, const mb_operands *operands,
                                mb_error *error) {
    int32_t most = 0;
    while (line->operands[most] != NULL)
        most++;
    if (operands->count < line->least)
        return mb_fail(error, MB_USAGE, "%s is missing; '%s --help' explains",
                       line->operands[operands->count], line->program);
    if (operands->count > most && !line->repeats)
        return mb_fail(error, MB_USAGE, "unexpected argument '%s'; '%s --help' explains",
                       operands->items[most], line->program);
    return MB_OK;
}

mb_status mb_command_line_parse(const mb_command_line *line, int argc, char **argv,
                                mb_operands *operands, mb_error *error) {
    mb_option_list list = {.count = 0};
    getopt_table table;
    bool seen[MB_MOST_COMMAND_OPTIONS] = {false};
    *operands = (mb_operands){.help_shown = false};
    mb_option_list_add(&list, line->options);
    make_table(&list, &table);
    mb_status status =
        parse_options(line, &list, &table, argc, argv, seen, &operands->help_shown, error);
    if (status == MB_OK && operands->help_shown)
        mb_command_line_help(line, stdout);
    if (status != MB_OK || operands->help_shown)
        return status;
    operands->count = argc - optind;
    operands->items = argv + optind;
    status = check_operands(line, operands, error);
    return status == MB_OK ? check_required(line, &list, seen, error) : status;
}
