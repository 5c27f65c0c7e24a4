// Prints tables as documents in text, Markdown or LaTeX: a title, the entries, details and notes.
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/plain.h"
#include "report/dialect.h"

static const mb_dialect dialects[] = {
    [MB_TABLE_TEXT] = {.escape = mb_plain,
                       .print = mb_grid_print_text,
                       .plus_minus = " ± ",
                       .nothing = "—",
                       .marks = {{"  ", ""}, {"* ", ""}, {"+ ", ""}},
                       .pads = true,
                       .title = {"", "\n"},
                       .line = {"", "\n"},
                       .legend = "* best, + second best of its column"},
    [MB_TABLE_MARKDOWN] = {.escape = mb_text_markdown,
                           .print = mb_grid_print_markdown,
                           .plus_minus = " ± ",
                           .nothing = "—",
                           .marks = {{"", ""}, {"**", "**"}, {"_", "_"}},
                           .title = {"### ", "\n"},
                           .line = {"- ", "\n"},
                           .legend = "**bold** best, _underlined_ second best of its column"},
    [MB_TABLE_LATEX] = {.escape = mb_text_latex,
                        .print = mb_grid_print_latex,
                        .plus_minus = " $\\pm$ ",
                        .nothing = "--",
                        .marks = {{"", ""}, {"\\textbf{", "}"}, {"\\underline{", "}"}},
                        .title = {"% ", "\n% needs \\usepackage{booktabs}\n"},
                        .line = {"% ", "\n"},
                        .legend = "bold: best, underlined: second best of its column"},
};

const mb_dialect *mb_dialect_of(mb_table_format format) {
    return &dialects[format];
}

void mb_print_line(const char *const around[2], FILE *out, const char *format, ...) {
    va_list arguments;
    fputs(around[0], out);
    va_start(arguments, format);
    mb_print_plain_list(out, format, arguments);
    va_end(arguments);
    fputs(around[1], out);
}

// The title names the dataset, model and protocol if they are the same for the whole table.
static bool print_title(const mb_table *table, const mb_dialect *dialect, FILE *out) {
    const mb_ledger_cell *first = table->cell_count > 0 ? table->cells[0].cell : NULL;
    // LaTeX prints the title as a comment, where escapes are not needed but do no harm.
    char *name = dialect->escape(table->plan->name);
    char *model = dialect->escape(first != NULL ? first->model : "");
    char *protocol = dialect->escape(first != NULL ? first->protocol : "");
    char *dataset = dialect->escape(first != NULL ? first->dataset : "");
    bool done = name != NULL && model != NULL && protocol != NULL && dataset != NULL;
    if (done)
        mb_print_line(dialect->title, out, "%s (plan %.8s)%s%s%s%s%s%s%s", name,
                      table->plan->digest, table->several_datasets ? "" : ", ",
                      table->several_datasets ? "" : dataset, table->several_models ? "" : ", ",
                      table->several_models ? "" : model, table->several_protocols ? "" : ", ",
                      table->several_protocols ? "" : protocol,
                      table->several_protocols ? "" : " protocol");
    free(name);
    free(model);
    free(protocol);
    free(dataset);
    if (done)
        mb_print_line(dialect->line, out, "%s%s: mean ± %s standard deviation over the seeds %s",
                      table->facts->title, table->facts->factor == 100 ? " in percent" : "",
                      mb_deviation_names[table->options.deviation],
                      table->options.all_settings ? "of every setting of the search"
                      : table->options.phase == MB_TABLE_SEARCH
                          ? "of the best setting of the search"
                          : "of the chosen setting");
    if (done && table->replaced[0] != '\0')
        mb_print_line(dialect->line, out, "quick try: %s", table->replaced);
    return done;
}

static bool print_document(const mb_table *table, FILE *out) {
    const mb_dialect *dialect = mb_dialect_of(table->options.format);
    if (!print_title(table, dialect, out))
        return false;
    fputc('\n', out);
    if (table->options.all_settings) {
        if (!mb_print_settings(table, dialect, out))
            return false;
        fputc('\n', out);
    } else {
        if (!mb_print_entries(table, dialect, out))
            return false;
        fputc('\n', out);
        if (!mb_print_parts(table, dialect, out))
            return false;
        if (!mb_print_details(table, dialect, out))
            return false;
        fputc('\n', out);
    }
    return mb_print_notes(table, dialect, out);
}

mb_status mb_table_print(mb_ledger *ledger, const mb_table_options *options, FILE *out,
                         mb_error *error) {
    mb_table table;
    // Within a transaction all reads see the same state of the ledger, even if a sweep is writing.
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    memset(&table, 0, sizeof table);
    status = mb_ledger_check_lookups(ledger, error);
    if (status == MB_OK)
        status = mb_table_collect(ledger, options, &table, error);
    mb_status ended = mb_ledger_end(ledger, true, status == MB_OK ? error : NULL);
    if (status == MB_OK)
        status = ended;
    if (status == MB_OK) {
        bool done = true;
        if (options->format == MB_TABLE_CSV)
            done = mb_table_print_csv(&table, out);
        else if (options->format == MB_TABLE_JSON)
            mb_table_print_json(&table, out);
        else
            done = print_document(&table, out);
        if (!done)
            status = mb_out_of_memory(error, "a table");
        else if (ferror(out))
            status = mb_fail(error, MB_FAILED, "cannot write the table");
    }
    mb_table_free(&table);
    return status;
}
