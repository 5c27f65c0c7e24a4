// Parts of a corpus on which a trial trains, selects and is scored.
#ifndef MERBENCH_FOLDS_H
#define MERBENCH_FOLDS_H

#include "merbench/corpus.h"

typedef enum mb_protocol {
    MB_PROTOCOL_MERTOOLS, // exactly as the reference toolkit does it
    MB_PROTOCOL_STRICT,   // shuffled, nested selection, test part unseen until the choice is frozen
} mb_protocol;

typedef struct mb_part {
    char name[32];   // "train", "val", "test1", "fold0" ...
    int32_t dataset; // of those of a run; 0: the corpus that the folds are of
    int32_t count;
    int32_t *rows; // utterances of the dataset
    int32_t scope_count;
    int32_t *scope; // the toolkit's "data set object": sequences are padded to its longest
} mb_part;

typedef struct mb_fold {
    mb_part train;
    mb_part select; // selection metric is taken here every epoch
    mb_part held; // scored once from the best snapshot; count 0 where `select` itself is the score
} mb_fold;

typedef struct mb_fold_set {
    int32_t fold_count;
    mb_fold *folds;
    int32_t test_count; // 0 for IEMOCAP
    mb_part *tests;     // each scored once per fold, predictions averaged over folds
} mb_fold_set;

// mertools: IEMOCAP folds by session (selection = scored session), MER2023 five random folds of
//   train drawn with `seed`, official splits otherwise.
// strict: fold k is held out, fold k+1 selects, the other three train; official splits as they are.
// MB_BAD_INPUT when a split is missing or a part is empty.
mb_status mb_folds_make(const mb_corpus *corpus, mb_protocol protocol, uint32_t seed,
                        mb_fold_set *folds, mb_error *error);
void mb_folds_free(mb_fold_set *folds);

// The toolkit's five folds of a given permutation: fold k = positions k*e .. (k+1)*e-1, e =
// count/5, the last takes the rest. `bounds` receives six positions.
void mb_folds_of_permutation(int32_t count, int32_t bounds[6]);

#endif
