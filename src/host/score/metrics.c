#include "merbench/metrics.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "score/tally_row.h"

const char *const mb_score_names[MB_SCORE_COUNT] = {
#define MB_SCORE(name, title, factor, better, scored) #name,
#include "merbench/scores.def"
#undef MB_SCORE
};

enum { HIGHER, LOWER };

const mb_score_facts mb_score_table[MB_SCORE_COUNT] = {
#define MB_SCORE(name, title, factor, better, scored)                                              \
    {title, factor, (better) == LOWER, MB_SCORED_##scored},
#include "merbench/scores.def"
#undef MB_SCORE
};

static const size_t score_offsets[MB_SCORE_COUNT] = {
#define MB_SCORE(name, title, factor, better, scored) offsetof(mb_scores, name),
#include "merbench/scores.def"
#undef MB_SCORE
};

double mb_score_get(const mb_scores *scores, int32_t index) {
    assert(index >= 0 && index < MB_SCORE_COUNT);
    return *(const double *)((const char *)scores + score_offsets[index]);
}

void mb_score_set(mb_scores *scores, int32_t index, double value) {
    assert(index >= 0 && index < MB_SCORE_COUNT);
    *(double *)((char *)scores + score_offsets[index]) = value;
}

mb_scores mb_no_scores(void) {
    mb_scores scores;
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++)
        mb_score_set(&scores, i, (double)NAN);
    return scores;
}

// ---- classes ----------------------------------------------------------------------------------

static void score_classes(const mb_class_counts *counts, mb_scores *scores) {
    double weighted = 0, plain = 0, recall = 0;
    int32_t seen = 0, labelled = 0;
    for (int32_t c = 0; c < MB_TALLY_CLASSES; c++) {
        int64_t either = (int64_t)counts->labelled[c] + counts->predicted[c]; // 2 TP + FP + FN
        if (either == 0)
            continue;
        double f1 = 2.0 * (double)counts->hits[c] / (double)either;
        seen++;
        plain += f1;
        weighted += f1 * (double)counts->labelled[c];
        if (counts->labelled[c] > 0) {
            labelled++;
            recall += (double)counts->hits[c] / (double)counts->labelled[c];
        }
    }
    bool any = counts->total > 0;
    scores->waf = any ? weighted / (double)counts->total : NAN;
    scores->acc = any ? (double)counts->correct / (double)counts->total : NAN;
    scores->macro_f1 = any ? plain / seen : NAN;
    scores->uar = any ? recall / labelled : NAN;
}

// ---- values -----------------------------------------------------------------------------------

static void score_values(const mb_pair_moments *moments, mb_scores *scores) {
    double n = moments->count;
    if (n == 0) {
        scores->mse = scores->mae = scores->pearson = scores->ccc = NAN;
        return;
    }
    scores->mse = moments->squared_errors / n;
    scores->mae = moments->absolute_errors / n;
    double label_variance = moments->label_squares / n;
    double prediction_variance = moments->prediction_squares / n;
    double covariance = moments->products / n;
    double deviations = sqrt(label_variance) * sqrt(prediction_variance);
    scores->pearson = deviations > 0 ? covariance / deviations : NAN;
    double shift = moments->mean_label - moments->mean_prediction;
    double spread = label_variance + prediction_variance + shift * shift;
    scores->ccc = spread > 0 ? 2 * covariance / spread : NAN;
}

// ---- sentiment classes of a value -------------------------------------------------------------

static void score_sentiments(const mb_sentiment_counts *counts, double value_range,
                             mb_scores *scores) {
    scores->acc2 = scores->acc;
    if (counts->total == 0)
        return;
    double total = (double)counts->total;
    if (value_range == 3) {
        scores->acc7 = (double)counts->rounded7 / total;
        scores->acc5 = (double)counts->rounded5 / total;
    } else if (value_range == 1) {
        scores->acc5 = (double)counts->sims5 / total;
    }
}

// ---- all of them ------------------------------------------------------------------------------

void mb_scores_of_tally(mb_label_space labels, const mb_tally *tally, mb_scores *scores) {
    *scores = mb_no_scores();
    score_classes(&tally->classes, scores);
    score_values(&tally->values, scores);
    if (labels.class_count == 0)
        score_sentiments(&tally->sentiments, labels.value_range, scores);
    else if (labels.value_count > 0)
        scores->emoval = scores->waf - 0.25 * scores->mse;
}

void mb_scores_of(mb_label_space labels, int32_t n, const int32_t *emotions, const float *valences,
                  const float *logits, const float *values, mb_scores *scores) {
    mb_tally tally;
    mb_tally_rows rows = {
        .count = n,
        .class_count = labels.class_count,
        .emotions = emotions,
        .valences = valences,
        .logits = labels.class_count > 0 ? logits : NULL,
        .values = labels.value_count > 0 ? values : NULL,
    };
    mb_tally_make(&rows, &tally);
    mb_scores_of_tally(labels, &tally, scores);
}

double mb_selection_value(mb_selection selection, const mb_scores *scores, double loss) {
    double value = NAN;
    switch (selection) {
    case MB_SELECT_EMOVAL:
        value = scores->emoval;
        break;
    case MB_SELECT_EMO:
        value = scores->waf;
        break;
    case MB_SELECT_VAL:
        value = -scores->mse;
        break;
    case MB_SELECT_LOSS:
        value = -loss;
        break;
    }
    return isnan(value) ? -INFINITY : value;
}

// ---- folds ------------------------------------------------------------------------------------

// The softmax probability of one column. Rows are only a few classes wide, so nothing is kept.
static double softmax_at(const float *row, int32_t width, int32_t column) {
    double largest = row[mb_row_argmax(row, width)], sum = 0;
    for (int32_t c = 0; c < width; c++)
        sum += exp((double)row[c] - largest);
    return exp((double)row[column] - largest) / sum;
}

void mb_average_folds(int32_t fold_count, int32_t n, int32_t width, const float *const *predictions,
                      int softmax, float *result) {
    for (int64_t start = 0; start < (int64_t)n * width; start += width) {
        for (int32_t c = 0; c < width; c++) {
            double sum = 0;
            for (int32_t f = 0; f < fold_count; f++)
                sum += softmax ? softmax_at(predictions[f] + start, width, c)
                               : (double)predictions[f][start + c];
            result[start + c] = (float)(sum / fold_count);
        }
    }
}
