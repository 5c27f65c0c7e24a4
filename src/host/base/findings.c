#include "base/findings.h"

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "base/utf8.h"

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
    snprintf(findings->lines + length, size - length, "%s", line);
    mb_make_plain(findings->lines + length, "");
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

mb_status mb_findings_result(const mb_findings *findings, mb_status status, mb_error *error) {
    int more = findings->count - findings->listed;
    if (findings->count == 0)
        return status;
    if (status != MB_OK && status != MB_BAD_INPUT)
        return mb_fail_in(error, status, "%s", findings->lines);
    if (more > 0)
        return mb_fail(error, MB_BAD_INPUT, "%s... and %s%d more", findings->lines,
                       findings->count == MB_MOST_FINDINGS ? "at least " : "", more);
    return mb_fail(error, MB_BAD_INPUT, "%.*s", (int)strlen(findings->lines) - 1, findings->lines);
}
