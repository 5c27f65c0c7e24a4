// Filling a report with comparisons.
#ifndef MB_PARITY_REPORT_H
#define MB_PARITY_REPORT_H

#include "parity/parity.h"

// The group of this name, which is added if the report does not have it.
mb_parity_group *mb_parity_group_of(mb_parity_report *report, const char *name);

// Compares a tensor of `count` numbers with its reference, by its relative L2 error.
void mb_parity_compare(mb_parity_group *group, const char *tensor, const float *found,
                       const float *expected, int64_t count, double limit);
// Compares a tensor: no element may differ by more than the limit.
void mb_parity_compare_elements(mb_parity_group *group, const char *tensor, const float *found,
                                const float *expected, int64_t count, double limit);
// Compares a number: |found - expected| <= limit * max(1, |expected|); NaN equals NaN.
void mb_parity_compare_number(mb_parity_group *group, const char *name, double found,
                              double expected, double limit);

// Records a difference that is not a number; the report keeps the first.
void mb_parity_add_finding(mb_parity_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// MB_OK if something was compared and everything holds, otherwise MB_BAD_INPUT. That nothing was
// compared is a finding.
mb_status mb_parity_verdict(mb_parity_report *report);

#endif
