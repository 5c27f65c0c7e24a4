#include "base/findings.h"

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "base/plain.h"

bool mb_findings_count(mb_findings *findings, const char *finding) {
    uint64_t digest = XXH3_64bits(finding, strlen(finding));
    if (findings->count == MB_MOST_FINDINGS)
        return false;
    for (int i = 0; i < findings->count; i++)
        if (findings->digests[i] == digest)
            return false;
    findings->digests[findings->count++] = digest;
    return findings->listed == findings->count - 1 && findings->listed < MB_MOST_LISTED;
}

// A line that has no room ends the list: later findings are only counted, too.
void mb_findings_list(mb_findings *findings, const char *line) {
    size_t length = strlen(findings->lines), size = sizeof findings->lines;
    if (length + strlen(line) + 2 > size)
        return;
    mb_format_plain(findings->lines + length, size - length - 1, "%s", line);
    length = strlen(findings->lines);
    snprintf(findings->lines + length, size - length, "\n");
    findings->listed++;
}

void mb_findings_add(mb_findings *findings, const mb_error *error) {
    if (mb_findings_count(findings, error->message))
        mb_findings_list(findings, error->message);
}

mb_status mb_findings_go_on(const mb_findings *findings, mb_status status) {
    return status == MB_BAD_INPUT && findings->count < MB_MOST_FINDINGS ? MB_OK : status;
}

// The start of the line that ends at `end`.
static size_t line_start(const char *lines, size_t end) {
    while (end > 0 && lines[end - 1] != '\n')
        end--;
    return end;
}

// The message is made from its end on: what follows the lines, then each line in front of it.
mb_status mb_findings_result(const mb_findings *findings, mb_status status, mb_error *error) {
    const char *lines = findings->lines;
    int more = findings->count - findings->listed;
    size_t end = strlen(lines), start;
    if (findings->count == 0)
        return status;
    if (status == MB_OK || status == MB_BAD_INPUT) {
        status = MB_BAD_INPUT;
        start = more > 0 ? end : line_start(lines, end - 1);
        if (more > 0)
            mb_fail(error, status, "... and %s%d more",
                    findings->count == MB_MOST_FINDINGS ? "at least " : "", more);
        else
            mb_fail(error, status, "%.*s", (int)(end - 1 - start), lines + start);
        end = start;
    }
    for (; end > 0; end = start) {
        start = line_start(lines, end - 1);
        mb_fail_in(error, status, "%.*s\n", (int)(end - 1 - start), lines + start);
    }
    return status;
}
