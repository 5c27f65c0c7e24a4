// A trial is one complete setting with a seed. Its description contains everything that its result
// depends on, as canonical JSON; its key is the hash of the description. Paths do not belong to it.
#ifndef MB_SWEEP_TRIAL_H
#define MB_SWEEP_TRIAL_H

#include "merbench/corpus.h"
#include "merbench/folds.h"
#include "merbench/sequences.h"
#include "merbench/train.h"
#include "sweep/inputs.h"
#include "sweep/setting.h"

typedef struct mb_trial {
    char dataset[32];
    char corpus_digest[33];
    bool common_labels; // see data/harmonise.h; only then the description tells
    struct {
        char *name; // NULL: the model does not get this modality
        char digest[33];
    } features[MB_MAX_STREAMS]; // by stream
    mb_input_order order;
    mb_feature_type feature_type;
    const mb_model *model;
    mb_setting setting;
    mb_protocol protocol;
    mb_training training; // learning rate, weight decay and clipping are those of `setting`
    uint32_t seed;
    uint32_t fold_seed; // of strict trials: draws random folds, which are the same for all seeds
} mb_trial;

// The limits of the JSON texts in a ledger: descriptions of trials and chosen settings.
extern const mb_json_limits mb_description_limits;

// Whether the result depends on fold_seed: strict, and random folds. Only then the description has
// it.
bool mb_trial_has_fold_seed(const mb_trial *trial);

// Makes the description, which is malloc'ed, and the key.
mb_status mb_trial_describe(const mb_trial *trial, char **description, char key[33],
                            mb_error *error);

// Parses a description; `where` is its origin, for messages. MB_UNSUPPORTED: it was made by an
// engine with other semantics (semantics.h), or this engine does not have its model. The trial must
// be freed also after a failure. Only parsed trials own the names of their features.
mb_status mb_trial_parse(const char *where, const char *description, mb_trial *trial,
                         mb_error *error);
void mb_trial_free(mb_trial *trial);

// Checks that the corpus is the one of the trial's description.
mb_status mb_trial_match(const mb_trial *trial, const mb_corpus *corpus, mb_error *error);

#endif
