// The values of the features of made-up corpora.
//
// An utterance has a mean mu in a space of 11 directions that all corpora share: one for each of
// ten emotions, one for the valence:
//
//     mu = u(emotion) + (0.36 sign(value) + 0.28 value / range) w
//
// A vector of a feature of strength s and dimension D is
//
//     x = A (s mu + a e) + b n + noise g
//
// A (D, 11) has orthonormal columns and is the same for a feature in all corpora and forms, so that
// a model that was trained on one can be tested on another. e (11) is noise that all features of a
// modality share: what is hard for one is hard for the others. n and g (D) are a feature's own; g
// is the same for all copies with noise. a^2 + b^2 = 1, so that s counts in standard deviations of
// the noise. A frame is the vector of its utterance plus noise of deviation 0.5.
#ifndef MB_PAPER_SYNTH_VALUES_H
#define MB_PAPER_SYNTH_VALUES_H

#include "base/interrupt.h"
#include "merbench/corpus.h"
#include "paper/synth_list.h"

enum { MB_SYNTH_PAPER_DIRECTIONS = 11 };

// What the values of a corpus depend on. Corpora that share utterances have the same `family`.
typedef struct mb_synth_paper_utterances {
    uint32_t seed;
    const char *family;
    int32_t count;
    int64_t *numbers; // (N) of the utterance in its family
    double *means;    // (N, MB_SYNTH_PAPER_DIRECTIONS)
} mb_synth_paper_utterances;

// Describes utterances 0 ... rows[count - 1] of `whole`; `rows` NULL: all of them. Free it with the
// function below, also after a failure.
mb_status mb_synth_paper_utterances_make(const mb_corpus *whole, const int32_t *rows, int32_t count,
                                         uint32_t seed, mb_synth_paper_utterances *utterances,
                                         mb_error *error);
void mb_synth_paper_utterances_free(mb_synth_paper_utterances *utterances);

// Makes offsets and values of a feature whose description is there. MB_FAILED: out of memory, or
// `interrupt`, which may be NULL, came.
mb_status mb_synth_paper_fill(const mb_synth_paper_utterances *utterances,
                              const mb_synth_paper_feature *form, mb_feature *feature,
                              mb_interrupt *interrupt, mb_error *error);

#endif
