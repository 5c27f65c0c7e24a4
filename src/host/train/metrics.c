#include "merbench/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "merbench/corpus.h"

enum { MAX_CLASSES = 64 };

const char *const mb_score_names[MB_SCORE_COUNT] = {
    "waf",     "acc", "macro_f1", "uar",  "mse",  "mae",
    "pearson", "ccc", "acc2",     "acc5", "acc7", "emoval",
};

static const size_t score_offsets[MB_SCORE_COUNT] = {
    offsetof(mb_scores, waf),     offsetof(mb_scores, acc),  offsetof(mb_scores, macro_f1),
    offsetof(mb_scores, uar),     offsetof(mb_scores, mse),  offsetof(mb_scores, mae),
    offsetof(mb_scores, pearson), offsetof(mb_scores, ccc),  offsetof(mb_scores, acc2),
    offsetof(mb_scores, acc5),    offsetof(mb_scores, acc7), offsetof(mb_scores, emoval),
};

double mb_score_get(const mb_scores *scores, int32_t index) {
    assert(index >= 0 && index < MB_SCORE_COUNT);
    return *(const double *)((const char *)scores + score_offsets[index]);
}

int32_t mb_argmax(const float *scores, int32_t count) {
    int32_t best = 0;
    for (int32_t i = 1; i < count; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

// ---- classes ----------------------------------------------------------------------------------

typedef struct class_counts {
    int64_t total, correct;
    int64_t hits[MAX_CLASSES];      // true positives
    int64_t labelled[MAX_CLASSES];  // true positives + false negatives
    int64_t predicted[MAX_CLASSES]; // true positives + false positives
} class_counts;

static void count_class(class_counts *counts, int32_t label, int32_t prediction) {
    assert(label >= 0 && label < MAX_CLASSES && prediction >= 0 && prediction < MAX_CLASSES);
    counts->total++;
    counts->labelled[label]++;
    counts->predicted[prediction]++;
    if (label == prediction) {
        counts->correct++;
        counts->hits[label]++;
    }
}

static void score_classes(const class_counts *counts, mb_scores *scores) {
    double weighted = 0, plain = 0, recall = 0;
    int32_t seen = 0, labelled = 0;
    for (int32_t c = 0; c < MAX_CLASSES; c++) {
        int64_t either = counts->labelled[c] + counts->predicted[c]; // 2 TP + FP + FN
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

void mb_scores_of_classes(int32_t n, const int32_t *labels, const int32_t *predictions,
                          mb_scores *scores) {
    class_counts counts = {0};
    for (int32_t i = 0; i < n; i++)
        count_class(&counts, labels[i], predictions[i]);
    score_classes(&counts, scores);
}

// ---- values -----------------------------------------------------------------------------------

// Moments of pairs, updated one pair at a time (Welford): the deviation of a constant is exactly 0.
typedef struct pair_moments {
    double count, mean_label, mean_prediction;
    double label_squares, prediction_squares, products; // sums of central products
    double squared_errors, absolute_errors;
} pair_moments;

static void add_pair(pair_moments *moments, double label, double prediction) {
    moments->count += 1;
    double from_label = label - moments->mean_label;
    double from_prediction = prediction - moments->mean_prediction;
    moments->mean_label += from_label / moments->count;
    moments->mean_prediction += from_prediction / moments->count;
    moments->label_squares += from_label * (label - moments->mean_label);
    moments->prediction_squares += from_prediction * (prediction - moments->mean_prediction);
    moments->products += from_label * (prediction - moments->mean_prediction);
    double difference = label - prediction;
    moments->squared_errors += difference * difference;
    moments->absolute_errors += fabs(difference);
}

static void score_values(const pair_moments *moments, mb_scores *scores) {
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

void mb_scores_of_values(int32_t n, const double *labels, const double *predictions,
                         mb_scores *scores) {
    pair_moments moments = {0};
    for (int32_t i = 0; i < n; i++)
        add_pair(&moments, labels[i], predictions[i]);
    score_values(&moments, scores);
}

// ---- sentiment classes of a value -------------------------------------------------------------

static float clip(float value, float limit) {
    return value < -limit ? -limit : value > limit ? limit : value;
}

// CMU-MOSI: the nearest whole number in [-limit, limit]; halves go to the even one.
static float rounded_class(float value, float limit) {
    return rintf(clip(value, limit));
}

// CH-SIMS: [-1, -0.7], (-0.7, -0.1], (-0.1, 0.1], (0.1, 0.7], (0.7, 1]. Single precision, because
// the labels are: -0.7 as a float lies above -0.7 as a double.
static int32_t sims_class(float value) {
    static const float upper[4] = {-0.7f, -0.1f, 0.1f, 0.7f};
    int32_t bin = 0;
    while (bin < 4 && value > upper[bin])
        bin++;
    return bin;
}

typedef struct sentiment_counts {
    class_counts signs; // of the rows whose label is not 0
    int64_t total, rounded7, rounded5, sims5;
} sentiment_counts;

static void count_sentiment(sentiment_counts *counts, float label, float prediction) {
    if (label != 0)
        count_class(&counts->signs, label > 0, prediction > 0);
    counts->total++;
    counts->rounded7 += rounded_class(label, 3) == rounded_class(prediction, 3);
    counts->rounded5 += rounded_class(label, 2) == rounded_class(prediction, 2);
    counts->sims5 += sims_class(label) == sims_class(prediction);
}

static void score_sentiment(const sentiment_counts *counts, double value_range, mb_scores *scores) {
    score_classes(&counts->signs, scores);
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

// ---- datasets ---------------------------------------------------------------------------------

void mb_scores_of(const mb_dataset_rules *rules, int32_t n, const int32_t *emotions,
                  const float *valences, const float *logits, const float *values,
                  mb_scores *scores) {
    *scores = (mb_scores){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    int32_t class_count = rules->class_count;
    if (class_count > 0 && logits != NULL) {
        class_counts counts = {0};
        for (int32_t i = 0; i < n; i++)
            if (emotions[i] != MB_EMOTION_MISSING)
                count_class(&counts, emotions[i],
                            mb_argmax(logits + (int64_t)i * class_count, class_count));
        score_classes(&counts, scores);
    }
    if (rules->value_count > 0 && values != NULL) {
        pair_moments moments = {0};
        sentiment_counts sentiments = {0};
        for (int32_t i = 0; i < n; i++) {
            if (isnan(valences[i]))
                continue;
            add_pair(&moments, (double)valences[i], (double)values[i]);
            count_sentiment(&sentiments, valences[i], values[i]);
        }
        score_values(&moments, scores);
        if (class_count == 0)
            score_sentiment(&sentiments, rules->value_range, scores);
        else
            scores->emoval = scores->waf - 0.25 * scores->mse;
    }
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

// Probability of one column; rows are a handful of classes wide.
static double softmax_at(const float *row, int32_t width, int32_t column) {
    double largest = row[mb_argmax(row, width)], sum = 0;
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
