// Tables: golden outputs of every format from a ledger that is made here; ranks, refusals, escapes.
#include "ledger_sample.h"

#include "base/json.h"
#include "report/grid.h"
#include "report/table_data.h"

// ---- a ledger to print ------------------------------------------------------------------------

// A trial of one fold. `waf` NaN: not trained yet; infinite: diverged.
typedef struct seed_of_cell {
    int32_t cell;
    bool final;
    int hidden_dim, seed;
    double waf, selection;
} seed_of_cell;

static const seed_of_cell seeds[] = {
    // Cell 0: searched with one seed, 128 chosen, three final seeds.
    {0, false, 64, 1, 0.75, 0.70},
    {0, false, 128, 1, 0.80, 0.72},
    {0, true, 128, 1, 0.80, 0.72},
    {0, true, 128, 2, 0.82, 0.73},
    {0, true, 128, 3, 0.84, 0.71},
    // Cell 1: settings are given; its mean, 0.79, is the second of CMUMOSI.
    {1, true, 64, 1, 0.785, 0.6},
    {1, true, 64, 2, 0.79, 0.6},
    {1, true, 64, 3, 0.795, 0.6},
    // Cell 2: the search is not finished, so nothing is chosen.
    {2, false, 64, 1, 0.7, 0.6},
    {2, false, 128, 1, (double)NAN, 0.0},
    // Cell 3: no final seeds, so the best setting by the mean over two search seeds. A setting that
    // diverged once is the worst although its other seed is the highest. Of two equally good ones
    // the earlier one wins.
    {3, false, 32, 1, 0.99, 0.99},
    {3, false, 32, 2, (double)INFINITY, 0.0},
    {3, false, 64, 1, 0.60, 0.61},
    {3, false, 64, 2, 0.70, 0.63},
    {3, false, 128, 1, 0.90, 0.62},
    {3, false, 128, 2, 0.95, 0.62},
    // Cell 4: two of three seeds, one of them diverged.
    {4, true, 64, 1, 0.5, 0.5},
    {4, true, 64, 2, (double)INFINITY, 0.0},
    {4, true, 64, 3, (double)NAN, 0.0},
};
enum { SEED_COUNT = sizeof seeds / sizeof *seeds };

static void key_of(const seed_of_cell *s, char key[33]) {
    snprintf(key, 33, "%08x%08x%016x", (unsigned)s->cell, (unsigned)s->hidden_dim,
             (unsigned)s->seed);
}

static void link_seed(mb_ledger *ledger, const seed_of_cell *s) {
    mb_error error = {.message = ""};
    char description[256];
    mb_ledger_trial trial = {.description = description, .fold_count = 1};
    snprintf(
        description, sizeof description,
        "{\"corpus\":\"%d\",\"features\":{\"audio\":{\"name\":\"A\"},\"text\":{\"name\":\"T\"}},"
        "\"learning_rate\":0.5,\"options\":{\"dropout\":0.3,\"hidden_dim\":%d},\"seed\":%d}",
        s->cell, s->hidden_dim, s->seed);
    key_of(s, trial.key);
    assert_int_equal(mb_ledger_put_trial(ledger, &trial, &error), MB_OK);
    assert_int_equal(mb_ledger_link(ledger, PLAN, s->cell, s->final, trial.key, &error), MB_OK);
}

