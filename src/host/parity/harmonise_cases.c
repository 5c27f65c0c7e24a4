// Parity of labels on a common scale. The counts of utterances that are left ("samples_left") need
// the corpora and are not compared.
#include <stdio.h>
#include <string.h>

#include "data/harmonise.h"
#include "parity/json_file.h"

// An emotion is a number or the name of a class.
static mb_status read_emotion(const mb_json *at, const mb_dataset_rules *rules, int64_t *emotion,
                              mb_error *error) {
    int choice = 0;
    if (!cJSON_IsString(at->value))
        return mb_json_integer(at, 0, rules->class_count - 1, emotion, error);
    mb_status status = mb_json_choice(at, rules->classes, rules->class_count, &choice, error);
    *emotion = choice;
    return status;
}

static mb_status check_class(const mb_json *object, const mb_dataset_rules *rules,
                             mb_parity_report *report, mb_error *error) {
    mb_json at = mb_json_member(object, "emo"), class_at = mb_json_member(object, "class");
    int64_t emotion = 0, expected = -1;
    mb_status status = read_emotion(&at, rules, &emotion, error);
    if (status == MB_OK && !cJSON_IsNull(class_at.value))
        status = mb_json_integer(&class_at, 0, MB_COMMON_CLASS_COUNT - 1, &expected, error);
    if (status == MB_OK)
        mb_parity_compare_number(mb_parity_group_of(report, "classes"), rules->name,
                                 mb_common_class(rules, (int32_t)emotion), (double)expected, 0);
    return status;
}

static mb_status check_value(const mb_json *object, const mb_dataset_rules *rules,
                             mb_parity_report *report, mb_error *error) {
    mb_json at = mb_json_member(object, "val"), value_at = mb_json_member(object, "value");
    double valence = 0, expected = 0;
    mb_status status =
        mb_json_number(&at, -rules->value_range, rules->value_range, &valence, error);
    if (status == MB_OK)
        status = mb_parity_json_value(&value_at, &expected, error);
    if (status == MB_OK)
        mb_parity_compare_number(mb_parity_group_of(report, "values"), rules->name,
                                 mb_common_value(rules, valence), expected, 0);
    return status;
}

static mb_status check_case(const mb_json *object, mb_parity_report *report, mb_error *error) {
    mb_json at = mb_json_member(object, "corpus");
    const char *name = NULL;
    mb_status status = mb_json_text(&at, &name, error);
    if (status != MB_OK)
        return status;
    const mb_dataset_rules *rules = mb_dataset_find(name);
    if (rules == NULL)
        return mb_json_expect(&at, "the name of a dataset", error);
    return rules->class_count > 0 ? check_class(object, rules, report, error)
                                  : check_value(object, rules, report, error);
}

static mb_status check_names(const mb_json *root, mb_parity_report *report, mb_error *error) {
    mb_json list = mb_json_member(root, "classes");
    int count = 0;
    mb_status status = mb_json_count(&list, MB_COMMON_CLASS_COUNT, &count, error);
    for (mb_json at = mb_json_first(&list); status == MB_OK && at.value != NULL;
         at = mb_json_next(&at)) {
        const char *name = NULL;
        status = mb_json_text(&at, &name, error);
        if (status == MB_OK && strcmp(name, mb_common_classes[at.index]) != 0)
            mb_parity_add_finding(report, "class %d: expected '%s', found '%s'", at.index, name,
                                  mb_common_classes[at.index]);
    }
    return status;
}

mb_status mb_parity_harmonise(const mb_json *root, mb_parity_report *report, mb_error *error) {
    mb_json cases;
    mb_status status = mb_parity_json_cases(root, &cases, error);
    if (status == MB_OK)
        status = check_names(root, report, error);
    if (status != MB_OK)
        return status;
    for (mb_json at = mb_json_first(&cases); at.value != NULL && status == MB_OK;
         at = mb_json_next(&at))
        status = check_case(&at, report, error);
    return status;
}
