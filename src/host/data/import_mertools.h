// Makes a corpus from a folder of the MERTools toolkit, which holds label*.npz and
// features/NAME/...
#ifndef MB_DATA_IMPORT_MERTOOLS_H
#define MB_DATA_IMPORT_MERTOOLS_H

#include "data/corpus_write.h"
#include "data/mertools_labels.h"

// A list of names, owned by the caller.
typedef struct mb_names {
    char **items;
    int count;
} mb_names;

typedef struct mb_import_options {
    const char *folder;
    const mb_dataset_rules *rules;
    const char *labels;                   // label file; NULL: the one that the toolkit uses
    mb_names features;                    // features to import; empty: all
    mb_names modality[MB_MODALITY_COUNT]; // features whose modality the caller knows
    bool allow_nonfinite;
    bool quiet;
    int threads;
} mb_import_options;

// Reads labels and features. The caller closes the corpus and frees *sources with mb_sources_free,
// also after a failure.
mb_status mb_import_mertools(const mb_import_options *options, mb_corpus *corpus,
                             mb_source **sources, int32_t *source_count, mb_ignored_labels *ignored,
                             mb_error *error);
void mb_sources_free(mb_source *sources, int32_t source_count);

// Guesses a modality from words in a feature's name ("wavlm", "clip", "bert"); -1 = unknown.
int32_t mb_guess_modality(const char *feature_name);

#endif
