// Layouts: reading, which cell stands where, and the table.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "paper/layout_values.h"

static mb_status load(const char *text, mb_layout *layout, mb_error *error) {
    char path[] = "/tmp/mb-layout-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    mb_status status = mb_layout_load(path, layout, error);
    unlink(path);
    return status;
}

static void test_bad_layouts(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "rows: "},
        {"{\"rows\": [{\"head\": \"a\"}]}", "columns: "},
        {"{\"rows\": [{\"head\": \"a\"}], \"columns\": [{}]}", "columns[0].head: "},
        {"{\"rows\": [{\"head\": \"a\", \"modle\": \"x\"}], \"columns\": [{\"head\": \"b\"}]}",
         "did you mean \"model\"?"},
        {"{\"rows\": [{\"head\": \"a\"}, {\"head\": \"a\"}], \"columns\": [{\"head\": \"b\"}]}",
         "rows[0] has the head \"a\" already"},
        {"{\"rows\": [{\"head\": \"a\"}], \"columns\": [{\"head\": \"b\", \"over\": [\"c\"]}]}",
         "columns[0].over[0]: expected the head of a column before this one"},
        {"{\"rows\": [{\"head\": \"a\"}], \"columns\": [{\"head\": \"b\"}], \"published\": 21}",
         "published: expected an integer 0..20"},
        {"{\"rows\": [{\"head\": \"a\"}], \"columns\": [{\"head\": \"b\", \"metric\": \"f1\"}]}",
         "columns[0].metric: "},
        {"{\"rows\": [{\"head\": \"a\"}], \"columns\": [{\"head\": \"b\"}], \"notes\": [\"\"]}",
         "notes[0]: "},
        {"{\"rows\": [{\"head\": \"a\"}], \"columns\": [{\"head\": \"b\"}], \"notes\": \"c\"}",
         "notes: expected a list"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_layout layout;
        mb_error error = {.message = ""};
        mb_status status = load(cases[i].text, &layout, &error);
        if (status != MB_BAD_INPUT || strstr(error.message, cases[i].message) == NULL)
            fail_msg("case %zu: %d %s", i, status, error.message);
    }
}

// ---- a table of four cells --------------------------------------------------------------------

enum { CELLS = 4, PARTS = 1 };
static mb_ledger_cell cells[CELLS] = {
    {0, "words", "CMUMOSI", "lmf", "audio=x, text=bert-UTT, video=y", "mertools", 6, 0, NULL, NULL},
    {1, "words", "SIMS", "lmf", "audio=x, text=bert-UTT, video=y", "mertools", 6, 0, NULL, NULL},
    {2, "words", "CMUMOSI", "tfn", "audio=x, text=bert-UTT, video=y", "mertools", 6, 0, NULL, NULL},
    {3, "sounds", "SIMS", "tfn", "audio=x", "strict", 6, 0, NULL, NULL},
};

typedef struct made {
    mb_ledger_plan plan;
    mb_table table;
    mb_table_cell cells[CELLS];
    mb_table_value values[CELLS];
    mb_table_part parts[CELLS];
} made;

static void make_table(made *m) {
    *m = (made){.plan = {.name = "p"}};
    m->table = (mb_table){.plan = &m->plan, .cell_count = CELLS, .cells = m->cells};
    for (int i = 0; i < CELLS; i++) {
        m->parts[i] = (mb_table_part){.name = "test"};
        m->parts[i].scores[MB_SCORE_waf] = (mb_table_mean){6, 0.7 + 0.05 * i, 0.01};
        m->values[i] = (mb_table_value){.asked = 6,
                                        .finished = 6,
                                        .counted = 6,
                                        .part = "test",
                                        .part_count = PARTS,
                                        .parts = &m->parts[i]};
        m->cells[i] = (mb_table_cell){.cell = &cells[i], .value_count = 1, .values = &m->values[i]};
    }
}

static mb_status make_values(const char *text, made *m, mb_layout *layout, mb_layout_values *values,
                             mb_error *error) {
    make_table(m);
    error->message[0] = '\0';
    *values = (mb_layout_values){.layout = NULL};
    if (load(text, layout, error) != MB_OK)
        fail_msg("%s", error->message);
    return mb_layout_values_make(layout, &m->table, values, error);
}

#define TWO_BY_TWO                                                                                 \
    "\"columns\": [{\"head\": \"MOSI\", \"dataset\": \"CMUMOSI\", \"published\": "                 \
    "\"CMUMOSI.test.waf\"}, {\"head\": \"SIMS\", \"dataset\": \"SIMS\"}, {\"head\": \"Mean\", "    \
    "\"over\": [\"MOSI\", \"SIMS\"]}], \"rows\": [{\"head\": \"LMF\", \"model\": \"lmf\", "        \
    "\"published\": \"high/lmf\"}, {\"head\": \"TFN\", \"model\": \"tfn\"}]"

