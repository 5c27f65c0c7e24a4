#include "cli/doctor_ledger.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/plain.h"
#include "base/plural.h"
#include "cli/ledger_file.h"
#include "sweep/ledger.h"

mb_status mb_is_database(const char *path, bool *is, mb_error *error) {
    static const char head[] = "SQLite format 3"; // with its zero
    char found[sizeof head] = "";
    struct stat info;
    *is = false;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) // a pipe may never have a byte
        return MB_OK;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        mb_status status = mb_fail_errno(error, errno, "%s", path);
        return status == MB_FAILED ? status : MB_OK; // the reader of corpora says what is wrong
    }
    size_t count = fread(found, 1, sizeof found, file);
    mb_status status = MB_OK;
    if (ferror(file) && errno != EISDIR)
        status = mb_fail_errno(error, errno, "%s", path);
    fclose(file);
    *is = count == sizeof found && memcmp(found, head, sizeof head) == 0;
    return status;
}

// ---- findings ---------------------------------------------------------------------------------

// Findings are printed as they are found, or collected for JSON.
typedef struct listing {
    const mb_doctor_ledger_options *options;
    int64_t count;
    cJSON *array; // NULL = print
} listing;

static void list(void *context, const char *line) {
    listing *l = context;
    if (l->count++ >= l->options->entries)
        return;
    if (l->array != NULL)
        cJSON_AddItemToArray(l->array, cJSON_CreateString(line));
    else
        mb_print_plain("error: %s\n", line);
}

static void print_text(const char *path, mb_ledger *ledger, const mb_ledger_findings *findings,
                       const listing *l, int32_t plans) {
    int schema = mb_ledger_schema(ledger);
    if (findings->count == 0)
        mb_print_plain("%s: no damage, schema version %d, %" PRId32 " %s, %" PRId64 " %s\n", path,
                       schema, plans, mb_plural(plans, "plan", "plans"), findings->good_runs,
                       mb_plural(findings->good_runs, "run", "runs"));
    if (findings->count == 0 && schema < mb_ledger_newest_schema() && l->options->upgrade == NULL)
        mb_print_plain("note: 'merbench run' continues ledgers of schema version %d; "
                       "--upgrade NEW.db copies this one into such a file\n",
                       mb_ledger_newest_schema());
    if (findings->count == 0)
        return;
    if (l->count > l->options->entries)
        printf("... and %" PRId64 " more\n", l->count - l->options->entries);
    mb_print_plain("%s: %" PRId64 " %s; runs: %" PRId64 " good, %" PRId64 " damaged%s\n", path,
                   findings->count, mb_plural(findings->count, "finding", "findings"),
                   findings->good_runs, findings->damaged_runs,
                   findings->torn ? ", others cannot be found" : "");
    if (l->options->save == NULL)
        puts("note: --save NEW.db copies what is not damaged into a new file; 'merbench run' with "
             "that file trains the rest again");
}

static mb_status print_json(const char *path, mb_ledger *ledger, const mb_ledger_findings *findings,
                            cJSON *array, int32_t plans, mb_error *error) {
    cJSON *root = cJSON_CreateObject(); // cJSON passes NULL on to the end
    cJSON_AddStringToObject(root, "path", path);
    cJSON_AddNumberToObject(root, "schema", mb_ledger_schema(ledger));
    if (findings->count == 0)
        cJSON_AddNumberToObject(root, "plans", plans);
    cJSON_AddNumberToObject(root, "errors", (double)findings->count);
    cJSON_AddNumberToObject(root, "good_runs", (double)findings->good_runs);
    cJSON_AddNumberToObject(root, "damaged_runs", (double)findings->damaged_runs);
    cJSON_AddBoolToObject(root, "torn", findings->torn);
    cJSON_AddItemToObject(root, "findings", array);
    return mb_json_print(root, "doctor", error);
}

// ---- the check --------------------------------------------------------------------------------

static mb_status examine(const char *path, const mb_doctor_ledger_options *options,
                         mb_ledger *ledger, bool *damaged, mb_error *error) {
    mb_ledger_plan *plans = NULL;
    int32_t count = 0;
    mb_ledger_findings findings;
    listing l = {.options = options};
    if (options->json && (l.array = cJSON_CreateArray()) == NULL)
        return mb_out_of_memory(error, "doctor");
    mb_status status = mb_ledger_examine(ledger, list, &l, &findings, error);
    *damaged = status == MB_OK && findings.count > 0;
    if (status == MB_OK && !*damaged)
        status = mb_ledger_get_plans(ledger, &plans, &count, error);
    if (status == MB_OK && options->upgrade != NULL && !*damaged && count == 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: there is no plan in it, and nothing to upgrade",
                         path);
    if (status == MB_OK && options->json)
        status = print_json(path, ledger, &findings, l.array, count, error);
    else if (status == MB_OK)
        print_text(path, ledger, &findings, &l, count);
    else
        cJSON_Delete(l.array);
    mb_ledger_plans_free(plans, count);
    return status;
}

static mb_status save(const char *path, const mb_doctor_ledger_options *options, mb_error *error) {
    mb_ledger_saved saved;
    mb_status status = mb_ledger_copy(path, options->save, true, &saved, error);
    if (status == MB_OK && !options->json)
        mb_print_plain("%s: saved: %" PRId64 " %s, %" PRId64 " %s; rows left out: %" PRId64 "\n",
                       options->save, saved.trials, mb_plural(saved.trials, "trial", "trials"),
                       saved.runs, mb_plural(saved.runs, "run", "runs"), saved.lost_rows);
    return status;
}

static mb_status upgrade(const char *path, const mb_doctor_ledger_options *options,
                         mb_error *error) {
    mb_ledger_saved saved;
    mb_status status = mb_ledger_copy(path, options->upgrade, false, &saved, error);
    if (status == MB_OK && !options->json)
        mb_print_plain("%s: schema version %d\n", options->upgrade, mb_ledger_newest_schema());
    return status;
}

mb_status mb_doctor_ledger(const char *path, const mb_doctor_ledger_options *options,
                           mb_error *error) {
    mb_ledger *ledger = NULL;
    bool damaged = false;
    mb_status status = mb_open_ledger(path, MB_LEDGER_READ, &ledger, error);
    if (status == MB_OK)
        status = examine(path, options, ledger, &damaged, error);
    mb_ledger_close(ledger);
    if (status == MB_OK && options->save != NULL)
        status = save(path, options, error);
    else if (status == MB_OK && options->upgrade != NULL && !damaged)
        status = upgrade(path, options, error);
    return status == MB_OK && damaged ? MB_BAD_INPUT : status; // the findings are the message
}
