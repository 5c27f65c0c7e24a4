// The audit of the parts that runs train on, select on and are scored on: whether their labels can
// tell good predictions from bad ones.
#include <stdio.h>

#include "base/plain.h"
#include "data/audit.h"
#include "data/summary.h"
#include "merbench/folds.h"

typedef struct part_checks {
    mb_check one_class, no_sign, one_sign;
} part_checks;

static part_checks start(mb_audit *audit, const char *dataset) {
    return (part_checks){
        .one_class = mb_check_start(audit, MB_WARNING, "one-class", dataset,
                                    "parts whose utterances all have one class, perhaps a "
                                    "placeholder"),
        .no_sign = mb_check_start(audit, MB_WARNING, "no-sign", dataset,
                                  "parts without a valence other than 0; WAF and ACC are not "
                                  "defined there"),
        .one_sign = mb_check_start(audit, MB_WARNING, "one-sign", dataset,
                                   "parts whose valences have one sign; a constant prediction has "
                                   "a WAF of 100 there"),
    };
}

static mb_status finish(part_checks *checks, mb_error *error) {
    mb_status one_class = mb_check_finish(&checks->one_class, error);
    mb_status no_sign = mb_check_finish(&checks->no_sign, error);
    mb_status one_sign = mb_check_finish(&checks->one_sign, error);
    return one_class != MB_OK ? one_class : no_sign != MB_OK ? no_sign : one_sign;
}

// The class of all rows, or -1.
static int32_t only_class(const mb_corpus *corpus, const mb_label_summary *labels) {
    int32_t found = -1;
    for (int32_t c = 0; c < corpus->rules->class_count; c++)
        if (labels->classes[c] > 0) {
            if (found >= 0)
                return -1;
            found = c;
        }
    return found;
}

static void check_classes(const mb_corpus *corpus, const char *name, const mb_label_summary *labels,
                          mb_check *check) {
    int32_t class = only_class(corpus, labels);
    if (class >= 0)
        mb_check_add(check, "%s: %d of class %d '%s'%s", name, labels->classes[class], class,
                     corpus->rules->classes[class],
                     labels->minimum < labels->maximum ? ", with different valences" : "");
}

static void check_signs(const char *name, const mb_label_summary *labels, part_checks *checks) {
    if (labels->values == 0) // reported as missing
        return;
    if (labels->negative == 0 && labels->positive == 0)
        mb_check_add(&checks->no_sign, "%s: %d zero", name, labels->zero);
    else if (labels->negative == 0 || labels->positive == 0)
        mb_check_add(&checks->one_sign, "%s: %d negative, %d zero, %d positive", name,
                     labels->negative, labels->zero, labels->positive);
}

static void check_rows(const mb_corpus *corpus, const char *name, const mb_split *rows,
                       part_checks *checks) {
    mb_label_summary labels = mb_summarize_labels(corpus, rows);
    if (corpus->rules->class_count > 0)
        check_classes(corpus, name, &labels, &checks->one_class);
    else
        check_signs(name, &labels, checks);
}

static void check_part(const mb_corpus *corpus, const char *name, const mb_part *part,
                       part_checks *checks) {
    check_rows(corpus, name, &(mb_split){.count = part->count, .rows = part->rows}, checks);
}

// The sessions, and what the runs of either protocol train on. The parts that select or are held
// out under strict are sessions, too.
static mb_status check_sessions(const mb_corpus *corpus, part_checks *checks, mb_error *error) {
    for (int protocol = MB_PROTOCOL_MERTOOLS; protocol <= MB_PROTOCOL_STRICT; protocol++) {
        mb_fold_set folds;
        mb_error reason;
        mb_status status = mb_folds_make(corpus, (mb_protocol)protocol, 0, &folds, &reason);
        if (status == MB_BAD_INPUT) // other checks say why
            return MB_OK;
        if (status != MB_OK)
            return mb_out_of_memory(error, "folds");
        for (int32_t k = 0; k < folds.fold_count; k++) {
            const mb_fold *fold = &folds.folds[k];
            char name[64];
            snprintf(name, sizeof name, "session %d", k + 1);
            if (protocol == MB_PROTOCOL_MERTOOLS)
                check_part(corpus, name, &fold->select, checks);
            snprintf(name, sizeof name, "training part of fold %d under %s", k,
                     protocol == MB_PROTOCOL_MERTOOLS ? "mertools" : "strict");
            check_part(corpus, name, &fold->train, checks);
        }
        mb_folds_free(&folds);
    }
    return MB_OK;
}

// Random folds differ from seed to seed; only the split that they are drawn from is checked.
mb_status mb_audit_parts(const mb_corpus *corpus, mb_audit *audit, mb_error *error) {
    part_checks checks = start(audit, corpus->rules->name);
    for (int32_t s = 0; s < corpus->split_count; s++) {
        char name[64];
        mb_format_plain(name, sizeof name, "'%.60s'", corpus->splits[s].name);
        check_rows(corpus, name, &corpus->splits[s], &checks);
    }
    mb_status status = MB_OK;
    if (corpus->rules->splits == MB_SPLIT_SESSIONS && checks.one_class.finding.count == 0)
        status = check_sessions(corpus, &checks, error);
    mb_status finished = finish(&checks, error);
    return status != MB_OK ? status : finished;
}
