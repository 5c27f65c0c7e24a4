// The paper's numbers: they can be read, and they agree with each other.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "paper/published.h"

static mb_published tables[MB_PAPER_TABLE_COUNT + 1]; // by number

static int load_all(void **state) {
    (void)state;
    for (int32_t t = 1; t <= MB_PAPER_TABLE_COUNT; t++) {
        mb_error error = {.message = ""};
        if (mb_published_load(t, &tables[t], &error) != MB_OK) {
            print_error("%s\n", error.message);
            return 1;
        }
    }
    return 0;
}

static int free_all(void **state) {
    (void)state;
    for (int32_t t = 1; t <= MB_PAPER_TABLE_COUNT; t++)
        mb_published_free(&tables[t]);
    return 0;
}

// Compares two cells as they are printed, with two decimals.
static void expect_equal(int32_t t, const char *row, int32_t u, const char *other,
                         const char *column) {
    const mb_published *a = &tables[t], *b = &tables[u];
    int32_t i = mb_published_find_row(a, row), j = mb_published_find_row(b, other);
    int32_t c = mb_published_find_column(a, column), d = mb_published_find_column(b, column);
    if (i < 0 || j < 0 || c < 0 || d < 0)
        fail_msg("%d %s, %d %s, %s: %d %d %d %d", t, row, u, other, column, i, j, c, d);
    const mb_published_cell *x = &a->rows[i].cells[c], *y = &b->rows[j].cells[d];
    if (fabs(x->mean - y->mean) > 1e-9 ||
        (!isnan(x->deviation) && !isnan(y->deviation) && fabs(x->deviation - y->deviation) > 1e-9))
        fail_msg("table %d %s and table %d %s differ in %s: %g %g, %g %g", t, row, u, other, column,
                 x->mean, x->deviation, y->mean, y->deviation);
}

static const char *const corpora[] = {"MER2023.test1.waf",  "CMUMOSI.test.waf", "CMUMOSEI.test.waf",
                                      "SIMS.test.waf",      "SIMSv2.test.waf",  "MELD.test.waf",
                                      "IEMOCAPFour.cv.waf", "IEMOCAPSix.cv.waf"};
enum { CORPUS_COUNT = sizeof corpora / sizeof *corpora };

static void test_sizes(void **state) {
    (void)state;
    static const struct {
        int32_t rows, columns;
    } sizes[MB_PAPER_TABLE_COUNT + 1] = {
        [1] = {4, 2},   [2] = {44, 9},  [3] = {14, 9},  [4] = {8, 1},   [5] = {44, 9},
        [6] = {6, 8},   [7] = {6, 8},   [8] = {6, 8},   [9] = {20, 9},  [10] = {6, 9},
        [11] = {15, 2}, [12] = {3, 3},  [13] = {24, 8}, [14] = {6, 4},  [15] = {4, 3},
        [16] = {12, 8}, [17] = {12, 3}, [18] = {34, 0}, [19] = {33, 3}, [20] = {44, 4}};
    for (int32_t t = 1; t <= MB_PAPER_TABLE_COUNT; t++)
        if (tables[t].row_count != sizes[t].rows || tables[t].column_count != sizes[t].columns)
            fail_msg("table %d: %d rows, %d columns", t, tables[t].row_count,
                     tables[t].column_count);
}

// Means are of unrounded numbers, so they may differ by the last digit.
static void test_means(void **state) {
    (void)state;
    int32_t compared = 0;
    for (int32_t t = 1; t <= MB_PAPER_TABLE_COUNT; t++)
        for (int32_t r = 0; r < tables[t].row_count; r++)
            for (int32_t c = 0; c < tables[t].column_count; c++) {
                const mb_published_column *column = &tables[t].columns[c];
                const mb_published_cell *cells = tables[t].rows[r].cells;
                double sum = 0;
                for (int32_t i = 0; i < column->over_count; i++)
                    sum += cells[column->over[i]].mean;
                double difference = sum / column->over_count - cells[c].mean;
                if (column->over_count == 0 || isnan(cells[c].mean))
                    continue;
                compared++;
                if (!(fabs(difference) < 0.0101))
                    fail_msg("table %d %s %s: printed %g, %+g", t, tables[t].rows[r].id, column->id,
                             cells[c].mean, difference);
            }
    assert_int_equal(compared, 186);
}

