// Filling a report.
#ifndef MB_PARITY_REPORT_H
#define MB_PARITY_REPORT_H

#include "parity/parity.h"

mb_parity_group *mb_parity_group_of(mb_parity_report *report, const char *name);

// Counts one tensor of `count` numbers against its reference.
void mb_parity_compare(mb_parity_group *group, const char *tensor, const float *found,
                       const float *expected, int64_t count, double limit);
// Counts one tensor: no element may differ by more than the limit.
void mb_parity_compare_elements(mb_parity_group *group, const char *tensor, const float *found,
                                const float *expected, int64_t count, double limit);
// Counts one number: |found - expected| <= limit * max(1, |expected|); NaN equals NaN.
void mb_parity_compare_number(mb_parity_group *group, const char *name, double found,
                              double expected, double limit);

// The first thing that does not fit is kept.
void mb_parity_find(mb_parity_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// MB_OK or MB_BAD_INPUT.
mb_status mb_parity_verdict(const mb_parity_report *report);

#endif
