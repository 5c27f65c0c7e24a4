// Silent damage: whatever byte of a ledger changes, nothing else is read than before, or the file
// is refused. And what is not damaged can be saved.
#include "ledger_sample.h"

#include "base/hash.h"

enum { TRIALS = 12 };

typedef struct book {
    char keys[TRIALS][33], plan[33];
} book;

static void put_scored_trial(mb_ledger *ledger, int i, char key[33]) {
    mb_error error = {.message = ""};
    char description[64];
    snprintf(description, sizeof description, "{\"seed\":%d}", i);
    mb_hash(description, strlen(description), key);
    mb_ledger_trial trial = {.description = description, .fold_count = 2};
    memcpy(trial.key, key, sizeof trial.key);
    assert_int_equal(mb_ledger_put_trial(ledger, &trial, &error), MB_OK);
    mb_part_scores parts[2] = {{.name = "test1"}, {.name = "test2"}};
    mb_ledger_scores scores = sample_scores();
    scores.score.acc = i;
    scores.part_count = 2;
    scores.parts = parts;
    for (int32_t fold = 0; fold < 2; fold++)
        if (put_sample(ledger, key, fold, fold == 1 ? &scores : NULL, &error) != MB_OK)
            fail_msg("%s", error.message);
}

// A ledger with rows in all tables but `members`.
static void make_book(const scratch *here, book *b) {
    mb_error error = {.message = ""};
    char text[] = "text", dataset[] = "SIMS", json[] = "{\"name\":\"p\"}";
    mb_ledger_cell cell = {.label = text,
                           .dataset = dataset,
                           .model = text,
                           .features = text,
                           .protocol = text,
                           .final_seeds = TRIALS / 2};
    mb_ledger_choice choice = {.setting = json, .selection = 0.5, .doubt = text};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    mb_hash(json, strlen(json), b->plan);
    assert_int_equal(mb_ledger_begin(ledger, &error), MB_OK);
    assert_int_equal(mb_ledger_put_plan(ledger, b->plan, "p", json, &cell, 1, &error), MB_OK);
    for (int i = 0; i < TRIALS; i++) {
        put_scored_trial(ledger, i, b->keys[i]);
        assert_int_equal(mb_ledger_link(ledger, b->plan, 0, i < TRIALS / 2, b->keys[i], &error),
                         MB_OK);
    }
    assert_int_equal(mb_ledger_choose(ledger, b->plan, 0, &choice, &error), MB_OK);
    assert_int_equal(mb_ledger_end(ledger, true, &error), MB_OK);
    mb_ledger_close(ledger);
}

// ---- reading everything -----------------------------------------------------------------------

static void add_scores(mb_hasher *hasher, const mb_scores *scores) {
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++) {
        double value = mb_score_get(scores, i);
        mb_hasher_add(hasher, &value, sizeof value);
    }
}

static void add_entries(mb_hasher *hasher, const mb_ledger_entry *entries, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        mb_hasher_add_string(hasher, entries[i].key);
        mb_hasher_add_string(hasher, entries[i].description);
        mb_hasher_add(hasher, &entries[i].finished, sizeof entries[i].finished);
        mb_hasher_add(hasher, &entries[i].scores.selection, sizeof(double));
        mb_hasher_add_string(hasher, entries[i].scores.score_part);
        add_scores(hasher, &entries[i].scores.score);
        add_scores(hasher, &entries[i].scores.select);
        for (int32_t p = 0; p < entries[i].scores.part_count; p++) {
            mb_hasher_add_string(hasher, entries[i].scores.parts[p].name);
            add_scores(hasher, &entries[i].scores.parts[p].scores);
        }
    }
}