static void put_seed(mb_ledger *ledger, const seed_of_cell *s) {
    mb_error error = {.message = ""};
    char key[33];
    bool there;
    key_of(s, key);
    assert_int_equal(has_run(ledger, key, 0, &there, &error), MB_OK);
    if (isnan(s->waf) || there)
        return;
    mb_ledger_scores scores = {.diverged = isinf(s->waf),
                               .selection = s->selection,
                               .score = mb_no_scores(),
                               .score_part = "test"};
    if (!scores.diverged) {
        scores.score.waf = s->waf;
        scores.score.mse = 2.0 - s->waf;
    }
    sample run;
    fill_sample(&run, key, 0);
    if (mb_ledger_put_run(ledger, &run.run, &scores, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static char both[] = "audio+text", text[] = "text, \"50%\" & _T_|";
static char mosi[] = "CMUMOSI", sims[] = "SIMS", attention[] = "attention", lmf[] = "lmf";
static char mertools[] = "mertools", strict[] = "strict";
static char inputs_both[] = "audio=A, text=T", inputs[] = "text=T";

static void choose(mb_ledger *ledger, const char *plan, int32_t cell, const char *setting) {
    mb_error error = {.message = ""};
    char none[] = "";
    mb_ledger_choice choice = {.fold = 0, .setting = (char *)setting, .doubt = none};
    assert_int_equal(mb_ledger_choose(ledger, plan, cell, &choice, &error), MB_OK);
}

// Trials are linked in the order of the plan, but runs end in any order.
static mb_ledger *fill_ledger(const scratch *here, bool backwards) {
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    mb_error error = {.message = ""};
    mb_ledger_cell cells[] = {
        {0, both, mosi, attention, inputs_both, mertools, 3, 0, NULL, NULL},
        {1, text, mosi, attention, inputs, mertools, 3, 0, NULL, NULL},
        {2, both, sims, attention, inputs_both, mertools, 3, 0, NULL, NULL},
        {3, text, sims, attention, inputs, mertools, 0, 0, NULL, NULL},
        {4, both, mosi, attention, inputs_both, mertools, 3, 0, NULL,
         NULL}, // the label of cell 0 again
    };
    assert_int_equal(mb_ledger_put_plan(ledger, PLAN, "small sweep", "{}", cells, 5, &error),
                     MB_OK);
    for (int i = 0; i < SEED_COUNT; i++)
        link_seed(ledger, &seeds[i]);
    for (int i = 0; i < SEED_COUNT; i++)
        put_seed(ledger, &seeds[backwards ? SEED_COUNT - 1 - i : i]);
    choose(ledger, PLAN, 0, "{\"dropout\":0.3,\"hidden_dim\":128,\"learning_rate\":0.5}");
    return ledger;
}

// The printed table, malloc'ed.
static char *print(mb_ledger *ledger, mb_table_options options) {
    size_t length;
    char *printed = NULL;
    mb_error error = {.message = ""};
    FILE *stream = open_memstream(&printed, &length);
    assert_non_null(stream);
    if (mb_table_print(ledger, &options, stream, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(fclose(stream), 0);
    return printed;
}

static char *read_golden(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/table/%s", MB_FIXTURES, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s is missing", path);
    char *golden = calloc(1, 20000);
    assert_non_null(golden);
    assert_in_range(fread(golden, 1, 19999, file), 1, 19998);
    fclose(file);
    return golden;
}

static void golden_outputs(void **state) {
    static const struct {
        const char *name;
        mb_table_options options;
    } cases[] = {
        {"table.txt", {.format = MB_TABLE_TEXT}},
        {"table.md", {.format = MB_TABLE_MARKDOWN}},
        {"table.tex", {.format = MB_TABLE_LATEX}},
        {"table.csv", {.format = MB_TABLE_CSV}},
        {"table.json", {.format = MB_TABLE_JSON}},
        {"settings.txt", {.format = MB_TABLE_TEXT, .all_settings = true}},
        {"settings.md", {.format = MB_TABLE_MARKDOWN, .all_settings = true}},
        {"search-mse.txt", {.format = MB_TABLE_TEXT, .phase = MB_TABLE_SEARCH, .metric = "mse"}},
    };
    scratch *here = *state;
    for (int backwards = 0; backwards < 2; backwards++) {
        unlink(here->path);
        mb_ledger *ledger = fill_ledger(here, backwards == 1);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            char *found = print(ledger, cases[i].options), *golden = read_golden(cases[i].name);
            if (strcmp(found, golden) != 0) {
                fprintf(stderr, "---- %s\n%s---- end\n", cases[i].name, found); // fail_msg cuts
                fail_msg("%s differs", cases[i].name);
            }
            free(found);
            free(golden);
        }
        mb_ledger_close(ledger);
    }
}

static double number(const cJSON *entry, const char *key) {
    const cJSON *item = cJSON_GetObjectItem(entry, key);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static void json_holds_the_exact_numbers(void **state) {
    mb_ledger *ledger = fill_ledger(*state, false);
    char *printed = print(ledger, (mb_table_options){.format = MB_TABLE_JSON});
    static const mb_json_limits limits = {.bytes = 1 << 16, .values = 1000, .depth = 8};
    cJSON *root = NULL;
    mb_error error = {.message = ""};
    if (mb_json_parse("table", printed, strlen(printed), &limits, &root, &error) != MB_OK)
        fail_msg("%s", error.message);
    const cJSON *first = cJSON_GetObjectItem(root, "entries")->child, *second = first->next,
                *third = second->next;
    double mean = (0.80 + 0.82 + 0.84) / 3;
    assert_true(number(first, "mean") == mean);
    double squares = (0.80 - mean) * (0.80 - mean) + (0.82 - mean) * (0.82 - mean) +
                     (0.84 - mean) * (0.84 - mean);
    assert_float_equal(number(first, "std"), sqrt(squares / 2), 1e-16);
    assert_true(number(first, "rank") == 1 && number(second, "rank") == 2);
    assert_string_equal(cJSON_GetObjectItem(second, "label")->valuestring, text);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(third, "mean")));
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(third, "complete")));
    cJSON_Delete(root);
    free(printed);
    mb_ledger_close(ledger);
}