// The same runs stand in several tables.
static void test_shared_numbers(void **state) {
    (void)state;
    for (int32_t r = 0; r < tables[5].row_count; r++)
        expect_equal(5, tables[5].rows[r].id, 2, tables[5].rows[r].id, "MER2023.test1.waf");
    for (int32_t c = 0; c < CORPUS_COUNT; c++) {
        expect_equal(9, "high/attention", 10, "top1", corpora[c]);
        expect_equal(5, "video/videomae-base", 6, "video/videomae-base/kinetics-400", corpora[c]);
        expect_equal(5, "text/macbert-base", 16, "text/macbert-base/frozen", corpora[c]);
        expect_equal(5, "audio/hubert-base", 16, "audio/hubert-base/frozen", corpora[c]);
    }
    for (int32_t r = 0; r < tables[14].row_count; r++) { // trained and tested clean: Table 5's mean
        int32_t same = mb_published_find_row(&tables[5], tables[14].rows[r].id);
        int32_t mean = mb_published_find_column(&tables[5], "mean");
        int32_t clean = mb_published_find_column(&tables[14], "clean");
        assert_true(same >= 0 && mean >= 0 && clean >= 0);
        assert_true(tables[5].rows[same].cells[mean].mean == tables[14].rows[r].cells[clean].mean);
    }
}

static void test_notes(void **state) {
    (void)state;
    const mb_published *nine = &tables[9];
    int32_t misa = mb_published_find_row(nine, "high/misa");
    int32_t six = mb_published_find_column(nine, "IEMOCAPSix.cv.waf");
    assert_non_null(strstr(mb_published_note_of(nine, misa, six, 0), "last batch of one row"));
    assert_null(mb_published_note_of(nine, misa, six, 1));
    assert_null(mb_published_note_of(nine, misa, six - 1, 0));
    assert_non_null(mb_published_note_of(&tables[17], 3, 0, 0)); // of all rows
}

static void test_bad_files(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "table01.json: table: "},
        {"{\"table\": 2}", "table: expected an integer"},
        {"{\"table\": 1, \"title\": \"x\", \"source\": \"y\", \"columns\": [], \"rows\": []}",
         "rows"},
        {"{\"table\": 1, \"title\": \"x\", \"source\": \"y\", \"columns\": [{\"id\": \"a\", "
         "\"printed\": \"A\"}],"
         " \"rows\": [{\"id\": \"r\", \"printed\": \"R\", \"values\": {\"b\": [1]}}]}",
         "rows[0].values.b: the table has no such column"},
        {"{\"table\": 1, \"title\": \"x\", \"source\": \"y\", \"columns\": [{\"id\": \"a\", "
         "\"printed\": \"A\"}],"
         " \"rows\": [{\"id\": \"r\", \"printed\": \"R\", \"values\": {\"a\": [1, -2]}}]}",
         "rows[0].values.a[1]: "},
        {"{\"table\": 1, \"title\": \"x\", \"source\": \"y\", \"columns\": [{\"id\": \"a\", "
         "\"printed\": \"A\"}],"
         " \"rows\": [{\"id\": \"r\", \"printed\": \"R\"}, {\"id\": \"r\", \"printed\": \"R\"}]}",
         "there are two rows \"r\""},
        {"{\"table\": 1, \"title\": \"x\", \"source\": \"y\", \"columns\": [], \"rows\": [{\"id\": "
         "\"r\", "
         "\"printed\": \"R\"}], \"notes\": [{\"text\": \"t\", \"rows\": [\"q\"]}]}",
         "notes[0].rows[0]: the table has no \"q\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_published published;
        mb_error error = {.message = ""};
        mb_status status = mb_published_read("table01.json", cases[i].text, strlen(cases[i].text),
                                             1, &published, &error);
        if (status != MB_BAD_INPUT || strstr(error.message, cases[i].message) == NULL)
            fail_msg("case %zu: %d %s", i, status, error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),          cmocka_unit_test(test_means),
        cmocka_unit_test(test_shared_numbers), cmocka_unit_test(test_notes),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, load_all, free_all);
}
