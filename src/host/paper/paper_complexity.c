#include "paper/paper_complexity.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "report/dialect.h"

bool mb_paper_is_measured(int32_t table) {
    return table == 17;
}

int32_t mb_paper_classifier(const mb_published_row *row) {
    const cJSON *dimension = cJSON_GetObjectItemCaseSensitive(row->keys, "dimension");
    return cJSON_IsNumber(dimension) ? dimension->valueint : 0;
}

// ---- columns ----------------------------------------------------------------------------------

static double macs(const mb_paper_cost *cost) {
    return 1e-9 * cost->multiply_accumulates;
}

static double parameters(const mb_paper_cost *cost) {
    return 1e-6 * cost->parameters;
}

static double training(const mb_paper_cost *cost) {
    return cost->training_milliseconds;
}

static double inference(const mb_paper_cost *cost) {
    return cost->inference_milliseconds;
}

typedef struct column {
    const char *id; // as the published table has it
    const char *head;
    double (*value)(const mb_paper_cost *cost);
    int digits;
} column;

enum { COLUMN_COUNT = 4 };
static const column columns[COLUMN_COUNT] = {
    {"macs", "MACs (G)", macs, 4},
    {"parameters", "# Params (M)", parameters, 4},
    {"time", "Training Time (ms)", training, 5},
    {"inference", "Inference Time (ms)", inference, 5}, // the paper has none
};

// NaN: it was not measured.
static double ours(const mb_paper_costs *costs, int32_t row, int32_t c) {
    const mb_paper_cost *cost = &costs->rows[row];
    return cost->known ? columns[c].value(cost) : (double)NAN;
}

// NaN: the paper does not print it.
static double theirs(const mb_published *published, int32_t row, int32_t c) {
    int32_t at = mb_published_find_column(published, columns[c].id);
    return at >= 0 ? published->rows[row].cells[at].mean : (double)NAN;
}

// ---- text, Markdown, LaTeX --------------------------------------------------------------------

typedef struct printing {
    const mb_published *published;
    const mb_paper_costs *costs;
    const mb_dialect *dialect;
    mb_published_form form;
    FILE *out;
} printing;

static int32_t width_of(const printing *p, int32_t c) {
    bool compared = mb_published_find_column(p->published, columns[c].id) >= 0;
    return compared && p->form != MB_PUBLISHED_OFF ? 2 : 1;
}

static void set_head(const printing *p, int32_t c, mb_grid *grid, int32_t at) {
    mb_grid_set_text(grid, 0, at, p->dialect, columns[c].head);
    if (width_of(p, c) == 2)
        mb_grid_set(grid, 0, at + 1, "%s", p->form == MB_PUBLISHED_BESIDE ? "paper" : "difference");
    for (int32_t i = 0; i < width_of(p, c) && !grid->failed; i++)
        grid->right[at + i] = true;
}

static void set_place(const printing *p, int32_t row, int32_t c, mb_grid *grid, int32_t at) {
    double own = ours(p->costs, row, c), paper = theirs(p->published, row, c);
    if (isnan(own))
        mb_grid_set(grid, 1 + row, at, "%s", p->dialect->nothing);
    else
        mb_grid_set(grid, 1 + row, at, "%.*f", columns[c].digits, own);
    if (width_of(p, c) == 2 && p->form == MB_PUBLISHED_BESIDE && !isnan(paper))
        mb_grid_set(grid, 1 + row, at + 1, "%.2f", paper);
    else if (width_of(p, c) == 2 && !isnan(own) && !isnan(paper))
        mb_grid_set(grid, 1 + row, at + 1, "%+.*f", columns[c].digits, own - paper);
}

static bool print_grid(const printing *p) {
    int32_t width = 1;
    for (int32_t c = 0; c < COLUMN_COUNT; c++)
        width += width_of(p, c);
    mb_grid grid;
    mb_grid_init(&grid, 1 + p->published->row_count, width);
    for (int32_t r = 0; r < p->published->row_count; r++)
        mb_grid_set_text(&grid, 1 + r, 0, p->dialect, p->published->rows[r].printed);
    for (int32_t c = 0, at = 1; c < COLUMN_COUNT; at += width_of(p, c++)) {
        set_head(p, c, &grid, at);
        for (int32_t r = 0; r < p->published->row_count; r++)
            set_place(p, r, c, &grid, at);
    }
    return mb_grid_finish(&grid, p->dialect, p->out);
}

static bool has_unknown(const printing *p) {
    for (int32_t r = 0; r < p->published->row_count; r++)
        if (!p->costs->rows[r].known)
            return true;
    return false;
}

