// merbench doctor: finds out what is wrong with a corpus or with this machine.
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/plain.h"
#include "base/plural.h"
#include "cli/cli.h"
#include "cli/doctor_device.h"
#include "cli/doctor_ledger.h"
#include "cli/shared_options.h"
#include "data/audit.h"

static const char usage[] =
    "usage: merbench doctor CORPUS.h5 [--json] [--entries N]\n"
    "       merbench doctor RESULTS.db [--upgrade NEW.db | --save NEW.db] [--json] [--entries N]\n"
    "       merbench doctor --device [--gpu N] [--json]\n\n"
    "Audits a corpus and lists its findings. The exit code is 3 if there are errors or warnings,\n"
    "and 0 if there are none, or only notes.\n\n"
    "errors    training would be wrong or refused: NaN or Inf in features; utterances in two\n"
    "          splits; missing labels; valences out of range; empty splits; IEMOCAP names\n"
    "          without a session, sessions without utterances; no features\n"
    "warnings  most likely a mistake: utterances in no split; splits that do not have the\n"
    "          published size, or have those of another dataset; valences on a smaller scale\n"
    "          than the dataset's; classes without utterances; parts whose utterances have\n"
    "          one class, valences of one sign, or no valence other than 0, so that scores\n"
    "          say nothing; two features with the same values; frames of one value; more than\n"
    "          5 % of the utterances all zero; more than half of the columns constant; more\n"
    "          than half of the utterances copies of others\n"
    "notes     real corpora have these, too: test sets without valences but with emotions to\n"
    "          score; a few all-zero utterances (nobody speaks, no face is visible); a few\n"
    "          constant columns; equal utterances (the same short sentence twice); rare\n"
    "          classes; features of unknown modality";

typedef struct arguments {
    const char *path; // NULL with --device
    const char *upgrade, *save;
    bool json, device;
    int32_t entries;
    mb_device_choice choice; // --gpu
} arguments;

static mb_status parse(int argc, char **argv, arguments *given, bool *help_shown, mb_error *error) {
    const mb_command_option options[] = {
        {"entries", "N",
         "list the first N entries of a finding or, for a results file, the first N findings "
         "(default 5)",
         .whole = &given->entries, .least = 1, .most = 1000000},
        mb_json_option(&given->json),
        {"upgrade", "NEW.db",
         "copy a results file of an earlier version, unchanged in its numbers, into a new file "
         "that 'merbench run' can continue",
         .text = &given->upgrade},
        {"save", "NEW.db",
         "copy what is not damaged in a results file into a new file; 'merbench run' then trains "
         "the rest again",
         .text = &given->save},
        {"device", NULL,
         "check this machine instead of a corpus: instruction sets, GPU driver, GPUs and their "
         "memory; train a small model on each and compare; show which device --device auto "
         "chooses. The exit code is 3 if that device fails its self-test.",
         .given = &given->device},
        mb_device_choice_gpu_option(
            &given->choice,
            "with --device: test GPU N instead of the first usable one. The exit code is 4 if GPU "
            "N does not exist or cannot be used. Other GPUs are left alone, so their free memory "
            "is not shown."),
        {.name = NULL}};
    const mb_command_line line = {.program = "merbench doctor",
                                  .usage = usage,
                                  .options = options,
                                  .operands = {"CORPUS.h5"}};
    *given = (arguments){.entries = 5};
    mb_operands operands;
    mb_status status = mb_command_line_parse(&line, argc, argv, &operands, error);
    *help_shown = operands.help_shown;
    if (status != MB_OK || operands.help_shown)
        return status;
    given->path = operands.count > 0 ? operands.items[0] : NULL;
    if (given->device && given->path != NULL)
        return mb_fail(error, MB_USAGE,
                       "--device checks this machine: expected no corpus, found '%s'", given->path);
    if (given->upgrade != NULL && given->path == NULL)
        return mb_fail(error, MB_USAGE, "--upgrade: expected the results file to be upgraded");
    if (given->save != NULL && given->path == NULL)
        return mb_fail(error, MB_USAGE, "--save: expected the results file to be saved");
    if (given->save != NULL && given->upgrade != NULL)
        return mb_fail(error, MB_USAGE, "--save and --upgrade: expected one of them");
    if (!given->device && given->choice.gpu.given)
        return mb_fail(error, MB_USAGE, "--gpu: only valid with --device");
    if (!given->device && given->path == NULL)
        return mb_fail(error, MB_USAGE, "CORPUS.h5 is missing; 'merbench doctor --help' explains");
    return MB_OK;
}

// "3 utterances with NaN or Inf", "1 utterance with NaN or Inf": messages begin with a plural.
static void print_heading(const mb_finding *finding) {
    const char *message = finding->message;
    int plural = (int)strcspn(message, " "), length = plural;
    if (finding->count == 1)
        length -= strncmp(message, "classes ", 8) == 0 ? 2 : 1;
    mb_print_plain("%s: %s: %s: %" PRId64 " %.*s%s\n", mb_severity_name(finding->severity),
                   finding->check, finding->subject, finding->count, length, message,
                   message + plural);
}

static void print_text(const mb_corpus *corpus, const mb_audit *audit) {
    for (int severity = MB_ERROR; severity >= MB_NOTE; severity--)
        for (int i = 0; i < audit->count; i++) {
            const mb_finding *finding = &audit->findings[i];
            if ((int)finding->severity != severity)
                continue;
            print_heading(finding);
            for (int e = 0; e < finding->entry_count; e++)
                mb_print_plain("    %s\n", finding->entries[e]);
            if (finding->count > finding->entry_count)
                printf("    ... and %" PRId64 " more\n", finding->count - finding->entry_count);
        }
    int errors = mb_audit_count(audit, MB_ERROR), warnings = mb_audit_count(audit, MB_WARNING),
        notes = mb_audit_count(audit, MB_NOTE);
    mb_print_plain("%s: %d %s, %d %s, %d %s\n", corpus->path, errors,
                   mb_plural(errors, "error", "errors"), warnings,
                   mb_plural(warnings, "warning", "warnings"), notes,
                   mb_plural(notes, "note", "notes"));
}

static mb_status print_json(const mb_corpus *corpus, const mb_audit *audit, mb_error *error) {
    cJSON *root = cJSON_CreateObject(); // cJSON passes NULL on; mb_json_print refuses it in the end
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
    return mb_json_print(root, "doctor", error);
}

mb_status mb_cmd_doctor(int argc, char **argv, mb_error *error) {
    arguments given;
    bool help_shown = false;
    mb_status status = parse(argc, argv, &given, &help_shown, error);
    if (status != MB_OK || help_shown)
        return status;
    if (given.device)
        return mb_doctor_device(&given.choice, given.json, error);
    bool database = false;
    status = mb_is_database(given.path, &database, error);
    if (status != MB_OK)
        return status;
    if (given.upgrade != NULL || given.save != NULL || database) {
        const mb_doctor_ledger_options options = {.upgrade = given.upgrade,
                                                  .save = given.save,
                                                  .json = given.json,
                                                  .entries = given.entries};
        return mb_doctor_ledger(given.path, &options, error);
    }
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
        status = MB_BAD_INPUT; // the printed findings are the message
    mb_audit_free(&audit);
    mb_corpus_close(&corpus);
    return status;
}
