#include "cli/arguments.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

bool mb_parse_number(const char *text, double *number) {
    char *end;
    if (text[0] == '\0' || isspace((unsigned char)text[0]))
        return false;
    errno = 0;
    *number = strtod(text, &end);
    return *end == '\0' && errno == 0 && isfinite(*number);
}

static mb_status find_modality(const char *option, const char *name, int32_t *modality,
                               mb_error *error) {
    for (*modality = 0; *modality < MB_MODALITY_COUNT; ++*modality)
        if (strcmp(mb_modality_names[*modality], name) == 0)
            return MB_OK;
    const char *nearest = mb_nearest_name(name, mb_modality_names, MB_MODALITY_COUNT);
    return mb_fail(error, MB_USAGE, "%s: unknown modality '%s'%s%s%s", option, name,
                   nearest != NULL ? "; did you mean '" : "; expected audio, text or video",
                   nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

mb_status mb_parse_by_modality(const char *option, const char *text, double minimum, double maximum,
                               bool whole, double values[MB_MODALITY_COUNT], mb_error *error) {
    char *copy = strdup(text), *rest = copy, *item;
    if (copy == NULL)
        return mb_out_of_memory(error, option);
    bool given[MB_MODALITY_COUNT] = {false};
    mb_status status = MB_OK;
    while (status == MB_OK && (item = strsep(&rest, ",")) != NULL) {
        char *number = strchr(item, '=');
        if (number == NULL) {
            status = mb_fail(error, MB_USAGE,
                             "%s: expected MODALITY=NUMBER, as in 'audio=1,text=2', found '%s'",
                             option, item);
            break;
        }
        *number++ = '\0';
        int32_t m;
        status = find_modality(option, item, &m, error);
        if (status != MB_OK)
            break;
        double value;
        if (given[m])
            status = mb_fail(error, MB_USAGE, "%s: %s is given twice", option, item);
        else if (!mb_parse_number(number, &value) || value < minimum || value > maximum ||
                 (whole && value != floor(value)))
            status = mb_fail(error, MB_USAGE, "%s: %s: expected a %snumber %.0f..%.0f, found '%s'",
                             option, item, whole ? "whole " : "", minimum, maximum, number);
        else
            values[m] = value;
        given[m] = true;
    }
    free(copy);
    return status;
}

mb_status mb_unknown_option(const char *command, const struct option *options, const char *given,
                            mb_error *error) {
    enum { MOST = 32 };
    const char *names[MOST], *nearest = NULL;
    int count = 0;
    while (count < MOST && options[count].name != NULL) {
        names[count] = options[count].name;
        count++;
    }
    if (strncmp(given, "--", 2) == 0)
        nearest = mb_nearest_name(given + 2, names, count);
    if (nearest != NULL)
        return mb_fail(error, MB_USAGE, "unknown option '%s'; did you mean '--%s'?", given,
                       nearest);
    return mb_fail(error, MB_USAGE, "unknown option '%s'; 'merbench %s --help' lists the options",
                   given, command);
}
