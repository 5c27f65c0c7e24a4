#include "merbench/tally.h"

#include <assert.h>

#include "score/tally_row.h"

static void add_class(mb_class_counts *counts, int32_t label, int32_t prediction) {
    assert(label < MB_TALLY_CLASSES && prediction >= 0 && prediction < MB_TALLY_CLASSES);
    counts->total++;
    counts->labelled[label]++;
    counts->predicted[prediction]++;
    counts->correct += label == prediction;
    counts->hits[label] += label == prediction;
}

static void add_sentiment(mb_sentiment_counts *counts, float label, float prediction) {
    counts->total++;
    counts->rounded7 += mb_row_rounded_class(label, 3) == mb_row_rounded_class(prediction, 3);
    counts->rounded5 += mb_row_rounded_class(label, 2) == mb_row_rounded_class(prediction, 2);
    counts->sims5 += mb_row_sims_class(label) == mb_row_sims_class(prediction);
}

void mb_tally_make(const mb_tally_rows *rows, mb_tally *tally) {
    mb_batch_losses losses = {0};
    *tally = (mb_tally){0};
    for (int32_t i = 0; i < rows->count; i++) {
        mb_row row = mb_row_of(rows, i);
        tally->broken += row.broken;
        mb_row_add_loss(&losses, row.loss, rows->batch_size, rows->auxiliary);
        if (row.label >= 0)
            add_class(&tally->classes, row.label, row.prediction);
        if (!isnan(row.valence)) {
            mb_row_add_pair(&tally->values, (double)row.valence, (double)row.value);
            add_sentiment(&tally->sentiments, row.valence, row.value);
        }
    }
    tally->loss = mb_row_mean_loss(&losses, rows->auxiliary);
}
