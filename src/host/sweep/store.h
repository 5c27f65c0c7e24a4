// What the runs of a sweep share and only read: corpora, sequences, folds. Each is made once.
// Pointers that a store gives out live until it is closed.
//
// Not thread-safe: one thread asks, the others are given pointers.
#ifndef MB_SWEEP_STORE_H
#define MB_SWEEP_STORE_H

#include "merbench/folds.h"
#include "merbench/sequences.h"

typedef struct mb_store mb_store;

mb_store *mb_store_create(mb_protocol protocol); // NULL when out of memory
void mb_store_close(mb_store *store);            // NULL is fine

// Opens a corpus without its features; a path that was given before costs nothing.
mb_status mb_store_corpus(mb_store *store, const char *path, const mb_corpus **corpus,
                          mb_error *error);

// `seed` matters only where folds are drawn at random.
mb_status mb_store_folds(mb_store *store, const mb_corpus *corpus, uint32_t seed,
                         const mb_fold_set **folds, mb_error *error);

// The dataset of a corpus with certain features (audio, text, video; NULL: left out), as streams in
// this order. Features are read from disk the first time; frames that are not aligned to a text are
// shared between combinations.
mb_status mb_store_dataset(mb_store *store, const mb_corpus *corpus,
                           const char *const feature_names[MB_MODALITY_COUNT], mb_feature_type type,
                           const mb_dataset **dataset, mb_error *error);

// Bytes of all sequences so far.
int64_t mb_store_bytes(const mb_store *store);

#endif
