#include "cli/doctor_ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "base/utf8.h"
#include "sweep/ledger.h"

bool mb_is_database(const char *path) {
    static const char head[] = "SQLite format 3"; // with its zero
    char found[sizeof head] = "";
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t count = fread(found, 1, sizeof found, file);
    fclose(file);
    return count == sizeof found && memcmp(found, head, sizeof head) == 0;
}

static mb_status check(const char *path, bool upgrade, mb_error *error) {
    mb_ledger *ledger = NULL;
    mb_ledger_plan *plans = NULL;
    int32_t count = 0;
    mb_status status = mb_ledger_open(path, MB_LEDGER_READ, &ledger, error);
    if (status == MB_OK)
        status = mb_ledger_check(ledger, error);
    if (status == MB_OK)
        status = mb_ledger_get_plans(ledger, &plans, &count, error);
    if (status == MB_OK && upgrade && count == 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: there is no plan in it, and nothing to upgrade",
                         path);
    if (status == MB_OK) {
        bool older = mb_ledger_schema(ledger) < mb_ledger_newest_schema();
        mb_print_plain("%s: no damage, schema version %d, %" PRId32 " %s\n", path,
                       mb_ledger_schema(ledger), count, mb_plural(count, "plan", "plans"));
        if (older && !upgrade)
            mb_print_plain("note: 'merbench run' continues ledgers of schema version %d; "
                           "--upgrade NEW.db copies this one into such a file\n",
                           mb_ledger_newest_schema());
    }
    mb_ledger_plans_free(plans, count);
    mb_ledger_close(ledger);
    return status;
}

mb_status mb_doctor_ledger(const char *path, const char *upgrade, mb_error *error) {
    mb_status status = check(path, upgrade != NULL, error);
    if (status != MB_OK || upgrade == NULL)
        return status;
    status = mb_ledger_upgrade(path, upgrade, error);
    if (status == MB_OK)
        mb_print_plain("%s: schema version %d\n", upgrade, mb_ledger_newest_schema());
    return status;
}
