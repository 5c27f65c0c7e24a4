// The features that a made-up version of the paper's corpora has: all that its tables need, each
// with a strength that is known beforehand.
#ifndef MB_PAPER_SYNTH_LIST_H
#define MB_PAPER_SYNTH_LIST_H

#include <stdint.h>

#include "merbench/status.h"
#include "paper/features.h"

// The least dimension at any factor: the signal has 11 directions (synth_values.h).
#define MB_SYNTH_PAPER_LEAST_DIMENSION 16

typedef struct mb_synth_paper_feature {
    const mb_paper_feature *feature; // that it is a form of
    char name[256];                  // in corpora: "chinese-hubert-large-noisesnr5-UTT"
    const char *variant;             // "tts-en", "snr5" ...; NULL: none
    int32_t level;                   // MB_LEVEL_UTTERANCE, MB_LEVEL_FRAME
    int32_t dimension;
    double strength; // of the signal, in standard deviations of the noise
    double noise;    // deviation of what is added to a noisy copy; 0 = it is none
} mb_synth_paper_feature;

typedef struct mb_synth_paper_list {
    int32_t count;
    mb_synth_paper_feature *list; // those of the registry come first, in its order
} mb_synth_paper_list;

// Makes the list: the features of the registry (Table 5); sequences of the sets of Table 9;
// the variants in rows of Tables 6, 7, 8 and 13; noisy copies of the features of Tables 14 and 15.
// `dims_scale` multiplies the dimensions of the real encoders. `features` must live as long as the
// list. After a failure there is nothing to free.
mb_status mb_synth_paper_list_make(const mb_paper_features *features, double dims_scale,
                                   mb_synth_paper_list *list, mb_error *error);
void mb_synth_paper_list_free(mb_synth_paper_list *list);

// The strengths of the features of the registry as CSV: feature, modality, strength. NULL: out of
// memory. To be freed.
char *mb_synth_paper_strengths(const mb_synth_paper_list *list, const mb_paper_features *features);

#endif
