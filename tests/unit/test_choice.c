// The choice of a setting: ties, NaN, diverged trials, missing seeds.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/choice.h"

enum { SETTINGS = 3, SEEDS = 2 };

#define NONE 1e300 // this seed is not finished
#define DIVERGED (-(double)INFINITY)
#define UNDEFINED ((double)NAN)

static int32_t choose(const double selections[SETTINGS][SEEDS]) {
    mb_choice choice = MB_NO_CHOICE;
    for (int s = 0; s < SETTINGS; s++) {
        mb_candidate candidate = {.asked = SEEDS};
        for (int i = 0; i < SEEDS; i++)
            if (selections[s][i] != NONE)
                mb_candidate_add(&candidate, selections[s][i], selections[s][i] == DIVERGED);
        mb_choice_offer(&choice, &candidate);
    }
    assert_int_equal(choice.offered, SETTINGS);
    return choice.setting;
}

static void settings_are_compared_by_their_means(void **state) {
    (void)state;
    static const struct {
        double selections[SETTINGS][SEEDS];
        int32_t expected;
    } cases[] = {
        {{{0.5, 0.6}, {0.9, 0.4}, {0.6, 0.6}}, 1},
        {{{-3, -2}, {-1, -2}, {-2, -2}}, 1},
        // ties go to the earlier setting
        {{{0.1, 0.1}, {0.4, 0.6}, {0.6, 0.4}}, 1},
        {{{0, 0}, {-0.0, -0.0}, {0, -0.0}}, 0},
        // a seed that diverged or is NaN outweighs the other
        {{{0.99, DIVERGED}, {0.1, 0.2}, {0.1, 0.1}}, 1},
        {{{UNDEFINED, 0.99}, {0.1, 0.2}, {0.1, 0.1}}, 1},
        {{{0.1, 0.1}, {UNDEFINED, UNDEFINED}, {0.2, 0.1}}, 2},
        {{{-1e300, -1e300}, {DIVERGED, 0.5}, {0.5, UNDEFINED}}, 0},
        // all settings failed: the first one is chosen
        {{{DIVERGED, 0.5}, {DIVERGED, DIVERGED}, {DIVERGED, 0.9}}, 0},
        {{{UNDEFINED, 0.5}, {DIVERGED, DIVERGED}, {DIVERGED, 0.9}}, 0},
        {{{DIVERGED, 0.5}, {UNDEFINED, UNDEFINED}, {INFINITY, DIVERGED}}, 0},
        // settings with missing seeds are skipped, however good their other seeds are
        {{{0.9, NONE}, {0.1, 0.2}, {NONE, NONE}}, 1},
        {{{0.9, NONE}, {DIVERGED, 0.2}, {0.9, NONE}}, 1},
        {{{NONE, NONE}, {UNDEFINED, 0.2}, {0.9, NONE}}, 1},
        {{{0.9, NONE}, {NONE, 0.2}, {NONE, NONE}}, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (choose(cases[i].selections) != cases[i].expected)
            fail_msg("case %zu: expected %d, found %d", i, cases[i].expected,
                     choose(cases[i].selections));
}

static void without_a_search_the_only_setting_is_chosen(void **state) {
    (void)state;
    mb_choice choice = MB_NO_CHOICE;
    mb_candidate candidate = {0};
    assert_true(isnan(mb_candidate_mean(&candidate)));
    mb_choice_offer(&choice, &candidate);
    assert_int_equal(choice.setting, 0);
}

// What is said of a choice that has no ground.
static void doubts_are_told(void **state) {
    (void)state;
    static const struct {
        int settings;
        double selections[SETTINGS];
        const char *doubt;
    } cases[] = {
        {3,
         {DIVERGED, DIVERGED, DIVERGED},
         "no setting has a selection value: every one diverged;"},
        {3,
         {UNDEFINED, UNDEFINED, UNDEFINED},
         "no setting has a selection value: the metric is not defined"},
        {3, {DIVERGED, UNDEFINED, DIVERGED}, "no setting has a selection value: they diverged or"},
        {3, {0.5, 0.5, 0.5}, "no setting is better than another: all have the same"},
        {3, {DIVERGED, 0.5, 0.5}, ""}, // a tie among some
        {3, {UNDEFINED, 0.5, UNDEFINED}, ""},
        {3, {0.5, 0.25, 0.125}, ""},
        {1, {DIVERGED}, ""}, // there was nothing to choose
        {3, {DIVERGED, NONE, DIVERGED}, "no setting has a selection value: every one diverged;"},
        {3, {NONE, NONE, 0.5}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_choice choice = MB_NO_CHOICE;
        for (int s = 0; s < cases[i].settings; s++) {
            mb_candidate candidate = {.asked = 1};
            if (cases[i].selections[s] != NONE)
                mb_candidate_add(&candidate, cases[i].selections[s],
                                 cases[i].selections[s] == DIVERGED);
            mb_choice_offer(&choice, &candidate);
        }
        const char *found = mb_choice_doubt(&choice);
        if (strncmp(found, cases[i].doubt, strlen(cases[i].doubt)) != 0 ||
            (found[0] == '\0') != (cases[i].doubt[0] == '\0'))
            fail_msg("case %zu: expected '%s', found '%s'", i, cases[i].doubt, found);
    }
}

static void diverged_trials_count_as_the_worst(void **state) {
    (void)state;
    mb_ledger_scores scores = {.selection = 0.5};
    assert_true(mb_selection_of_trial(&scores) == 0.5);
    scores.diverged = true;
    assert_true(mb_selection_of_trial(&scores) == DIVERGED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_compared_by_their_means),
        cmocka_unit_test(without_a_search_the_only_setting_is_chosen),
        cmocka_unit_test(diverged_trials_count_as_the_worst),
        cmocka_unit_test(doubts_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