static void print_notes(const printing *p) {
    const char *const *line = p->dialect->line;
    mb_print_line(line, p->out,
                  "classifiers: model attention, the feature in all three slots, hidden_dim 128, 6 "
                  "classes and 1 value");
    mb_print_line(line, p->out,
                  "MACs: of a batch of %" PRId32 " samples; MACs and parameters as thop 0.1.1 "
                  "counts the toolkit's model",
                  p->costs->batch);
    mb_print_line(line, p->out,
                  "times: for each sample, on %s, in batches of %" PRId32 "; medians of %" PRId32
                  " steps of one model alone",
                  p->costs->device, p->costs->batch, p->costs->steps);
    if (has_unknown(p))
        mb_print_line(line, p->out, "%s: the row is a fine-tuned encoder, which merbench lacks",
                      p->dialect->nothing);
    if (p->form == MB_PUBLISHED_OFF)
        return;
    mb_print_line(line, p->out, "paper: %s; the hardware of its times is not named",
                  p->published->source);
    for (int32_t i = 0; i < p->published->note_count; i++)
        mb_print_line(line, p->out, "paper: %s", p->published->notes[i].text);
}

static bool print_document(const printing *p) {
    char *title = p->dialect->escape(p->published->title);
    if (title == NULL)
        return false;
    mb_print_line(p->dialect->title, p->out, "%s", title);
    free(title);
    fputc('\n', p->out);
    if (!print_grid(p))
        return false;
    fputc('\n', p->out);
    print_notes(p);
    return true;
}

// ---- CSV and JSON -----------------------------------------------------------------------------

static const char *const field_names[] = {"value", "published", "difference"};
enum { FIELD_COUNT = sizeof field_names / sizeof *field_names };

static void list_fields(const mb_published *published, const mb_paper_costs *costs, int32_t row,
                        int32_t c, double fields[FIELD_COUNT]) {
    fields[0] = ours(costs, row, c);
    fields[1] = theirs(published, row, c);
    fields[2] = fields[0] - fields[1];
}

static void print_csv(const mb_published *published, const mb_paper_costs *costs, FILE *out) {
    double fields[FIELD_COUNT];
    fputs("row,column,value,published,difference,device,batch,steps\n", out);
    for (int32_t i = 0; i < published->row_count * COLUMN_COUNT; i++) {
        int32_t row = i / COLUMN_COUNT, c = i % COLUMN_COUNT;
        list_fields(published, costs, row, c, fields);
        mb_text_csv(published->rows[row].id, out);
        fputc(',', out);
        mb_text_csv(columns[c].head, out);
        for (int f = 0; f < FIELD_COUNT; f++) {
            fputc(',', out);
            if (isfinite(fields[f]))
                fprintf(out, "%.17g", fields[f]);
        }
        fputc(',', out);
        mb_text_csv(costs->device, out);
        fprintf(out, ",%" PRId32 ",%" PRId32 "\n", costs->batch, costs->steps);
    }
}

static void print_json(const mb_published *published, const mb_paper_costs *costs, FILE *out) {
    double fields[FIELD_COUNT];
    fputs("{\"title\": ", out);
    mb_json_put_text(published->title, out);
    fputs(", \"device\": ", out);
    mb_json_put_text(costs->device, out);
    fprintf(out,
            ", \"batch\": %" PRId32 ", \"steps\": %" PRId32 ", \"published_table\": %" PRId32
            ", \"places\": [",
            costs->batch, costs->steps, published->table);
    for (int32_t i = 0; i < published->row_count * COLUMN_COUNT; i++) {
        int32_t row = i / COLUMN_COUNT, c = i % COLUMN_COUNT;
        list_fields(published, costs, row, c, fields);
        fputs(i > 0 ? ",\n  {\"row\": " : "\n  {\"row\": ", out);
        mb_json_put_text(published->rows[row].id, out);
        fputs(", \"column\": ", out);
        mb_json_put_text(columns[c].head, out);
        for (int f = 0; f < FIELD_COUNT; f++)
            if (isfinite(fields[f]))
                fprintf(out, ", \"%s\": %.17g", field_names[f], fields[f]);
            else
                fprintf(out, ", \"%s\": null", field_names[f]);
        fputc('}', out);
    }
    fputs("\n]}\n", out);
}

// -----------------------------------------------------------------------------------------------

mb_status mb_paper_costs_print(const mb_published *published, const mb_paper_costs *costs,
                               mb_table_format format, mb_published_form form, FILE *out,
                               mb_error *error) {
    printing p = {.published = published, .costs = costs, .form = form, .out = out};
    if (format == MB_TABLE_CSV)
        print_csv(published, costs, out);
    else if (format == MB_TABLE_JSON)
        print_json(published, costs, out);
    else {
        p.dialect = mb_dialect_of(format);
        if (!print_document(&p))
            return mb_out_of_memory(error, "a table");
    }
    return MB_OK;
}
