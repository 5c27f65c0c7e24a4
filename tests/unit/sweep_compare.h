// Compares two ledgers.
#ifndef MB_TESTS_SWEEP_COMPARE_H
#define MB_TESTS_SWEEP_COMPARE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sweep/compare.h"
#include "sweep/trial.h"
#include "sweep_support.h"

static inline mb_ledger *open_results(const sweep_folder *folder, const char *results) {
    char path[256];
    mb_error error = {.message = ""};
    mb_ledger *ledger = NULL;
    snprintf(path, sizeof path, "%s/%s", folder->path, results);
    if (mb_ledger_open(path, MB_LEDGER_READ, &ledger, &error) != MB_OK)
        fail_msg("%s", error.message);
    return ledger;
}

static inline void load_run(mb_ledger *ledger, const char *key, int32_t fold,
                            mb_run_result *result) {
    mb_error error = {.message = ""};
    if (mb_ledger_get_run(ledger, key, fold, result, &error) != MB_OK)
        fail_msg("%s", error.message);
}

// Checks that every trial of one ledger is in the other, with the same bits. Returns the number
// of runs.
static inline int same_results(const sweep_folder *folder, const char *a, const char *b) {
    mb_ledger *left = open_results(folder, a), *right = open_results(folder, b);
    mb_error error = {.message = ""};
    mb_ledger_plan *plans = NULL;
    mb_part names[8] = {{.name = "test1"}, {.name = "test2"}, {.name = "test3"}};
    int32_t plan_count = 0, runs = 0;
    assert_int_equal(mb_ledger_get_plans(left, &plans, &plan_count, &error), MB_OK);
    for (int32_t c = 0; c < plans[0].cell_count; c++)
        for (int final = 0; final < 2; final++) {
            mb_ledger_entry *entries = NULL;
            int32_t count = 0;
            assert_int_equal(mb_ledger_get_entries(left, plans[0].digest, c, final != 0, &entries,
                                                   &count, &error),
                             MB_OK);
            for (int32_t i = 0; i < count; i++) {
                mb_ledger_trial trial;
                mb_trial described;
                mb_ledger_scores scores;
                bool there = false;
                char difference[512] = "";
                assert_int_equal(mb_ledger_get_trial(right, entries[i].key, &trial, &error), MB_OK);
                assert_string_equal(trial.description, entries[i].description);
                assert_int_equal(mb_trial_parse("t", trial.description, &described, &error), MB_OK);
                const mb_dataset_rules *rules = mb_dataset_find(described.dataset);
                for (int32_t k = 0; k < trial.fold_count; k++, runs++) {
                    mb_run_result l, r;
                    load_run(left, trial.key, k, &l);
                    load_run(right, trial.key, k, &r);
                    assert_int_equal(l.test_count, r.test_count);
                    mb_run_spec spec = {.config = {.class_count = rules->class_count},
                                        .tests = names,
                                        .test_count = l.test_count};
                    if (!mb_runs_equal(&l, &r, &spec, difference, sizeof difference))
                        fail_msg("fold %d: %s", k, difference);
                    mb_run_result_free(&l);
                    mb_run_result_free(&r);
                }
                assert_int_equal(mb_ledger_get_scores(right, trial.key, &there, &scores, &error),
                                 MB_OK);
                assert_true(there);
                if (!mb_trial_scores_equal(&entries[i].scores, &scores, difference,
                                           sizeof difference))
                    fail_msg("%s", difference);
                mb_ledger_scores_free(&scores);
                mb_trial_free(&described);
                mb_ledger_trial_free(&trial);
            }
            mb_ledger_entries_free(entries, count);
        }
    mb_ledger_plans_free(plans, plan_count);
    mb_ledger_close(left);
    mb_ledger_close(right);
    return runs;
}

#endif