static void add_plan(mb_hasher *hasher, const mb_ledger_plan *plan) {
    mb_hasher_add_string(hasher, plan->digest);
    mb_hasher_add_string(hasher, plan->name);
    mb_hasher_add_string(hasher, plan->json);
    for (int32_t i = 0; i < plan->cell_count; i++) {
        const mb_ledger_cell *cell = &plan->cells[i];
        mb_hasher_add_string(hasher, cell->label);
        mb_hasher_add_string(hasher, cell->dataset);
        mb_hasher_add_string(hasher, cell->model);
        mb_hasher_add_string(hasher, cell->features);
        mb_hasher_add_string(hasher, cell->protocol);
        mb_hasher_add(hasher, &cell->final_seeds, sizeof cell->final_seeds);
        for (int32_t c = 0; c < cell->choice_count; c++) {
            mb_hasher_add_string(hasher, cell->choices[c].setting);
            mb_hasher_add_string(hasher, cell->choices[c].doubt);
            mb_hasher_add(hasher, &cell->choices[c].selection, sizeof(double));
        }
    }
}

static mb_status add_cells(mb_ledger *ledger, const mb_ledger_plan *plan, mb_hasher *hasher,
                           mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t i = 0; i < 2 * plan->cell_count && status == MB_OK; i++) {
        mb_ledger_entry *entries = NULL;
        int32_t count = 0;
        status =
            mb_ledger_get_entries(ledger, plan->digest, i / 2, i % 2 != 0, &entries, &count, error);
        add_entries(hasher, entries, count);
        mb_ledger_entries_free(entries, count);
    }
    return status;
}

static void add_predictions(mb_hasher *hasher, const mb_predictions *p) {
    mb_hasher_add(hasher, &p->count, sizeof p->count);
    if (p->logits != NULL)
        mb_hasher_add(hasher, p->logits, (size_t)p->count * CLASSES * sizeof(float));
    if (p->values != NULL)
        mb_hasher_add(hasher, p->values, (size_t)p->count * sizeof(float));
}

static mb_status add_run(mb_ledger *ledger, const char *key, int32_t fold, mb_hasher *hasher,
                         mb_error *error) {
    mb_run_result run;
    mb_status status = mb_ledger_get_run(ledger, key, fold, &run, error);
    if (status != MB_OK)
        return status;
    mb_hasher_add(hasher, &run.status, sizeof run.status);
    mb_hasher_add(hasher, &run.best_epoch, sizeof run.best_epoch);
    mb_hasher_add(hasher, &run.steps, sizeof run.steps);
    mb_hasher_add(hasher, run.epochs, (size_t)run.epochs_done * sizeof *run.epochs);
    add_scores(hasher, &run.select);
    add_scores(hasher, &run.held);
    add_predictions(hasher, &run.select_predictions);
    for (int32_t i = 0; i < run.test_count; i++)
        add_predictions(hasher, &run.tests[i]);
    mb_run_result_free(&run);
    return MB_OK;
}

// The digest of everything that commands read, in the way that `table` and `replay` do.
static mb_status read_all(const char *path, const book *b, char digest[33], mb_error *error) {
    mb_ledger *ledger = NULL;
    mb_ledger_plan *plans = NULL;
    int32_t count = 0;
    mb_hasher *hasher = mb_hasher_create();
    mb_status status = mb_ledger_open(path, MB_LEDGER_READ, &ledger, error);
    if (status == MB_OK)
        status = mb_ledger_check_lookups(ledger, error);
    if (status == MB_OK)
        status = mb_ledger_get_plans(ledger, &plans, &count, error);
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        add_plan(hasher, &plans[i]);
        status = add_cells(ledger, &plans[i], hasher, error);
    }
    for (int i = 0; i < 2 * TRIALS && status == MB_OK; i++)
        status = add_run(ledger, b->keys[i / 2], i % 2, hasher, error);
    mb_hasher_finish(hasher, digest);
    mb_ledger_plans_free(plans, count);
    mb_ledger_close(ledger);
    return status;
}

// ---- flipped bytes ----------------------------------------------------------------------------

