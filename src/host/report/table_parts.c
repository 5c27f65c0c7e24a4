// Prints the scores on all parts, for datasets that have several, such as MER2023.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/dialect.h"

const int32_t mb_part_scores_shown[MB_PART_SCORES] = {MB_SCORE_waf, MB_SCORE_mse};
static const char *const titles[MB_PART_SCORES] = {"WAF", "MSE"};

mb_status mb_part_names_make(const mb_table *table, mb_part_names *names, mb_error *error) {
    *names = (mb_part_names){0};
    for (int32_t i = 0; i < table->cell_count; i++)
        for (int32_t j = 0; j < table->cells[i].value_count; j++) {
            const mb_table_value *value = &table->cells[i].values[j];
            for (int32_t p = 0; mb_table_has_parts(value) && p < value->part_count; p++) {
                int32_t known = 0;
                while (known < names->count &&
                       strcmp(names->names[known], value->parts[p].name) != 0)
                    known++;
                if (known < names->count)
                    continue;
                const char **grown =
                    reallocarray(names->names, (size_t)names->count + 1, sizeof *grown);
                if (grown == NULL)
                    return mb_out_of_memory(error, "parts of a table");
                names->names = grown;
                grown[names->count++] = value->parts[p].name;
            }
        }
    return MB_OK;
}

mb_table_mean mb_part_mean(const mb_table_value *value, const char *part, int32_t score) {
    const mb_table_part *found = mb_table_find_part(value, part);
    return found != NULL ? found->scores[score]
                         : (mb_table_mean){.mean = (double)NAN, .deviation = (double)NAN};
}

// ---- the grid ---------------------------------------------------------------------------------

static void set_headings(const mb_part_names *names, int32_t fixed, const mb_dialect *dialect,
                         mb_grid *grid) {
    mb_grid_set(grid, 0, 0, "features");
    if (fixed > 1)
        mb_grid_set(grid, 0, 1, "column");
    for (int32_t p = 0; p < names->count; p++)
        for (int32_t s = 0; s < MB_PART_SCORES && !grid->failed; s++) {
            int32_t column = fixed + p * MB_PART_SCORES + s;
            char heading[48];
            snprintf(heading, sizeof heading, "%s %s", names->names[p], titles[s]);
            mb_grid_set_text(grid, 0, column, dialect, heading);
            grid->right[column] = true;
        }
}

static void set_row(const mb_table *table, const mb_table_cell *cell, const mb_part_names *names,
                    int32_t fixed, int32_t row, const mb_dialect *dialect, mb_grid *grid) {
    mb_grid_set_text(grid, row, 0, dialect, table->rows[cell->row]);
    if (fixed > 1)
        mb_grid_set_text(grid, row, 1, dialect, table->columns[cell->column]);
    for (int32_t p = 0; p < names->count; p++)
        for (int32_t s = 0; s < MB_PART_SCORES; s++) {
            int32_t score = mb_part_scores_shown[s];
            mb_table_mean mean = mb_part_mean(&cell->values[0], names->names[p], score);
            mb_mean_text text;
            mb_mean_write(&mean, &mb_score_table[score], dialect, &text);
            mb_grid_set(grid, row, fixed + p * MB_PART_SCORES + s, "%s%s%s", text.mean,
                        text.deviation[0] != '\0' ? dialect->plus_minus : "", text.deviation);
        }
}

// Of MER2023, the names that the benchmark gives to the parts (Lian et al., Tables 2 and 3).
static void print_meaning(const mb_table *table, const mb_dialect *dialect, FILE *out) {
    bool mer2023 = false;
    for (int32_t i = 0; i < table->cell_count; i++)
        mer2023 |= strcmp(table->cells[i].cell->dataset, "MER2023") == 0;
    fprintf(out, "\n%sparts: WAF in percent and MSE", dialect->line[0]);
    if (mer2023)
        fputs(
            "; MER2023: folds = Train&Val (mean over the folds), test1 = MER-MULTI, test2 = "
            "MER-NOISE, test3 = MER-SEMI (no valences), average = the mean of the four WAF and of "
            "the three MSE",
            out);
    fputs(dialect->line[1], out);
}

bool mb_print_parts(const mb_table *table, const mb_dialect *dialect, FILE *out) {
    mb_part_names names;
    bool done = mb_part_names_make(table, &names, NULL) == MB_OK;
    if (done && names.count > 0) {
        mb_grid grid;
        int32_t fixed = table->column_count > 1 ? 2 : 1, row = 1;
        mb_grid_init(&grid, table->cell_count + 1, fixed + names.count * MB_PART_SCORES);
        set_headings(&names, fixed, dialect, &grid);
        for (int32_t i = 0; i < table->cell_count; i++)
            if (mb_table_has_parts(&table->cells[i].values[0]))
                set_row(table, &table->cells[i], &names, fixed, row++, dialect, &grid);
        grid.row_count = grid.failed ? grid.row_count : row;
        done = mb_grid_finish(&grid, dialect, out);
        if (done) {
            print_meaning(table, dialect, out);
            fputc('\n', out);
        }
    }
    free(names.names);
    return done;
}
