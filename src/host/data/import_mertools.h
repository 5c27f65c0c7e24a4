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

// An import under way.
typedef struct mb_import {
    const mb_import_options *options; // the caller's
    mb_corpus corpus;                 // without the values of features that are not loaded
    mb_source *sources;               // the label file, then a folder for each feature
    int32_t source_count;
    mb_ignored_labels ignored;
} mb_import;

// Reads the labels and finds the features. The import must be closed even after a failure.
mb_status mb_import_open(const mb_import_options *options, mb_import *import, mb_error *error);

// Reads one feature and the digest of its source. `interrupt` may be NULL; if it comes, the reading
// ends with MB_FAILED.
mb_status mb_import_feature(mb_import *import, int32_t feature, mb_interrupt *interrupt,
                            mb_error *error);

// Writes the corpus. Features are read when their turn comes and are freed when they are written,
// so that memory holds one at a time.
mb_status mb_import_write(mb_import *import, const char *path, bool replace, mb_error *error);

void mb_import_close(mb_import *import);

// Guesses a modality from words in a feature's name ("wavlm", "clip", "bert"); -1 = unknown.
int32_t mb_guess_modality(const char *feature_name);

#endif
