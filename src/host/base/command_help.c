// Prints the help of a command line from its table of options.
#include <assert.h>
#include <string.h>

#include "base/command_options.h"

enum {
    INDENT = 2,
    LONGEST_LABEL = 26, // the help of a longer label starts on the next line
    LINE_END = 96,      // lines are wrapped at this column
};

void mb_option_list_add(mb_option_list *list, const mb_command_option *table) {
    for (; table->name != NULL || table->included != NULL; table++)
        if (table->included != NULL) {
            mb_option_list_add(list, table->included);
        } else {
            assert(list->count < MB_MOST_COMMAND_OPTIONS);
            list->items[list->count++] = table;
        }
}

static void describe_choices(const mb_command_option *option, char *text, size_t size) {
    size_t length = 0;
    for (int32_t i = 0; i < option->choice_count && length < size; i++) {
        const char *between = i == 0 ? "" : i + 1 < option->choice_count ? ", " : " or ";
        length +=
            (size_t)snprintf(text + length, size - length, "%s%s", between, option->choices[i]);
    }
}

void mb_option_describe(const mb_command_option *option, char *text, size_t size) {
    text[0] = '\0';
    if (option->choice_count > 0)
        describe_choices(option, text, size);
    else if (option->seed != NULL)
        snprintf(text, size, "0..%u", UINT32_MAX);
    else if (option->whole != NULL || option->wholes != NULL)
        snprintf(text, size, "%.0f..%.0f", option->least, option->most);
    else if (option->real != NULL && option->above)
        snprintf(text, size, "above %g and up to %g", option->least, option->most);
    else if (option->real != NULL)
        snprintf(text, size, "%g..%g", option->least, option->most);
}

// "-o, --output FILE". Where some options have letters, the others are indented to line up.
static void make_label(const mb_command_option *option, bool letters, char *label, size_t size) {
    char letter[8] = "";
    if (letters)
        snprintf(letter, sizeof letter, option->letter != 0 ? "-%c, " : "    ", option->letter);
    snprintf(label, size, "%s--%s%s%s", letter, option->name, option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
}

// The help text, with "{}" replaced by the values that the option takes.
static void make_help(const mb_command_option *option, char *text, size_t size) {
    char takes[512];
    const char *braces = strstr(option->help, "{}");
    mb_option_describe(option, takes, sizeof takes);
    if (braces == NULL)
        snprintf(text, size, "%s", option->help);
    else
        snprintf(text, size, "%.*s%s%s", (int)(braces - option->help), option->help, takes,
                 braces + 2);
}

// Prints the words of `text` between `column` and LINE_END, on as many lines as they need. The
// first line has already been filled up to `column`.
static void print_wrapped(const char *text, int column, FILE *stream) {
    int at = column;
    for (const char *word = text; *word != '\0';) {
        int length = (int)strcspn(word, " ");
        if (at > column && at + 1 + length > LINE_END) {
            fprintf(stream, "\n%*s", column, "");
            at = column;
        } else if (at > column) {
            fputc(' ', stream);
            at++;
        }
        fprintf(stream, "%.*s", length, word);
        at += length;
        word += length + (word[length] == ' ');
    }
    fputc('\n', stream);
}

void mb_command_line_help(const mb_command_line *line, FILE *stream) {
    mb_option_list list = {0};
    char label[64], text[1024];
    bool letters = false;
    int width = 0;
    mb_option_list_add(&list, line->options);
    for (int32_t i = 0; i < list.count; i++)
        letters = letters || list.items[i]->letter != 0;
    for (int32_t i = 0; i < list.count; i++) {
        make_label(list.items[i], letters, label, sizeof label);
        int length = (int)strlen(label);
        if (list.items[i]->help != NULL && length <= LONGEST_LABEL && length > width)
            width = length;
    }
    int column = INDENT + width + 2;
    fprintf(stream, "%s\n\n", line->usage);
    for (int32_t i = 0; i < list.count; i++) {
        if (list.items[i]->help == NULL)
            continue;
        make_label(list.items[i], letters, label, sizeof label);
        make_help(list.items[i], text, sizeof text);
        fprintf(stream, "%*s%-*s  ", INDENT, "", width, label);
        if ((int)strlen(label) > width)
            fprintf(stream, "\n%*s", column, "");
        print_wrapped(text, column, stream);
    }
    if (line->notes != NULL)
        fprintf(stream, "\n%s\n", line->notes);
    if (line->print_more != NULL)
        line->print_more(stream);
}
