// Compares tables in CSV, with the accuracy to which two executors agree.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kit/kit.h"

// Reads the next field of *at into `field`, quotes included; a quoted field may contain commas.
// False at the end of the line.
static bool next_field(const char **at, char *field, size_t size) {
    const char *begin = *at, *end = begin;
    if (begin == NULL)
        return false;
    for (bool quoted = false; *end != '\0' && (quoted || *end != ','); end++)
        if (*end == '"')
            quoted = !quoted;
    snprintf(field, size, "%.*s", (int)(end - begin), begin);
    *at = *end == ',' ? end + 1 : NULL;
    return true;
}

static bool number_of(const char *field, double *value) {
    char *end;
    *value = strtod(field, &end);
    return end != field && *end == '\0' && isfinite(*value);
}

static bool same_field(const char *field, const char *other, double limit, double *largest) {
    double x, y;
    if (!number_of(field, &x) || !number_of(other, &y))
        return strcmp(field, other) == 0;
    *largest = fmax(*largest, fabs(x - y));
    return fabs(x - y) <= limit;
}

static void compare_lines(const char *line, const char *other, double limit,
                          mb_kit_difference *difference) {
    char field[4096], second[4096];
    for (bool more = true; more && difference->where[0] == '\0';) {
        more = next_field(&line, field, sizeof field);
        if (next_field(&other, second, sizeof second) != more)
            snprintf(difference->where, sizeof difference->where,
                     "line %d: different numbers of fields", difference->lines);
        else if (more && !same_field(field, second, limit, &difference->largest))
            snprintf(difference->where, sizeof difference->where, "line %d: %.60s and %.60s",
                     difference->lines, field, second);
    }
}

mb_status mb_kit_compare(const char *path, const char *other, double limit,
                         mb_kit_difference *difference, mb_error *error) {
    *difference = (mb_kit_difference){.lines = 0};
    char *lines[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    FILE *files[2] = {fopen(path, "r"), fopen(other, "r")};
    mb_status status = MB_OK;
    for (int i = 0; i < 2; i++)
        if (files[i] == NULL)
            status = mb_fail(error, MB_FAILED, "%s: %s", i == 0 ? path : other, strerror(errno));
    while (status == MB_OK && difference->where[0] == '\0') {
        bool ended = getline(&lines[0], &sizes[0], files[0]) < 0;
        bool other_ended = getline(&lines[1], &sizes[1], files[1]) < 0;
        if (ended && other_ended)
            break;
        difference->lines++;
        if (ended || other_ended) {
            snprintf(difference->where, sizeof difference->where,
                     "line %d, which only one of them has", difference->lines);
            break;
        }
        for (int i = 0; i < 2; i++)
            lines[i][strcspn(lines[i], "\r\n")] = '\0';
        compare_lines(lines[0], lines[1], limit, difference);
    }
    for (int i = 0; i < 2; i++) {
        free(lines[i]);
        if (files[i] != NULL)
            fclose(files[i]);
    }
    return status;
}
