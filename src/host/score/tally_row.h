// What a row adds to a tally. The host and the CUDA kernels share this code, so that both get the
// same counts and, from the same predictions, the same sums. Compilers must not contract a product
// and a sum into one operation (-ffp-contract=off, -fmad=false).
#ifndef MB_SCORE_TALLY_ROW_H
#define MB_SCORE_TALLY_ROW_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "merbench/tally.h"

#ifdef __CUDACC__
#define MB_ROW_FUNCTION static inline __host__ __device__
#else
#define MB_ROW_FUNCTION static inline
#endif

// ---- classes ----------------------------------------------------------------------------------

// Ties go to the lowest index. A NaN counts as the largest number, as in numpy.
MB_ROW_FUNCTION int32_t mb_row_argmax(const float *scores, int32_t count) {
    int32_t best = 0;
    for (int32_t i = 1; i < count; i++)
        if (scores[i] > scores[best] || (isnan(scores[i]) && !isnan(scores[best])))
            best = i;
    return best;
}

MB_ROW_FUNCTION double mb_row_cross_entropy(const float *logits, int32_t classes, int32_t emotion) {
    double largest = (double)logits[0], sum = 0.0;
    if (emotion < 0 || emotion >= classes)
        return NAN;
    for (int32_t c = 1; c < classes; c++)
        largest = fmax(largest, (double)logits[c]);
    for (int32_t c = 0; c < classes; c++)
        sum += exp((double)logits[c] - largest);
    return log(sum) + largest - (double)logits[emotion];
}

// ---- values -----------------------------------------------------------------------------------

MB_ROW_FUNCTION void mb_row_add_pair(mb_pair_moments *moments, double label, double prediction) {
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

// d / n, correctly rounded, for a whole number n below 2^31 and reciprocal = 1.0 / n. This is a
// chain of three dependent operations, while a division takes about a dozen (after Markstein, 1990,
// "Computation of elementary functions on the IBM RISC System/6000 processor").
//
// Why it is correct: q is off by less than two units in its last place, so the remainder d - q n is
// a whole number of units below 2^33 and is computed exactly. The value before the final rounding
// is then off by less than 2^-51 units, while d / n is at least 2^-33 units away from any point
// where the rounding changes. This requires mb_row_divides(d); a zero may lose its sign.
MB_ROW_FUNCTION double mb_row_quotient(double d, double n, double reciprocal) {
    double q = d * reciprocal;
    return fma(fma(-q, n, d), reciprocal, q);
}

// Whether mb_row_quotient can divide d without overflow or underflow of an intermediate result.
MB_ROW_FUNCTION bool mb_row_divides(double d) {
    double size = fabs(d);
    return size <= 0x1p900 && (size >= 0x1p-900 || size == 0.0);
}

MB_ROW_FUNCTION float mb_row_clip(float value, float limit) {
    return value < -limit ? -limit : value > limit ? limit : value;
}

// CMU-MOSI: the nearest whole number in [-limit, limit]; ties go to the even one.
MB_ROW_FUNCTION float mb_row_rounded_class(float value, float limit) {
    return rintf(mb_row_clip(value, limit));
}

// CH-SIMS: [-1, -0.7], (-0.7, -0.1], (-0.1, 0.1], (0.1, 0.7], (0.7, 1]. The bounds are floats
// because the labels are: -0.7 as a float is greater than -0.7 as a double.
MB_ROW_FUNCTION int32_t mb_row_sims_class(float value) {
    return (value > -0.7f) + (value > -0.1f) + (value > 0.1f) + (value > 0.7f);
}

// ---- loss -------------------------------------------------------------------------------------

// The running mean of the loss over batches.
typedef struct mb_batch_losses {
    double sum, batch; // of the completed batches; of the rows of the current batch
    int32_t rows, batches;
} mb_batch_losses;

MB_ROW_FUNCTION void mb_row_close_batch(mb_batch_losses *losses, const float *auxiliary) {
    double extra = auxiliary != NULL ? (double)auxiliary[losses->batches] : 0.0;
    losses->sum += losses->batch / losses->rows + extra;
    losses->batches++;
    losses->batch = 0.0;
    losses->rows = 0;
}

MB_ROW_FUNCTION void mb_row_add_loss(mb_batch_losses *losses, double loss, int32_t batch_size,
                                     const float *auxiliary) {
    losses->batch += loss;
    losses->rows++;
    if (losses->rows == batch_size)
        mb_row_close_batch(losses, auxiliary);
}

MB_ROW_FUNCTION double mb_row_mean_loss(mb_batch_losses *losses, const float *auxiliary) {
    if (losses->rows > 0)
        mb_row_close_batch(losses, auxiliary);
    return losses->batches > 0 ? losses->sum / losses->batches : NAN;
}

// ---- a row ------------------------------------------------------------------------------------

typedef struct mb_row {
    double loss;
    int32_t broken;            // number of predictions that are not finite
    int32_t label, prediction; // classes or signs; a row with a negative label is not counted
    float valence, value;      // label and prediction; a row with a NaN valence is not counted
} mb_row;

MB_ROW_FUNCTION mb_row mb_row_of(const mb_tally_rows *rows, int32_t i) {
    mb_row row = {0.0, 0, -1, 0, NAN, NAN};
    int32_t utterance = rows->utterances != NULL ? rows->utterances[i] : i;
    if (rows->logits != NULL) {
        const float *logits = rows->logits + (int64_t)i * rows->class_count;
        for (int32_t c = 0; c < rows->class_count; c++)
            row.broken += !isfinite(logits[c]);
        row.label = rows->emotions[utterance];
        row.loss = mb_row_cross_entropy(logits, rows->class_count, row.label);
        row.prediction = mb_row_argmax(logits, rows->class_count);
    }
    if (rows->values != NULL) {
        row.valence = rows->valences[utterance];
        row.value = rows->values[i];
        row.broken += !isfinite(row.value);
        double difference = (double)row.value - (double)row.valence;
        row.loss += difference * difference;
        if (rows->class_count == 0 && !isnan(row.valence) && row.valence != 0.0f) {
            row.label = row.valence > 0.0f;
            row.prediction = row.value > 0.0f;
        }
    }
    return row;
}

#endif
