// Prints Table 17 of the paper, what classifiers cost: numbers that are measured, not trained.
#ifndef MB_PAPER_PAPER_COMPLEXITY_H
#define MB_PAPER_PAPER_COMPLEXITY_H

#include <stdbool.h>
#include <stdio.h>

#include "paper/layout_print.h"
#include "paper/published.h"

// Whether a table consists of such numbers.
bool mb_paper_is_measured(int32_t table);

// The dimension of the feature of which a row has the classifier; 0: the row has an encoder as
// well.
int32_t mb_paper_classifier(const mb_published_row *row);

// A row. `known`: whether it was measured.
typedef struct mb_paper_cost {
    bool known;
    double multiply_accumulates; // of a batch, counted as the paper does
    double parameters;
    double training_milliseconds, inference_milliseconds; // for each sample
} mb_paper_cost;

typedef struct mb_paper_costs {
    const mb_paper_cost *rows; // (published->row_count)
    const char *device;
    int32_t batch, steps; // samples of a batch, steps that were measured
} mb_paper_costs;

mb_status mb_paper_costs_print(const mb_published *published, const mb_paper_costs *costs,
                               mb_table_format format, mb_published_form form, FILE *out,
                               mb_error *error);

#endif
