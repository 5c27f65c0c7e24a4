#include "cli/arguments.h"

#include <math.h>
#include <string.h>

#include "base/command_line.h"
#include "base/suggest.h"

static mb_status find_modality(const char *option, const char *name, int32_t *modality,
                               mb_error *error) {
    for (*modality = 0; *modality < MB_MODALITY_COUNT; ++*modality)
        if (strcmp(mb_modality_names[*modality], name) == 0)
            return MB_OK;
    mb_status status = mb_fail_unknown(error, MB_USAGE,
                                       &(mb_unknown){.what = "modality",
                                                     .name = name,
                                                     .known = mb_modality_names,
                                                     .count = MB_MODALITY_COUNT});
    return mb_fail_in(error, status, "%s: ", option);
}

mb_status mb_parse_by_modality(const char *option, char *text, double minimum, double maximum,
                               bool whole, double values[MB_MODALITY_COUNT], mb_error *error) {
    bool given[MB_MODALITY_COUNT] = {false};
    for (char *rest = text, *item; (item = strsep(&rest, ",")) != NULL;) {
        char *number = strchr(item, '=');
        if (number == NULL)
            return mb_fail(error, MB_USAGE,
                           "%s: expected MODALITY=NUMBER, as in 'audio=1,text=2', found '%s'",
                           option, item);
        *number++ = '\0';
        int32_t m;
        mb_status status = find_modality(option, item, &m, error);
        if (status != MB_OK)
            return status;
        double value;
        if (given[m])
            return mb_fail(error, MB_USAGE, "%s: %s is given twice", option, item);
        if (!mb_parse_real(number, &value) || value < minimum || value > maximum ||
            (whole && value != floor(value)))
            return mb_fail(error, MB_USAGE, "%s: %s: expected a %snumber %.0f..%.0f, found '%s'",
                           option, item, whole ? "whole " : "", minimum, maximum, number);
        values[m] = value;
        given[m] = true;
    }
    return MB_OK;
}

mb_status mb_parse_whole_by_modality(const char *option, char *text, int32_t minimum,
                                     int32_t maximum, int32_t values[MB_MODALITY_COUNT],
                                     mb_error *error) {
    double numbers[MB_MODALITY_COUNT];
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
        numbers[m] = values[m];
    mb_status status = mb_parse_by_modality(option, text, minimum, maximum, true, numbers, error);
    for (int32_t m = 0; status == MB_OK && m < MB_MODALITY_COUNT; m++)
        values[m] = (int32_t)numbers[m];
    return status;
}

mb_status mb_parse_seeds(const char *option, char *text, void *replacement, mb_error *error) {
    mb_plan_replacement *given = replacement;
    given->seed_count = 0;
    for (char *rest = text, *item; (item = strsep(&rest, ",")) != NULL;) {
        int64_t seed = 0;
        if (!mb_parse_whole(item, 0, UINT32_MAX, &seed))
            return mb_fail(error, MB_USAGE,
                           "%s: expected seeds 0..4294967295, as in '1,2,3', found '%s'", option,
                           item);
        if (given->seed_count == MB_MOST_REPLACED_SEEDS)
            return mb_fail(error, MB_USAGE, "%s: expected at most %d seeds", option,
                           MB_MOST_REPLACED_SEEDS);
        for (int32_t i = 0; i < given->seed_count; i++)
            if (given->seeds[i] == (uint32_t)seed)
                return mb_fail(error, MB_USAGE, "%s: %s is given twice", option, item);
        given->seeds[given->seed_count++] = (uint32_t)seed;
    }
    return MB_OK;
}
