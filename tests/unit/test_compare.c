// Comparisons of runs: the cause of a divergence, as earlier versions wrote it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sweep/compare.h"

static bool equal(const char *stored, const char *again) {
    mb_run_result a = {.status = MB_RUN_DIVERGED, .broken_epoch = -1}, b = a;
    mb_run_spec spec = {.selection_only = true};
    char difference[384] = "";
    a.select = b.select = mb_no_scores();
    snprintf(a.cause, sizeof a.cause, "%s", stored);
    snprintf(b.cause, sizeof b.cause, "%s", again);
    return mb_runs_equal(&a, &b, &spec, difference, sizeof difference);
}

static void causes_of_earlier_versions_are_the_same(void **state) {
    (void)state;
    static const char said[] = "epoch 3: the training loss of step 5 is nan";
    static const char now[] =
        "epoch 3: the training loss of step 5 is nan; the toolkit stops there with an error";
    assert_true(equal(said, said) && equal(now, now) && equal(said, now));
    assert_false(equal(now, said));
    assert_false(equal("epoch 3: the training loss of step 6 is nan", now));
    assert_false(equal("epoch 3", now));
    assert_false(equal("", now));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(causes_of_earlier_versions_are_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
