// The data that the runs of a sweep share and only read: corpora, sequences, folds. Each is made
// once. Pointers from a store are valid until it is closed.
//
// Not thread-safe: one thread uses the store and gives the pointers to others.
#ifndef MB_SWEEP_STORE_H
#define MB_SWEEP_STORE_H

#include "merbench/folds.h"
#include "merbench/sequences.h"
#include "sweep/targets.h"

typedef struct mb_store mb_store;

mb_store *mb_store_create(mb_protocol protocol); // NULL when out of memory
void mb_store_close(mb_store *store);            // NULL is fine

// Opens a corpus without its features, or finds it if it is open already.
mb_status mb_store_corpus(mb_store *store, const char *path, const mb_corpus **corpus,
                          mb_error *error);

// Finds or makes the corpus as it is seen with common labels (data/harmonise.h).
mb_status mb_store_common(mb_store *store, const mb_corpus *corpus, const mb_corpus **common,
                          mb_error *error);

// Finds or makes folds. `targets`: NULL, or the only test parts; they must outlive the store.
// `seed` matters only if folds are drawn at random.
mb_status mb_store_folds(mb_store *store, const mb_corpus *corpus, const mb_targets *targets,
                         uint32_t seed, const mb_fold_set **folds, mb_error *error);

// Finds or makes the dataset of a corpus with the given features: `count` streams in their
// order, by default audio, text, video; NULL = left out. Features are read from disk when they are
// first needed. Frames that are not aligned to a text are shared between datasets.
mb_status mb_store_dataset(mb_store *store, const mb_corpus *corpus,
                           const char *const feature_names[], int32_t count, mb_feature_type type,
                           const mb_dataset **dataset, mb_error *error);

// Loads the datasets of targets, with the same features for each corpus.
mb_status mb_store_targets(mb_store *store, mb_targets *targets, const char *const feature_names[],
                           int32_t count, mb_feature_type type, mb_error *error);

// The size of all sequences so far, in bytes.
int64_t mb_store_bytes(const mb_store *store);

#endif
