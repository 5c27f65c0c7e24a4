// The audit of a corpus: what is wrong with it, or worth knowing.
#ifndef MB_DATA_AUDIT_H
#define MB_DATA_AUDIT_H

#include <stdbool.h>

#include "merbench/corpus.h"

typedef enum mb_severity { MB_NOTE, MB_WARNING, MB_ERROR } mb_severity;

// "note", "warning", "error".
const char *mb_severity_name(mb_severity severity);

typedef struct mb_finding {
    mb_severity severity;
    const char *check;   // "nonfinite", "constant-columns" ...
    char *subject;       // the feature, split or dataset that it is about
    const char *message; // describes the entries, beginning with a plural: "utterances with ..."
    int64_t count;       // number of entries found
    char **entries;      // the first few of them
    int entry_count;
} mb_finding;

typedef struct mb_audit {
    int most_entries; // how many entries of a finding are kept
    int count, capacity;
    mb_finding *findings;
} mb_audit;

// Checks the labels, the splits and every feature. Only one feature is in memory at a time.
mb_status mb_audit_corpus(mb_corpus *corpus, int most_entries, mb_audit *audit, mb_error *error);
void mb_audit_free(mb_audit *audit);

// Checks the labels and the splits alone, which needs no file. `audit` must be empty except for
// most_entries.
mb_status mb_audit_labels(const mb_corpus *corpus, mb_audit *audit, mb_error *error);

// The number of findings of this severity.
int mb_audit_count(const mb_audit *audit, mb_severity severity);

// The finding in one line, malloc'ed: "one-class: MELD: parts ...: 'train': ...; 'val': ...". NULL
// when out of memory.
char *mb_finding_line(const mb_finding *finding);

// Used by audit*.c: a finding in the making. mb_check_finish adds it to the audit, unless it has
// no entries.
typedef struct mb_check {
    mb_audit *audit;
    mb_finding finding;
    bool failed; // out of memory
} mb_check;

mb_check mb_check_start(mb_audit *audit, mb_severity severity, const char *name,
                        const char *subject, const char *message);
void mb_check_add(mb_check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
mb_status mb_check_finish(mb_check *check, mb_error *error);

// audit_published.c: labels of another dataset.
mb_status mb_audit_published(const mb_corpus *corpus, mb_audit *audit, mb_error *error);
// audit_parts.c: parts on which scores are not defined or say nothing.
mb_status mb_audit_parts(const mb_corpus *corpus, mb_audit *audit, mb_error *error);
mb_status mb_audit_feature(const mb_corpus *corpus, const mb_feature *feature, mb_audit *audit,
                           mb_error *error);

#endif
