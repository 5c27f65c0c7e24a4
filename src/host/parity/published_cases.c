// Parity of verdicts beside published numbers.
#include <stdio.h>
#include <string.h>

#include "parity/json_file.h"
#include "score/verdict.h"

static mb_status number(const mb_json *object, const char *key, double *value, mb_error *error) {
    mb_json at = mb_json_member(object, key);
    return mb_parity_json_value(&at, value, error);
}

static mb_status read_mean(const mb_json *object, const char *const keys[3], mb_mean *mean,
                           mb_error *error) {
    int64_t count = 0;
    mb_json at = mb_json_member(object, keys[2]);
    mb_status status = number(object, keys[0], &mean->mean, error);
    if (status == MB_OK)
        status = number(object, keys[1], &mean->deviation, error);
    if (status == MB_OK)
        status = mb_json_integer(&at, 1, 1 << 20, &count, error);
    mean->count = (int32_t)count;
    return status;
}

static mb_status compare(const mb_json *object, const mb_comparison *found, double tolerance,
                         mb_parity_report *report, mb_error *error) {
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"difference", found->difference},
                   {"se", found->error},
                   {"df", found->df},
                   {"t", found->t},
                   {"p", found->p},
                   {"sigmas", found->distance},
                   {"tost_p_margin1", found->p_equal}};
    mb_parity_group *group = mb_parity_group_of(report, "numbers");
    mb_status status = MB_OK;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && status == MB_OK; i++) {
        double expected = 0;
        status = number(object, numbers[i].key, &expected, error);
        mb_parity_compare_number(group, numbers[i].key, numbers[i].value, expected, tolerance);
    }
    mb_json interval = mb_json_member(object, "ci95"), at = mb_json_first(&interval);
    for (int i = 0; i < 2 && status == MB_OK; i++, at = mb_json_next(&at)) {
        double expected = 0;
        status = mb_parity_json_value(&at, &expected, error);
        mb_parity_compare_number(group, "ci95", i == 0 ? found->low : found->high, expected,
                                 tolerance);
    }
    return status;
}

static mb_status check_case(const mb_json *object, double tolerance, mb_parity_report *report,
                            mb_error *error) {
    static const char *const own[] = {"mean", "sd", "n"};
    static const char *const other[] = {"published_mean", "published_sd", "published_n"};
    mb_mean ours, published;
    int64_t ddof = 0;
    int verdict = 0;
    mb_json ddof_at = mb_json_member(object, "published_ddof");
    mb_json verdict_at = mb_json_member(object, "verdict");
    mb_status status = read_mean(object, own, &ours, error);
    if (status == MB_OK)
        status = read_mean(object, other, &published, error);
    if (status == MB_OK)
        status = mb_json_integer(&ddof_at, 0, 1, &ddof, error);
    if (status == MB_OK)
        status = mb_json_choice(&verdict_at, mb_verdict_names, MB_VERDICT_NONE, &verdict, error);
    if (status != MB_OK)
        return status;
    mb_comparison found = mb_compare_published(&ours, &published, (int)ddof, MB_VERDICT_MARGIN);
    if ((int)found.verdict != verdict)
        mb_parity_add_finding(report, "case %d: expected the verdict '%s', found '%s'",
                              object->index, mb_verdict_names[verdict],
                              mb_verdict_names[found.verdict]);
    return compare(object, &found, tolerance, report, error);
}

mb_status mb_parity_published(const mb_json *root, mb_parity_report *report, mb_error *error) {
    mb_json cases;
    double tolerance = 0;
    mb_status status = mb_parity_json_tolerance(root, &tolerance, error);
    if (status == MB_OK)
        status = mb_parity_json_cases(root, &cases, error);
    if (status != MB_OK)
        return status;
    for (mb_json at = mb_json_first(&cases); at.value != NULL && status == MB_OK;
         at = mb_json_next(&at))
        status = check_case(&at, tolerance, report, error);
    return status;
}
