// What is wrong with a file, collected so that one message tells all of it.
#ifndef MB_BASE_FINDINGS_H
#define MB_BASE_FINDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/status.h"

// The findings that a message lists, and those that are counted: then the checks should stop.
enum { MB_MOST_LISTED = 20, MB_MOST_FINDINGS = 1000 };

typedef struct mb_findings {
    int count, listed;
    uint64_t digests[MB_MOST_FINDINGS]; // of the findings so far, none of which is counted twice
    char lines[sizeof((mb_error *)0)->message - 256];
} mb_findings;

// Counts a finding unless it was found before. Returns whether its line should be made and listed.
bool mb_findings_count(mb_findings *findings, const char *finding);
// Adds the line of a finding. Its newlines and control characters are escaped.
void mb_findings_list(mb_findings *findings, const char *line);
// Counts and lists the message in `error`.
void mb_findings_add(mb_findings *findings, const mb_error *error);

// MB_OK after a refusal (MB_BAD_INPUT) that was collected, so that the checks go on; `status` after
// everything else and when enough was found.
mb_status mb_findings_go_on(const mb_findings *findings, mb_status status);

// The result of the checks, which ended with `status`. If there are findings, the message lists
// them, and MB_OK becomes MB_BAD_INPUT. The message of another failure follows them.
mb_status mb_findings_result(const mb_findings *findings, mb_status status, mb_error *error);

#endif
