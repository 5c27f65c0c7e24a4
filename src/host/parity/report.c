#include "parity/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/plain.h"

mb_parity_group *mb_parity_group_of(mb_parity_report *report, const char *name) {
    for (int32_t i = 0; i < report->group_count; i++)
        if (strcmp(report->groups[i].name, name) == 0)
            return &report->groups[i];
    if (report->group_count == MB_PARITY_MOST_GROUPS)
        return NULL;
    mb_parity_group *group = &report->groups[report->group_count++];
    *group = (mb_parity_group){.name = name};
    return group;
}

static void count_error(mb_parity_group *group, const char *tensor, double error, double limit) {
    bool holds = error <= limit; // false for NaN
    group->compared++;
    group->failed += !holds;
    bool worse = group->compared == 1 || isnan(error) ||
                 error * group->worst_limit > group->worst_error * limit;
    if (!worse || isnan(group->worst_error))
        return;
    group->worst_error = error;
    group->worst_limit = limit;
    snprintf(group->worst_tensor, sizeof group->worst_tensor, "%s", tensor);
}

void mb_parity_compare(mb_parity_group *group, const char *tensor, const float *found,
                       const float *expected, int64_t count, double limit) {
    double difference = 0.0, norm = 0.0;
    for (int64_t i = 0; i < count; i++) {
        double d = (double)found[i] - (double)expected[i];
        difference += d * d;
        norm += (double)expected[i] * (double)expected[i];
    }
    // The absolute error where the reference is all zeros.
    count_error(group, tensor, sqrt(difference) / (norm > 0.0 ? sqrt(norm) : 1.0), limit);
}

void mb_parity_compare_elements(mb_parity_group *group, const char *tensor, const float *found,
                                const float *expected, int64_t count, double limit) {
    double largest = 0.0;
    for (int64_t i = 0; i < count; i++) {
        double d = fabs((double)found[i] - (double)expected[i]);
        largest = isnan(d) || d > largest ? d : largest;
    }
    count_error(group, tensor, largest, limit);
}

void mb_parity_compare_number(mb_parity_group *group, const char *name, double found,
                              double expected, double limit) {
    if (isnan(found) && isnan(expected))
        count_error(group, name, 0.0, limit);
    else
        count_error(group, name, fabs(found - expected) / fmax(1.0, fabs(expected)), limit);
}

void mb_parity_add_finding(mb_parity_report *report, const char *format, ...) {
    if (report->finding[0] != '\0')
        return;
    va_list arguments;
    va_start(arguments, format);
    mb_format_plain_list(report->finding, sizeof report->finding, format, arguments);
    va_end(arguments);
}

mb_status mb_parity_verdict(mb_parity_report *report) {
    int32_t failed = 0, compared = 0;
    for (int32_t i = 0; i < report->group_count; i++) {
        failed += report->groups[i].failed;
        compared += report->groups[i].compared;
    }
    if (compared == 0)
        mb_parity_add_finding(report, "expected values to compare with, found none");
    return failed > 0 || report->finding[0] != '\0' ? MB_BAD_INPUT : MB_OK;
}
