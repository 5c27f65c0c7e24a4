#include "data/summary.h"

#include <math.h>
#include <stdlib.h>

#include "data/corpus_file.h"

mb_label_summary mb_summarize_labels(const mb_corpus *corpus, const mb_split *split) {
    mb_label_summary summary = {.minimum = NAN, .mean = NAN, .maximum = NAN, .deviation = NAN};
    double sum = 0, squares = 0;
    int32_t count = split != NULL ? split->count : corpus->utterance_count;
    for (int32_t i = 0; i < count; i++) {
        int32_t row = split != NULL ? split->rows[i] : i;
        double valence = (double)corpus->valences[row];
        if (corpus->emotions[row] >= 0)
            summary.classes[corpus->emotions[row]]++;
        else
            summary.emotions_missing++;
        if (isnan(valence))
            continue;
        summary.values++;
        summary.negative += valence < 0;
        summary.zero += valence == 0;
        summary.positive += valence > 0;
        summary.minimum = fmin(summary.minimum, valence); // ignores the NaN of the start
        summary.maximum = fmax(summary.maximum, valence);
        sum += valence;
    }
    if (summary.values == 0)
        return summary;
    summary.mean = sum / summary.values;
    for (int32_t i = 0; i < count; i++) {
        double valence = (double)corpus->valences[split != NULL ? split->rows[i] : i];
        if (!isnan(valence))
            squares += (valence - summary.mean) * (valence - summary.mean);
    }
    summary.deviation = sqrt(squares / summary.values);
    return summary;
}

mb_status mb_summarize_lengths(const mb_corpus *corpus, const mb_feature *feature,
                               mb_length_summary *lengths, mb_error *error) {
    *lengths = (mb_length_summary){.minimum = INT64_MAX};
    mb_h5 *h5;
    int64_t *offsets;
    mb_status status = mb_h5_open_corpus(corpus->path, &h5, error);
    if (status != MB_OK)
        return status;
    status = mb_corpus_read_offsets(h5, corpus, feature, &offsets, error);
    mb_h5_close(h5);
    if (status != MB_OK)
        return status;
    for (int32_t i = 0; i < corpus->utterance_count; i++) {
        int64_t frames = offsets[i + 1] - offsets[i];
        lengths->minimum = frames < lengths->minimum ? frames : lengths->minimum;
        lengths->maximum = frames > lengths->maximum ? frames : lengths->maximum;
    }
    lengths->total = offsets[corpus->utterance_count];
    lengths->mean = (double)lengths->total / corpus->utterance_count;
    free(offsets);
    return MB_OK;
}
