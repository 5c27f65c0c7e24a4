// Reads the feature folders of the MERTools toolkit: features/NAME/UTTERANCE.npy, or
// features/NAME/UTTERANCE/*.npy with one file per frame.
#ifndef MB_DATA_MERTOOLS_FEATURES_H
#define MB_DATA_MERTOOLS_FEATURES_H

#include "base/interrupt.h"
#include "merbench/corpus.h"

typedef struct mb_feature_reading {
    int threads;
    bool allow_nonfinite;    // accept NaN and Inf
    bool quiet;              // no progress
    mb_interrupt *interrupt; // ends the reading with MB_FAILED; may be NULL
} mb_feature_reading;

// Reads one feature of all utterances of the corpus. `feature` comes with its name and modality,
// and the rest is filled in; the caller frees its offsets and values, also after a failure.
// `digest` receives the digest of the files' bytes in the order of the utterances. If several
// utterances fail, the message is that of the first one, whatever the number of threads.
mb_status mb_mertools_feature(const mb_corpus *corpus, const char *folder,
                              const mb_feature_reading *reading, mb_feature *feature,
                              char digest[33], mb_error *error);

#endif