static void flip(FILE *file, long position, int bits) {
    fseek(file, position, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, position, SEEK_SET);
    fputc(byte ^ bits, file);
    fflush(file);
}

static void no_flipped_byte_changes_what_is_read(void **state) {
    scratch *here = *state;
    book b;
    char before[33], after[33];
    mb_error error = {.message = ""};
    make_book(here, &b);
    assert_int_equal(read_all(here->path, &b, before, &error), MB_OK);
    struct stat info;
    assert_int_equal(stat(here->path, &info), 0);
    FILE *file = fopen(here->path, "r+b");
    assert_non_null(file);
    int refused = 0, tried = 0;
    for (long position = 7; position < info.st_size; position += 41, tried++) {
        static const int bits[] = {0x01, 0x80, 0xff, 0x10};
        flip(file, position, bits[tried % 4]);
        error.message[0] = '\0';
        mb_status status = read_all(here->path, &b, after, &error);
        if (status == MB_OK && strcmp(before, after) != 0)
            fail_msg("byte %ld: other values were read without a word", position);
        if (status != MB_OK && (status != MB_BAD_INPUT || error.message[0] == '\0'))
            fail_msg("byte %ld: status %d: %s", position, (int)status, error.message);
        refused += status != MB_OK;
        flip(file, position, bits[tried % 4]);
    }
    fclose(file);
    assert_true(refused > tried / 8);
    assert_int_equal(read_all(here->path, &b, after, &error), MB_OK);
    assert_string_equal(before, after);
}

// Changes that SQLite does not notice.
static void changed_values_are_refused(void **state) {
    scratch *here = *state;
    static const char *const changes[] = {
        "UPDATE plans SET name = 'q'",
        "UPDATE cells SET label = 'other'",
        "UPDATE choices SET setting = '{}'",
        "UPDATE trials SET description = '{}'",
        "UPDATE runs SET steps = steps + 1",
        "UPDATE runs SET prediction_count = 2",
        "UPDATE epochs SET train_loss = 0.25 WHERE epoch = 0",
        "UPDATE predictions SET logits = zeroblob(length(logits))",
        "UPDATE trial_scores SET acc = 99.5",
        "UPDATE part_scores SET waf = 99.5 WHERE position = 1",
        "DELETE FROM part_scores WHERE position = 1",
        "DELETE FROM predictions WHERE position = 3",
        "DELETE FROM epochs WHERE epoch = 1",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        book b;
        char digest[33];
        mb_error error = {.message = ""};
        make_book(here, &b);
        execute(here->path, changes[i]);
        mb_status status = read_all(here->path, &b, digest, &error);
        if (status != MB_BAD_INPUT || strstr(error.message, "damaged") == NULL)
            fail_msg("%s: status %d: %s", changes[i], (int)status, error.message);
        unlink(here->path);
    }
}

// ---- what can be saved ------------------------------------------------------------------------

static void count_line(void *context, const char *line) {
    int *lines = context;
    ++*lines;
    assert_true(line[0] != '\0');
}

static mb_ledger_findings examine(const char *path, int *lines) {
    mb_error error = {.message = ""};
    mb_ledger_findings findings;
    mb_ledger *ledger = open_ledger(path, MB_LEDGER_READ);
    *lines = 0;
    if (mb_ledger_examine(ledger, count_line, lines, &findings, &error) != MB_OK)
        fail_msg("%s", error.message);
    mb_ledger_close(ledger);
    assert_int_equal(*lines, findings.count);
    return findings;
}

static mb_ledger_saved save(const char *path, const char *new) {
    mb_error error = {.message = ""};
    mb_ledger_saved saved;
    if (mb_ledger_copy(path, new, true, &saved, &error) != MB_OK)
        fail_msg("%s", error.message);
    return saved;
}

