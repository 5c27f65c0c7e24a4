// Prints the notes below a table: what its marks mean, and what is unusual about its entries.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "merbench/dataset.h"
#include "report/dialect.h"

enum { MOST_RUNS = 3, MOST_ENTRIES = 8 }; // in one note; of one kind

// ---- notes about entries ----------------------------------------------------------------------

// Makes the text of a note about a value; "" where there is nothing to say. False when out of
// memory.
typedef bool (*note_maker)(const mb_table_cell *cell, const mb_table_value *value, char **text);

static bool on_broken(const mb_table_cell *cell, const mb_table_value *value, char **text) {
    (void)cell;
    return mb_failures_text(value, false, MOST_RUNS, text);
}

static bool on_diverged(const mb_table_cell *cell, const mb_table_value *value, char **text) {
    (void)cell;
    return mb_failures_text(value, true, MOST_RUNS, text);
}

static bool on_doubt(const mb_table_cell *cell, const mb_table_value *value, char **text) {
    (void)value;
    return mb_doubts_text(cell, text);
}

static bool on_devices(const mb_table_cell *cell, const mb_table_value *value, char **text) {
    (void)cell;
    return mb_devices_text(value, text);
}

// The kinds of notes, in the order in which they are printed.
static const struct {
    const char *name;    // begins every line
    const char *meaning; // printed once, before the first line; NULL: nothing
    note_maker make;
    bool of_cell; // once for a cell, not for every value
} kinds[] = {
    {"diverged", NULL, on_diverged, false},
    {"not finite",
     "not finite: in these runs a number was not finite; they are scored as the toolkit scores "
     "them",
     on_broken, false},
    {"doubtful choice", NULL, on_doubt, true},
    {"devices",
     "devices: these means are over runs of different devices or instruction sets, which differ in "
     "rounding",
     on_devices, false},
};

// "KIND: LABEL, COLUMN, SETTINGS: TEXT". The settings only where a cell has several values.
static bool print_note(const mb_table *table, const mb_table_cell *cell,
                       const mb_table_value *value, const char *kind, const char *text,
                       const mb_dialect *dialect, FILE *out) {
    char *settings = NULL, *line = NULL, *safe = NULL;
    bool done = value == NULL || mb_settings_of_value_text(value, &settings);
    if (done && asprintf(&line, "%s: %s, %s%s%s: %s", kind, table->rows[cell->row],
                         table->columns[cell->column], settings != NULL ? ", " : "",
                         settings != NULL ? settings : "", text) < 0)
        line = NULL;
    safe = line != NULL ? dialect->escape(line) : NULL;
    if (safe != NULL)
        mb_print_line(dialect->line, out, "%s", safe);
    done = safe != NULL;
    free(settings);
    free(line);
    free(safe);
    return done;
}

static bool print_kind(const mb_table *table, int32_t kind, const mb_dialect *dialect, FILE *out) {
    int32_t count = 0;
    bool done = true;
    for (int32_t i = 0; i < table->cell_count && done; i++) {
        const mb_table_cell *cell = &table->cells[i];
        int32_t values = kinds[kind].of_cell ? 1 : cell->value_count;
        for (int32_t j = 0; j < values && done; j++) {
            char *text = NULL;
            done = kinds[kind].make(cell, &cell->values[j], &text);
            if (done && text[0] != '\0' && count++ < MOST_ENTRIES) {
                if (count == 1 && kinds[kind].meaning != NULL)
                    mb_print_line(dialect->line, out, "%s", kinds[kind].meaning);
                bool several = table->options.all_settings && !kinds[kind].of_cell;
                done = print_note(table, cell, several ? &cell->values[j] : NULL, kinds[kind].name,
                                  text, dialect, out);
            }
            free(text);
        }
    }
    if (done && count > MOST_ENTRIES)
        mb_print_line(dialect->line, out, "%s: and %" PRId32 " more %s (--format json)",
                      kinds[kind].name, count - MOST_ENTRIES,
                      mb_plural(count - MOST_ENTRIES, "entry", "entries"));
    return done;
}

// ---- notes about the table --------------------------------------------------------------------

static bool shows(const mb_table *table, bool (*property)(const mb_ledger_cell *cell)) {
    for (int32_t i = 0; i < table->cell_count; i++) {
        const mb_ledger_cell *cell = table->cells[i].cell;
        if (mb_table_rules(cell) != NULL && property(cell))
            return true;
    }
    return false;
}

// With common labels there are no values beside classes.
static bool selects_by_both(const mb_ledger_cell *cell) {
    return mb_table_rules(cell)->selection == MB_SELECT_EMOVAL && !mb_table_transfers(cell);
}

static bool has_no_classes(const mb_ledger_cell *cell) {
    return mb_table_rules(cell)->class_count == 0;
}

bool mb_print_notes(const mb_table *table, const mb_dialect *dialect, FILE *out) {
    int32_t finished = 0, asked = 0, diverged = 0;
    bool marked = false, split = false, done = true;
    for (int32_t i = 0; i < table->cell_count; i++) {
        const mb_table_cell *cell = &table->cells[i];
        finished += cell->search_finished;
        asked += cell->search_asked;
        split |= cell->split;
        for (int32_t j = 0; j < cell->value_count; j++) {
            const mb_table_value *value = &cell->values[j];
            // Seeds of a search are already included in the counts of the search.
            bool separate = cell->search_asked == 0 || value->final;
            finished += separate ? value->finished : 0;
            asked += separate ? value->asked : 0;
            diverged += value->diverged;
            marked |= value->rank > 0;
        }
    }
    if (marked)
        mb_print_line(dialect->line, out, "%s; only entries with every seed are compared",
                      dialect->legend);
    if (table->options.all_settings && !split)
        mb_print_line(
            dialect->line, out,
            "selection: mean of the selection metric at the best epochs; the marked setting "
            "has the highest");
    if (table->options.all_settings && split)
        mb_print_line(dialect->line, out,
                      "selection: mean over the folds of the selection metric at the best epochs; "
                      "each fold chose the setting that is the best on its own selection part");
    if (split && (table->options.all_settings || table->options.phase == MB_TABLE_SEARCH))
        mb_print_line(dialect->line, out,
                      "a setting that was not chosen for every fold has no score over all folds; "
                      "the table without --all-settings and --phase search shows the result");
    if (diverged > 0)
        mb_print_line(dialect->line, out, "diverged trials: %" PRId32 "; the means leave them out",
                      diverged);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && done; i++)
        done = print_kind(table, (int32_t)i, dialect, out);
    if (finished < asked)
        mb_print_line(dialect->line, out,
                      "unfinished: %" PRId32 " of %" PRId32
                      " %s finished; the same 'merbench run' command continues",
                      finished, asked, mb_plural(asked, "trial is", "trials are"));
    if (table->facts->scored != MB_SCORED_BOTH && shows(table, selects_by_both))
        mb_print_line(
            dialect->line, out, "%s",
            "datasets with emotions and valence select by WAF - 0.25 MSE (--metric emoval)");
    if (table->facts->scored == MB_SCORED_CLASSES && shows(table, has_no_classes))
        mb_print_line(dialect->line, out, "%s",
                      "for datasets without classes, this is the score of the sign, without zeros");
    return done;
}
