// Makes a corpus from a folder of the MERTools toolkit: label*.npz and features/NAME/...
#ifndef MB_DATA_IMPORT_MERTOOLS_H
#define MB_DATA_IMPORT_MERTOOLS_H

#include "data/corpus_write.h"

// Some names that the caller keeps.
typedef struct mb_names {
    char **items;
    int count;
} mb_names;

typedef struct mb_import_options {
    const char *folder;
    const mb_dataset_rules *rules;
    const char *labels;                   // label file, NULL: the toolkit's name for it
    mb_names features;                    // none: all
    mb_names modality[MB_MODALITY_COUNT]; // features whose modality is known
    bool allow_nonfinite;
    bool quiet;
    int threads;
} mb_import_options;

// Reads labels and features. Close the corpus also after a failure; *sources is malloc'ed, as are
// the file names in it: mb_sources_free.
mb_status mb_import_mertools(const mb_import_options *options, mb_corpus *corpus,
                             mb_source **sources, int32_t *source_count, mb_error *error);
void mb_sources_free(mb_source *sources, int32_t source_count);

// A guess from words in a feature's name ("wavlm", "clip", "bert"), or -1.
int32_t mb_guess_modality(const char *feature_name);

#endif