static void good_rows_are_saved(void **state) {
    scratch *here = *state;
    book b;
    char new[80], again[80];
    int lines;
    snprintf(new, sizeof new, "%s/new.db", here->folder);
    snprintf(again, sizeof again, "%s/again.db", here->folder);
    make_book(here, &b);
    assert_int_equal(examine(here->path, &lines).count, 0);
    assert_int_equal(save(here->path, again).runs, 2 * TRIALS); // nothing is damaged
    execute(here->path, "UPDATE runs SET steps = 1 WHERE id = 3;"
                        "UPDATE epochs SET train_loss = 7 WHERE run = 5 AND epoch = 1;"
                        "UPDATE trial_scores SET acc = 99 WHERE rowid = 9");
    assert_int_equal(examine(here->path, &lines).damaged_runs, 1);
    assert_true(lines >= 3);
    mb_ledger_saved saved = save(here->path, new);
    assert_int_equal(saved.trials, TRIALS);
    assert_int_equal(saved.runs, 2 * TRIALS - 2);
    assert_int_equal(examine(new, &lines).count, 0);
    // The runs that are left out can be recorded again, and the others are as they were.
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(new, MB_LEDGER_WRITE);
    for (int i = 0; i < 2 * TRIALS; i++) {
        bool there;
        assert_int_equal(has_run(ledger, b.keys[i / 2], i % 2, &there, &error), MB_OK);
        assert_int_equal(there, i != 2 && i != 4);
        if (there)
            assert_sample(ledger, b.keys[i / 2], i % 2);
        else
            assert_int_equal(put_sample(ledger, b.keys[i / 2], i % 2, NULL, &error), MB_OK);
    }
    // Without all runs, or with damaged scores, a trial has none.
    for (int i = 0; i < TRIALS; i++) {
        mb_ledger_scores scores;
        bool there;
        assert_int_equal(mb_ledger_get_scores(ledger, b.keys[i], &there, &scores, &error), MB_OK);
        assert_int_equal(there, i != 1 && i != 2 && i != 8);
        if (there)
            mb_ledger_scores_free(&scores);
    }
    mb_ledger_close(ledger);
}

static bool is_lost(const char *path) {
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    mb_status status = mb_ledger_open(path, MB_LEDGER_READ, &ledger, &error);
    mb_ledger_close(ledger);
    assert_true(status == MB_OK || status == MB_BAD_INPUT);
    return status != MB_OK;
}

// Pages are overwritten one after the other. Whatever is saved is whole.
static void pages_can_be_lost(void **state) {
    scratch *here = *state;
    book b;
    char new[80], torn[80], command[400];
    struct stat info;
    int lines, lost = 0;
    int64_t most = 0;
    snprintf(new, sizeof new, "%s/new.db", here->folder);
    snprintf(torn, sizeof torn, "%s/torn.db", here->folder);
    make_book(here, &b);
    assert_int_equal(stat(here->path, &info), 0);
    for (long page = 1; page < info.st_size / 4096; page++) {
        snprintf(command, sizeof command,
                 "cp '%s' '%s' && dd if=/dev/urandom of='%s' bs=4096 "
                 "seek=%ld count=1 conv=notrunc 2>/dev/null",
                 here->path, torn, torn, page);
        assert_int_equal(system(command), 0);
        if (is_lost(torn)) { // with the pages that name the tables, everything is
            lost++;
            continue;
        }
        assert_true(examine(torn, &lines).count > 0);
        mb_ledger_saved saved = save(torn, new);
        assert_int_equal(examine(new, &lines).count, 0);
        most = saved.runs > most ? saved.runs : most;
        unlink(new);
    }
    assert_in_range(lost, 0, 4);
    assert_int_equal(most, 2 * TRIALS); // the loss of an index loses nothing
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(no_flipped_byte_changes_what_is_read),
        SCRATCH_TEST(changed_values_are_refused),
        SCRATCH_TEST(good_rows_are_saved),
        SCRATCH_TEST(pages_can_be_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