// For datasets without classes, scores over classes are those of the sign.
static void notes_follow_the_metric(void **state) {
    static const char *const of_signs[] = {"waf", "acc", "macro_f1", "uar"};
    mb_ledger *ledger = fill_ledger(*state, false);
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++) {
        bool expected = false;
        for (int j = 0; j < 4; j++)
            expected |= strcmp(mb_score_names[i], of_signs[j]) == 0;
        char *printed = print(ledger, (mb_table_options){.metric = mb_score_names[i]});
        assert_int_equal(strstr(printed, "the score of the sign") != NULL, expected);
        assert_non_null(strstr(printed, mb_score_table[i].title));
        free(printed);
    }
    mb_ledger_close(ledger);
}

// ---- the choice of a setting ------------------------------------------------------------------

// The hidden size of the setting that the table marks (0 = none), and the mean of the best setting.
static int marked(const scratch *here, const seed_of_cell *search, int count, double *mean) {
    mb_error error = {.message = ""};
    unlink(here->path);
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    mb_ledger_cell cell = {0, both, mosi, attention, inputs_both, mertools, 0, 0, NULL, NULL};
    assert_int_equal(mb_ledger_put_plan(ledger, PLAN, "p", "{}", &cell, 1, &error), MB_OK);
    for (int i = 0; i < count; i++)
        link_seed(ledger, &search[i]);
    for (int i = 0; i < count; i++)
        put_seed(ledger, &search[i]);
    mb_table table;
    mb_table_options options = {.all_settings = true};
    int hidden_dim = 0;
    if (mb_table_collect(ledger, &options, &table, &error) != MB_OK)
        fail_msg("%s", error.message);
    for (int32_t i = 0; i < table.cells[0].value_count; i++)
        if (table.cells[0].values[i].chosen)
            sscanf(strstr(table.cells[0].values[i].settings[0].text, "hidden_dim="),
                   "hidden_dim=%d", &hidden_dim);
    mb_table_free(&table);
    options.all_settings = false;
    if (mb_table_collect(ledger, &options, &table, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(table.cells[0].value_count, 1);
    assert_int_equal(table.cells[0].values[0].chosen, hidden_dim > 0);
    *mean = table.cells[0].values[0].mean;
    mb_table_free(&table);
    mb_ledger_close(ledger);
    return hidden_dim;
}

// The sweep trains the final seeds of a setting only when all seeds of the search are finished. If
// all settings failed, it chooses the first one.
static void tables_mark_what_sweeps_train(void **state) {
    static const double missing = (double)NAN, diverged = (double)INFINITY;
    const seed_of_cell all_failed[] = {
        {0, false, 32, 1, 0.5, (double)NAN},
        {0, false, 32, 2, 0.7, 0.5},
        {0, false, 64, 1, diverged, 0.0},
        {0, false, 64, 2, 0.7, 0.9},
    };
    const seed_of_cell half_there[] = {
        {0, false, 32, 1, 0.9, 0.9},
        {0, false, 32, 2, missing, 0.0},
        {0, false, 64, 1, 0.4, 0.1},
        {0, false, 64, 2, 0.6, 0.1},
    };
    const seed_of_cell none_complete[] = {
        {0, false, 32, 1, 0.9, 0.9},
        {0, false, 32, 2, missing, 0.0},
        {0, false, 64, 1, 0.4, 0.1},
        {0, false, 64, 2, missing, 0.0},
    };
    double mean;
    assert_int_equal(marked(*state, all_failed, 4, &mean), 32);
    assert_float_equal(mean, 0.6, 1e-12);
    assert_int_equal(marked(*state, half_there, 4, &mean), 64);
    assert_float_equal(mean, 0.5, 1e-12);
    assert_int_equal(marked(*state, none_complete, 4, &mean), 0);
    assert_true(isnan(mean));
}

// ---- shapes of tables -------------------------------------------------------------------------

static void headings_tell_what_differs(void **state) {
    scratch *here = *state;
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    mb_error error = {.message = ""};
    mb_ledger_cell cells[] = {
        {0, both, mosi, attention, inputs_both, mertools, 1, 0, NULL, NULL},
        {1, both, mosi, lmf, inputs_both, strict, 1, 0, NULL, NULL},
    };
    assert_int_equal(mb_ledger_put_plan(ledger, PLAN, "models", "{}", cells, 2, &error), MB_OK);
    mb_table table;
    mb_table_options options = {.format = MB_TABLE_TEXT};
    assert_int_equal(mb_table_collect(ledger, &options, &table, &error), MB_OK);
    assert_int_equal(table.row_count, 1);
    assert_int_equal(table.column_count, 2);
    assert_string_equal(table.columns[0], "attention mertools");
    assert_string_equal(table.columns[1], "lmf strict");
    mb_table_free(&table);
    cells[1].dataset = sims;
    assert_int_equal(mb_ledger_put_plan(ledger, "b", "both", "{}", cells, 2, &error), MB_OK);
    assert_int_equal(mb_table_collect(ledger, &options, &table, &error), MB_OK);
    assert_string_equal(table.columns[1], "SIMS strict"); // of several datasets, models are rows
    char row[128];
    snprintf(row, sizeof row, "%s, lmf", both);
    assert_string_equal(table.rows[1], row);
    assert_string_equal(table.cells[1].label, both);
    assert_int_equal(table.cells[1].row, 1);
    mb_table_free(&table);
    assert_int_equal(mb_ledger_put_plan(ledger, "c", "no cells", "{}", NULL, 0, &error), MB_OK);
    char *printed = print(ledger, options);
    assert_non_null(strstr(printed, "no cells"));
    free(printed);
    static const char *const chosen[] = {"{\"dropout\":0.3,\"hidden_dim\":64}",
                                         "{\"dropout\":0.3,\"hidden_dim\":32}"};
    for (int32_t i = 0; i < 2; i++)
        choose(ledger, "b", i, chosen[i]);
    options.plan = "both";
    printed = print(ledger, options);
    assert_non_null(strstr(printed, "settings of every entry: dropout=0.3\n"));
    assert_non_null(strstr(printed, "-      hidden_dim=32\n"));
    free(printed);
    mb_ledger_close(ledger);
}

// ---- refusals ---------------------------------------------------------------------------------

static void assert_refused(mb_ledger *ledger, mb_table_options options, mb_status status,
                           const char *expected) {
    mb_error error = {.message = ""};
    char *printed = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&printed, &length);
    assert_non_null(stream);
    assert_int_equal(mb_table_print(ledger, &options, stream, &error), status);
    fclose(stream);
    assert_int_equal(length, 0); // nothing was printed
    free(printed);
    if (strstr(error.message, expected) == NULL)
        fail_msg("expected '%s' in: %s", expected, error.message);
}

static void wrong_wishes_are_refused(void **state) {
    scratch *here = *state;
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    assert_refused(ledger, (mb_table_options){0}, MB_BAD_INPUT, "there is no plan yet");
    mb_ledger_close(ledger);
    ledger = fill_ledger(here, false);
    assert_refused(ledger, (mb_table_options){.metric = "maf"}, MB_USAGE, "did you mean 'waf'");
    assert_refused(ledger, (mb_table_options){.metric = ""}, MB_USAGE, "emoval");
    assert_refused(ledger, (mb_table_options){.plan = "small swep"}, MB_BAD_INPUT,
                   "did you mean 'small sweep'");
    assert_refused(ledger, (mb_table_options){.plan = "zzz"}, MB_BAD_INPUT, "ran last");
    assert_refused(ledger, (mb_table_options){.plan = "aaaaaaab"}, MB_BAD_INPUT, "unknown plan");
    free(print(ledger, (mb_table_options){.plan = "aaaaaa"}));
    free(print(ledger, (mb_table_options){.plan = "small sweep"}));
    mb_error error = {.message = ""};
    char wrong[] = "not JSON";
    mb_ledger_trial trial = {KEY, wrong, 1};
    assert_int_equal(mb_ledger_put_trial(ledger, &trial, &error), MB_OK);
    assert_int_equal(mb_ledger_link(ledger, PLAN, 3, false, KEY, &error), MB_OK);
    assert_refused(ledger, (mb_table_options){0}, MB_BAD_INPUT, KEY);
    mb_ledger_close(ledger);
}

// ---- texts ------------------------------------------------------------------------------------

static void check_text(char *found, const char *expected) {
    assert_string_equal(found, expected);
    free(found);
}

static void texts_are_made_fit(void **state) {
    (void)state;
    check_text(mb_text_markdown("a|b_*"), "a\\|b\\_\\*");
    check_text(mb_text_markdown("a\x1b\n"), "a\\\\x1b\\\\x0a");
    check_text(mb_text_latex("\u202e_"), "\\textbackslash{}u202e\\_");
    check_text(mb_text_latex("50% {a_b} \\ ~^#&$"),
               "50\\% \\{a\\_b\\} \\textbackslash{} "
               "\\textasciitilde{}\\textasciicircum{}\\#\\&\\$");
}

static void check_csv(const char *field, const char *expected) {
    char *written = NULL;
    size_t length;
    FILE *stream = open_memstream(&written, &length);
    mb_text_csv(field, stream);
    fclose(stream);
    check_text(written, expected);
}

static void fields_of_csv(void **state) {
    (void)state;
    check_csv("a b", "a b");
    check_csv("a,\"b\"", "\"a,\"\"b\"\"\"");
    check_csv("a\nb\x1b\xff", "a\\x0ab\\x1b\\xff");
    // What a spreadsheet would execute.
    check_csv("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\"");
    check_csv("+1", "'+1");
    check_csv("-1", "'-1");
    check_csv("@SUM(A1)", "'@SUM(A1)");
    check_csv("\t=1", "'\\x09=1");
    check_csv("\r=1", "'\\x0d=1");
    check_csv("＝1", "'＝1");
    check_csv("a=1, b=-2", "\"a=1, b=-2\"");
    check_csv("", "");
}

// The first texts of the rows are one to four columns wide, and the texts after them are aligned.
static void columns_stand_under_each_other(void **state) {
    (void)state;
    static const char *const names[] = {"name",           "中文",    "カナ", "ｶﾅ",
                                        "한국",           "e\u0301", "±—",   "\u1112\u1161\u11ab",
                                        "👨\u200d👩\u200d👧"};
    enum { ROWS = sizeof names / sizeof *names };
    mb_grid grid;
    mb_grid_init(&grid, ROWS, 2);
    for (int32_t row = 0; row < ROWS; row++) {
        mb_grid_set(&grid, row, 0, "%s", names[row]);
        mb_grid_set(&grid, row, 1, "%s", "x");
    }
    char *printed = NULL;
    size_t length;
    FILE *stream = open_memstream(&printed, &length);
    mb_grid_print_text(&grid, stream);
    mb_grid_print_markdown(&grid, stream);
    fclose(stream);
    assert_string_equal(printed, "name   x\n"
                                 "--------\n"
                                 "中文   x\n"
                                 "カナ   x\n"
                                 "ｶﾅ     x\n"
                                 "한국   x\n"
                                 "e\u0301      x\n"
                                 "±—     x\n"
                                 "\u1112\u1161\u11ab     x\n"
                                 "👨\u200d👩\u200d👧     x\n"
                                 "| name | x |\n"
                                 "|:-----|:--|\n"
                                 "| 中文 | x |\n"
                                 "| カナ | x |\n"
                                 "| ｶﾅ   | x |\n"
                                 "| 한국 | x |\n"
                                 "| e\u0301    | x |\n"
                                 "| ±—   | x |\n"
                                 "| \u1112\u1161\u11ab   | x |\n"
                                 "| 👨\u200d👩\u200d👧   | x |\n");
    free(printed);
    mb_grid_free(&grid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(golden_outputs),
        SCRATCH_TEST(json_holds_the_exact_numbers),
        SCRATCH_TEST(notes_follow_the_metric),
        SCRATCH_TEST(tables_mark_what_sweeps_train),
        SCRATCH_TEST(headings_tell_what_differs),
        SCRATCH_TEST(wrong_wishes_are_refused),
        cmocka_unit_test(texts_are_made_fit),
        cmocka_unit_test(fields_of_csv),
        cmocka_unit_test(columns_stand_under_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
