// Reads the label files of the MERTools toolkit: an .npz with one member per split
// ("train_corpus"). Each member is a pickled dict {name: {'emo': ..., 'val': ...}}, in the order of
// the utterances.
#ifndef MB_DATA_MERTOOLS_LABELS_H
#define MB_DATA_MERTOOLS_LABELS_H

#include "data/corpus_write.h"

// The name of a dataset's label file in the toolkit, such as "label_4way.npz".
const char *mb_mertools_label_file(const mb_dataset_rules *rules);

// Labels of the file that are ignored, because the dataset has no classes or no value.
typedef struct mb_ignored_labels {
    char first[32];    // of the file; empty: there are none
    int32_t different; // number of utterances whose label is another one
} mb_ignored_labels;

// Fills in the names, emotions, valences and splits of a corpus whose rules are set, following the
// conventions of the toolkit. The caller closes the corpus, also after a failure. `digest` receives
// the digest of the file. A dataset has classes or a value or both, so one kind of labels is
// ignored at most.
mb_status mb_mertools_labels(const char *path, mb_corpus *corpus, mb_ignored_labels *ignored,
                             char digest[33], mb_error *error);

#endif
