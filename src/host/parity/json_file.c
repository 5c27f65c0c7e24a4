// Fixtures in JSON: {"fixture": KIND, "cases": [...], ...}.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "parity/json_file.h"

static const mb_json_limits limits = {.bytes = 64 << 20, .values = 4000000, .depth = 32};

typedef struct kind {
    const char *name;
    mb_status (*check)(const mb_json *root, mb_parity_report *report, mb_error *error);
} kind;

static const kind kinds[] = {
    {"harmonise", mb_parity_harmonise},
    {"statistics/published", mb_parity_published},
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

bool mb_parity_is_json(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) // a pipe may never have a byte
        return false;
    FILE *file = fopen(path, "rb");
    char first[16] = "";
    size_t count = file != NULL ? fread(first, 1, sizeof first - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    const char *at = count >= 3 && memcmp(first, "\xef\xbb\xbf", 3) == 0 ? first + 3 : first;
    return at[strspn(at, " \t\r\n")] == '{';
}

mb_status mb_parity_json_value(const mb_json *at, double *value, mb_error *error) {
    static const struct {
        const char *name;
        double value;
    } special[] = {{"nan", NAN}, {"inf", INFINITY}, {"-inf", -INFINITY}};
    for (size_t i = 0; cJSON_IsString(at->value) && i < sizeof special / sizeof *special; i++)
        if (strcmp(at->value->valuestring, special[i].name) == 0) {
            *value = special[i].value;
            return MB_OK;
        }
    return mb_json_number(at, -INFINITY, INFINITY, value, error);
}

mb_status mb_parity_json_cases(const mb_json *root, mb_json *cases, mb_error *error) {
    int count;
    *cases = mb_json_member(root, "cases");
    return mb_json_count(cases, 1 << 20, &count, error);
}

mb_status mb_parity_json_tolerance(const mb_json *root, double *tolerance, mb_error *error) {
    static const char prefix[] = "relative ";
    mb_json at = mb_json_member(root, "tolerance");
    const char *text = NULL;
    mb_status status = mb_json_text(&at, &text, error);
    if (status != MB_OK)
        return status;
    char *end = NULL;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0)
        *tolerance = strtod(text + sizeof prefix - 1, &end);
    if (end == NULL || end == text + sizeof prefix - 1 || !(*tolerance >= 0 && *tolerance < 1))
        return mb_json_expect(&at, "\"relative NUMBER\"", error);
    return MB_OK;
}

static mb_status check(const mb_json *root, mb_parity_report *report, mb_error *error) {
    const char *name = NULL;
    mb_json at = mb_json_member(root, "fixture");
    mb_status status = mb_json_text(&at, &name, error);
    if (status != MB_OK)
        return status;
    const kind *found = NULL;
    for (int i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i].name, name) == 0)
            found = &kinds[i];
    if (found == NULL)
        return mb_fail(error, MB_UNSUPPORTED, "%s: fixtures of the kind \"%s\" are not supported",
                       root->file, name);
    status = found->check(root, report, error);
    return status == MB_OK ? mb_parity_verdict(report) : status;
}

mb_status mb_parity_json_file(const char *path, mb_parity_report *report, mb_error *error) {
    cJSON *document = NULL;
    mb_status status = mb_json_load(path, &limits, &document, error);
    if (status == MB_OK) {
        mb_json root = mb_json_root(path, document);
        status = check(&root, report, error);
    }
    cJSON_Delete(document);
    return status;
}
