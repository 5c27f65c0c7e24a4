// merbench doctor: what is wrong with a corpus, or with this machine.
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/corpus_arguments.h"
#include "cli/doctor_device.h"
#include "data/audit.h"

enum { DEFAULT_ENTRIES = 5 };

static void print_help(void) {
    fputs(
        "usage: merbench doctor CORPUS.h5 [--json] [--entries N]\n"
        "       merbench doctor --device [--gpu N] [--json]\n\n"
        "Audits a corpus and names what it finds. Exit code 3 when there are errors or warnings, "
        "0\n"
        "when there are none or only notes.\n\n"
        "errors    training would be wrong or refused: NaN or Inf in features; utterances in two\n"
        "          splits; missing labels; valences out of range; empty splits; IEMOCAP names\n"
        "          without a session, sessions without utterances; no features\n"
        "warnings  most likely a mistake: utterances in no split; classes without utterances; two\n"
        "          features with the same values; frames of one value; more than 5 % of the\n"
        "          utterances all zero; more than half of the columns constant; more than half of\n"
        "          the utterances copies of others\n"
        "notes     real corpora have these, too: test sets without valences where there are\n"
        "          emotions to score; a few all-zero utterances (no word was said, no face was\n"
        "          seen); a few constant columns; equal utterances (the same short sentence\n"
        "          twice); rare classes; features of unknown modality\n\n"
        "  --entries N   name the first N entries of a finding (default 5)\n"
        "  --json        the same as one JSON object\n"
        "  --device      instead of a corpus, look at this machine: instruction sets, GPU driver,\n"
        "                GPUs and their memory; train a small model on each and compare; say what\n"
        "                --device auto means here. Exit code 3 when that fails its self-test.\n"
        "  --gpu N       with --device: try GPU N instead of the first that can be used. Exit "
        "code\n"
        "                4 when it is not there or refuses. GPUs that are not tried are left "
        "alone:\n"
        "                how much of their memory is free is not known.\n",
        stdout);
}

static void print_text(const mb_corpus *corpus, const mb_audit *audit) {
    for (int severity = MB_ERROR; severity >= MB_NOTE; severity--)
        for (int i = 0; i < audit->count; i++) {
            const mb_finding *finding = &audit->findings[i];
            if ((int)finding->severity != severity)
                continue;
            mb_print_plain("%s: %s: %s: %" PRId64 " %s\n", mb_severity_name(finding->severity),
                           finding->check, finding->subject, finding->count, finding->message);
            for (int e = 0; e < finding->entry_count; e++)
                mb_print_plain("    %s\n", finding->entries[e]);
            if (finding->count > finding->entry_count)
                printf("    ... and %" PRId64 " more\n", finding->count - finding->entry_count);
        }
    mb_print_plain("%s: %d errors, %d warnings, %d notes\n", corpus->path,
                   mb_audit_count(audit, MB_ERROR), mb_audit_count(audit, MB_WARNING),
                   mb_audit_count(audit, MB_NOTE));
}

static mb_status print_json(const mb_corpus *corpus, const mb_audit *audit, mb_error *error) {
    cJSON *root = cJSON_CreateObject(); // cJSON passes NULL through, the end tells
    cJSON_AddStringToObject(root, "path", corpus->path);
    cJSON_AddStringToObject(root, "dataset", corpus->rules->name);
    cJSON_AddStringToObject(root, "digest", corpus->digest);
    cJSON_AddNumberToObject(root, "errors", mb_audit_count(audit, MB_ERROR));
    cJSON_AddNumberToObject(root, "warnings", mb_audit_count(audit, MB_WARNING));
    cJSON_AddNumberToObject(root, "notes", mb_audit_count(audit, MB_NOTE));
    cJSON *findings = cJSON_AddArrayToObject(root, "findings");
    for (int i = 0; i < audit->count; i++) {
        const mb_finding *finding = &audit->findings[i];
        cJSON *object = cJSON_CreateObject();
        cJSON_AddItemToArray(findings, object);
        cJSON_AddStringToObject(object, "severity", mb_severity_name(finding->severity));
        cJSON_AddStringToObject(object, "check", finding->check);
        cJSON_AddStringToObject(object, "subject", finding->subject);
        cJSON_AddStringToObject(object, "message", finding->message);
        cJSON_AddNumberToObject(object, "count", (double)finding->count);
        cJSON *entries = cJSON_AddArrayToObject(object, "entries");
        for (int e = 0; e < finding->entry_count; e++)
            cJSON_AddItemToArray(entries, cJSON_CreateString(finding->entries[e]));
    }
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    if (text == NULL)
        return mb_out_of_memory(error, "doctor");
    puts(text);
    free(text);
    return MB_OK;
}

mb_status mb_cmd_doctor(int argc, char **argv, mb_error *error) {
    corpus_arguments given = {.entries = DEFAULT_ENTRIES};
    mb_status status = mb_parse_corpus_arguments(argc, argv, true, &given, error);
    if (status != MB_OK || given.help) {
        if (status == MB_OK)
            print_help();
        return status;
    }
    if (given.device)
        return mb_doctor_device(&given.choice, given.json, error);
    mb_corpus corpus;
    mb_audit audit = {0};
    status = mb_corpus_open(given.path, &corpus, error);
    if (status == MB_OK)
        status = mb_audit_corpus(&corpus, given.entries, &audit, error);
    if (status == MB_OK && given.json)
        status = print_json(&corpus, &audit, error);
    else if (status == MB_OK)
        print_text(&corpus, &audit);
    if (status == MB_OK &&
        mb_audit_count(&audit, MB_ERROR) + mb_audit_count(&audit, MB_WARNING) > 0)
        status = MB_BAD_INPUT; // the findings are the message
    mb_audit_free(&audit);
    mb_corpus_close(&corpus);
    return status;
}
