#include "train/loss.h"

#include <math.h>

static double cross_entropy(const float *logits, int32_t classes, int32_t emotion) {
    double largest = (double)logits[0], sum = 0.0;
    if (emotion < 0 || emotion >= classes)
        return NAN;
    for (int32_t c = 1; c < classes; c++)
        largest = fmax(largest, (double)logits[c]);
    for (int32_t c = 0; c < classes; c++)
        sum += exp((double)logits[c] - largest);
    return log(sum) + largest - (double)logits[emotion];
}

static double row_loss(const mb_run_spec *spec, int32_t utterance,
                       const mb_predictions *predictions, int32_t row) {
    int32_t classes = spec->config.class_count;
    double loss = 0.0;
    if (predictions->logits != NULL)
        loss += cross_entropy(predictions->logits + (int64_t)row * classes, classes,
                              spec->emotions[utterance]);
    if (predictions->values != NULL) {
        double difference = (double)predictions->values[row] - (double)spec->valences[utterance];
        loss += difference * difference;
    }
    return loss;
}

double mb_mean_batch_loss(const mb_run_spec *spec, const mb_part *part,
                          const mb_predictions *predictions, const double *interloss) {
    int32_t batch = spec->training.batch_size, batches = 0;
    double sum = 0.0;
    for (int32_t first = 0; first < part->count; first += batch, batches++) {
        int32_t last = part->count - first < batch ? part->count : first + batch;
        double batch_sum = 0.0;
        for (int32_t i = first; i < last; i++)
            batch_sum += row_loss(spec, part->rows[i], predictions, i);
        sum += batch_sum / (last - first) + (interloss != NULL ? interloss[batches] : 0.0);
    }
    return sum / batches;
}
