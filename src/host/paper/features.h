// The features of the paper by the names that it gives them, and the names under which corpora have
// them: those of the toolkit's folders (configs/paper/published/features.json, which the program
// has within).
#ifndef MB_PAPER_FEATURES_H
#define MB_PAPER_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/corpus.h"
#include "merbench/status.h"

typedef struct mb_paper_feature {
    const char *id, *printed; // "hubert-large", "HUBERT-large"
    int32_t modality;         // MB_AUDIO ...
    const char *model;        // as the toolkit calls the encoder; variants are made of it
    const char *utt, *fra;    // folders of vectors and of sequences
} mb_paper_feature;

typedef struct mb_paper_features {
    int32_t count;
    mb_paper_feature *list;
    void *memory; // own
} mb_paper_features;

mb_status mb_paper_features_load(mb_paper_features *features, mb_error *error);
void mb_paper_features_free(mb_paper_features *features);

// NULL: there is none of this id.
const mb_paper_feature *mb_paper_feature_find(const mb_paper_features *features, const char *id);
// The set "medium" or "high" of Table 9, by modality; false: there is no such set.
bool mb_paper_feature_set(const mb_paper_features *features, const char *set,
                          const mb_paper_feature *of[MB_MODALITY_COUNT]);
// The feature of this rank in a modality, from 1; NULL: there is none.
const mb_paper_feature *mb_paper_feature_ranked(const mb_paper_features *features, int32_t modality,
                                                int32_t rank);

// The name of the toolkit's folder: of vectors or of sequences, of a variant or, if it is NULL, of
// the usual feature. False: there is no such variant.
bool mb_paper_feature_name(const mb_paper_features *features, const mb_paper_feature *feature,
                           bool sequences, const char *variant, char name[256]);
// The name of a variant as the registry has it, which lives as long as the registry, or NULL.
const char *mb_paper_variant_find(const mb_paper_features *features, const char *variant);

// The name under which a corpus has a feature: as vectors or, if `sequences`, as sequences; of a
// variant ("tts-en", "snr5"), or NULL for the usual one. A hyphen and an underscore are the same.
// NULL: the corpus does not have it.
const char *mb_paper_feature_in(const mb_paper_features *features, const mb_corpus *corpus,
                                const mb_paper_feature *feature, bool sequences,
                                const char *variant);

#endif
