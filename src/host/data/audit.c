#include "data/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "data/corpus_file.h"

const char *mb_severity_name(mb_severity severity) {
    return severity == MB_ERROR ? "error" : severity == MB_WARNING ? "warning" : "note";
}

mb_check mb_check_start(mb_audit *audit, mb_severity severity, const char *name,
                        const char *subject, const char *message) {
    mb_check check = {.audit = audit,
                      .finding = {.severity = severity, .check = name, .message = message}};
    check.finding.subject = strdup(subject);
    check.finding.entries = calloc((size_t)audit->most_entries + 1, sizeof(char *));
    check.failed = check.finding.subject == NULL || check.finding.entries == NULL;
    return check;
}

void mb_check_add(mb_check *check, const char *format, ...) {
    mb_finding *finding = &check->finding;
    finding->count++;
    if (check->failed || finding->entry_count >= check->audit->most_entries)
        return;
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        check->failed = true;
    else
        finding->entries[finding->entry_count++] = text;
}

static void free_finding(mb_finding *finding) {
    for (int i = 0; i < finding->entry_count; i++)
        free(finding->entries[i]);
    free(finding->entries);
    free(finding->subject);
}

mb_status mb_check_finish(mb_check *check, mb_error *error) {
    mb_audit *audit = check->audit;
    if (!check->failed && check->finding.count > 0 && audit->count == audit->capacity) {
        int capacity = audit->capacity == 0 ? 16 : 2 * audit->capacity;
        mb_finding *moved = realloc(audit->findings, (size_t)capacity * sizeof *moved);
        check->failed = moved == NULL;
        if (moved != NULL) {
            audit->findings = moved;
            audit->capacity = capacity;
        }
    }
    if (!check->failed && check->finding.count > 0)
        audit->findings[audit->count++] = check->finding;
    else
        free_finding(&check->finding);
    return check->failed ? mb_out_of_memory(error, "audit") : MB_OK;
}

void mb_audit_free(mb_audit *audit) {
    for (int i = 0; i < audit->count; i++)
        free_finding(&audit->findings[i]);
    free(audit->findings);
    *audit = (mb_audit){0};
}

int mb_audit_count(const mb_audit *audit, mb_severity severity) {
    int count = 0;
    for (int i = 0; i < audit->count; i++)
        count += audit->findings[i].severity == severity;
    return count;
}

char *mb_finding_line(const mb_finding *finding) {
    char *line = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&line, &size);
    if (stream == NULL)
        return NULL;
    fprintf(stream, "%s: %s: %s", finding->check, finding->subject, finding->message);
    for (int e = 0; e < finding->entry_count; e++)
        fprintf(stream, "%s%s", e == 0 ? ": " : "; ", finding->entries[e]);
    if (finding->count > finding->entry_count)
        fprintf(stream, "; and %" PRId64 " more", finding->count - finding->entry_count);
    return mb_memory_stream_end(stream, &line) ? line : NULL;
}

static mb_status audit_feature_list(const mb_corpus *corpus, mb_audit *audit, mb_error *error) {
    mb_check none = mb_check_start(audit, MB_ERROR, "no-features", corpus->rules->name,
                                   "datasets without features");
    if (corpus->feature_count == 0)
        mb_check_add(&none, "there is nothing to train with");
    mb_status status = mb_check_finish(&none, error);
    if (status != MB_OK)
        return status;
    mb_check unknown = mb_check_start(audit, MB_NOTE, "unknown-modality", corpus->rules->name,
                                      "features whose modality is not known");
    for (int32_t f = 0; f < corpus->feature_count; f++)
        if (corpus->features[f].modality < 0)
            mb_check_add(&unknown, "'%s'", corpus->features[f].name);
    status = mb_check_finish(&unknown, error);
    if (status != MB_OK)
        return status;
    mb_check same = mb_check_start(audit, MB_WARNING, "equal-features", corpus->rules->name,
                                   "features with the same values under two names");
    for (int32_t f = 0; f < corpus->feature_count; f++)
        for (int32_t g = 0; g < f; g++)
            if (strcmp(corpus->features[f].digest, corpus->features[g].digest) == 0)
                mb_check_add(&same, "'%s' and '%s'", corpus->features[g].name,
                             corpus->features[f].name);
    return mb_check_finish(&same, error);
}

mb_status mb_audit_corpus(mb_corpus *corpus, int most_entries, mb_audit *audit, mb_error *error) {
    *audit = (mb_audit){.most_entries = most_entries};
    mb_status status = mb_audit_labels(corpus, audit, error);
    if (status == MB_OK)
        status = audit_feature_list(corpus, audit, error);
    for (int32_t f = 0; f < corpus->feature_count && status == MB_OK; f++) {
        const mb_feature *feature;
        status = mb_corpus_load_any(corpus, corpus->features[f].name, &feature, error);
        if (status == MB_OK)
            status = mb_audit_feature(corpus, feature, audit, error);
        mb_corpus_unload(corpus, corpus->features[f].name);
    }
    return status;
}
