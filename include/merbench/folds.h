// Folds: the parts of a corpus on which a run trains, selects its best epoch and is scored. A
// program makes them once for each corpus, protocol and seed, and gives them to runs (train.h).
//
// Source: the toolkit's data loaders, for protocol mertools.
#ifndef MERBENCH_FOLDS_H
#define MERBENCH_FOLDS_H

#include "merbench/corpus.h"

typedef enum mb_protocol {
    MB_PROTOCOL_MERTOOLS, // exactly as the reference toolkit does it
    // Shuffled, nested selection, padded to training parts, test parts unseen until settings are
    // frozen.
    MB_PROTOCOL_STRICT,
} mb_protocol;

enum { MB_MOST_FOLDS = 5 };

typedef struct mb_part {
    char name[32];   // "train", "val", "test1", "fold0" ...
    int32_t dataset; // index in mb_run_spec.datasets; 0 = the corpus of the folds
    int32_t count;
    int32_t *rows; // (count) utterances of the dataset
    // The utterances to whose longest sequence the part is padded: those of the toolkit's data
    // set object. Count 0, as in all parts under strict: the training part of the run's fold.
    int32_t scope_count;
    int32_t *scope; // (scope_count)
} mb_part;

typedef struct mb_fold {
    mb_part train;
    mb_part select; // gives the selection metric of each epoch
    mb_part held;   // held out: scored once, at the best epoch; count 0 where `select` is scored
} mb_fold;

typedef struct mb_fold_set {
    int32_t fold_count;
    mb_fold *folds;
    int32_t test_count; // 0 where the dataset has no test set
    mb_part *tests;     // scored once in each fold; predictions are averaged over folds
} mb_fold_set;

// Makes the folds of a corpus. MB_BAD_INPUT when a split is missing or a part is empty.
//
// mertools: IEMOCAP has one fold for each session, selected on the session that is scored; MER2023
// has five random folds of the training split, drawn with `seed`; other datasets keep their
// official splits.
//
// strict: fold k is held out, fold k + 1 selects, the other three train; official splits are kept.
// Random folds are drawn with `seed` here, too.
mb_status mb_folds_make(const mb_corpus *corpus, mb_protocol protocol, uint32_t seed,
                        mb_fold_set *folds, mb_error *error);
// The same without test parts, which the corpus then need not have.
mb_status mb_folds_make_untested(const mb_corpus *corpus, mb_protocol protocol, uint32_t seed,
                                 mb_fold_set *folds, mb_error *error);
void mb_folds_free(mb_fold_set *folds);

// Adds a test part to folds: a split of another corpus, dataset `dataset` of the runs, under the
// name `name`. MB_BAD_INPUT: the split is missing, is empty or lacks labels.
mb_status mb_folds_add_target(const mb_corpus *target, const char *split, const char *name,
                              int32_t dataset, mb_protocol protocol, mb_fold_set *folds,
                              mb_error *error);

// How the toolkit cuts a permutation of `count` utterances into five folds: fold k has
// positions bounds[k] ... bounds[k + 1] - 1; all folds have count / 5 positions, the last one
// also the remainder.
void mb_folds_of_permutation(int32_t count, int32_t bounds[6]);

#endif