static void test_values(void **state) {
    (void)state;
    made m;
    mb_layout layout;
    mb_layout_values values;
    mb_error error;
    if (make_values("{\"published\": 9, \"best\": 1, " TWO_BY_TWO "}", &m, &layout, &values,
                    &error) != MB_OK)
        fail_msg("%s", error.message);
    const mb_layout_value *first = mb_layout_value_at(&values, 0, 0);
    assert_ptr_equal(first->cell, &m.cells[0]);
    assert_true(fabs(first->ours.mean - 70) < 1e-9 && fabs(first->ours.deviation - 1) < 1e-9);
    assert_true(fabs(first->published.mean - 79.11) < 1e-9);
    assert_true(fabs(first->comparison.difference + 9.11) < 1e-9);
    assert_int_equal(first->comparison.verdict, MB_VERDICT_DIFFERENT);
    assert_int_equal(first->rank, 0); // tfn is better on this corpus
    assert_int_equal(mb_layout_value_at(&values, 1, 0)->rank, 1);
    assert_true(isnan(mb_layout_value_at(&values, 1, 0)->published.mean)); // the row names none
    assert_true(isnan(mb_layout_value_at(&values, 0, 1)->published.mean)); // the column neither
    assert_true(fabs(mb_layout_value_at(&values, 0, 2)->ours.mean - 72.5) < 1e-9);
    mb_layout_values_free(&values);
    mb_layout_free(&layout);
}

// A mean over columns without a number is none, and an incomplete entry is not ranked or compared.
static void test_incomplete(void **state) {
    (void)state;
    made m;
    mb_layout layout;
    mb_layout_values values;
    mb_error error;
    cells[1].dataset = "MELD";
    assert_int_equal(make_values("{\"published\": 9, \"partial\": true, " TWO_BY_TWO "}", &m,
                                 &layout, &values, &error),
                     MB_OK);
    assert_null(mb_layout_value_at(&values, 0, 1)->cell);
    assert_int_equal(mb_layout_value_at(&values, 0, 2)->ours.count, 0);
    mb_layout_values_free(&values);
    mb_layout_free(&layout);
    cells[1].dataset = "SIMS";
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"columns\": [{\"head\": \"c\"}], \"rows\": [{\"head\": \"r\", \"model\": \"mfn\"}]}",
         "rows[0] (\"r\"): no cell of the plan 'p' is what it asks for"},
        {"{\"columns\": [{\"head\": \"c\"}], \"rows\": [{\"head\": \"r\", \"model\": \"lmf\"}]}",
         "rows[0] and columns[0]: expected one cell of the plan, found cells 0 and 1"},
        {"{\"columns\": [{\"head\": \"c\", \"dataset\": \"SIMS\"}, {\"head\": \"d\", \"feature\": "
         "\"bert-UTT\"}], \"rows\": [{\"head\": \"r\", \"model\": \"lmf\", \"dataset\": "
         "\"SIMS\"}]}",
         "the same number would stand in rows[0], columns[0] and in rows[0], columns[1]"},
        {"{\"published\": 9, \"columns\": [{\"head\": \"c\", \"published\": \"mean\"}], \"rows\": "
         "[{\"head\": \"r\", \"label\": \"sounds\", \"published\": \"high/none\"}]}",
         "rows[0].published: Table 9 of the paper has no \"high/none\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        made m;
        mb_layout layout;
        mb_layout_values values;
        mb_error error;
        mb_status status = make_values(cases[i].text, &m, &layout, &values, &error);
        if (status != MB_BAD_INPUT || strstr(error.message, cases[i].message) == NULL)
            fail_msg("case %zu: %d %s", i, status, error.message);
        mb_layout_values_free(&values);
        mb_layout_free(&layout);
    }
}

// The same cell may show several scores and parts.
static void test_several_scores(void **state) {
    (void)state;
    made m;
    mb_layout layout;
    mb_layout_values values;
    mb_error error;
    assert_int_equal(
        make_values("{\"columns\": [{\"head\": \"WAF\"}, {\"head\": \"MSE\", \"metric\": \"mse\"}, "
                    "{\"head\": \"other\", \"part\": \"test1\"}], \"rows\": [{\"head\": \"r\", "
                    "\"features\": {\"audio\": \"x\"}, \"protocol\": \"strict\"}]}",
                    &m, &layout, &values, &error),
        MB_OK);
    assert_int_equal(mb_layout_value_at(&values, 0, 0)->ours.count, 6);
    assert_ptr_equal(mb_layout_value_at(&values, 0, 1)->cell, &m.cells[3]);
    assert_int_equal(mb_layout_value_at(&values, 0, 2)->ours.count, 0); // no such part
    mb_layout_values_free(&values);
    mb_layout_free(&layout);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_layouts),    cmocka_unit_test(test_values),
        cmocka_unit_test(test_incomplete),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_several_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
