// The label files of the MERTools toolkit: an .npz with one member a split ("train_corpus"), each a
// pickled dict {name: {'emo': ..., 'val': ...}} whose order is the order of the utterances.
#ifndef MB_DATA_MERTOOLS_LABELS_H
#define MB_DATA_MERTOOLS_LABELS_H

#include "data/corpus_write.h"

// "label_4way.npz": what the toolkit calls the label file of a dataset.
const char *mb_mertools_label_file(const mb_dataset_rules *rules);

// Fills names, emotions, valences and splits of a corpus whose rules are set, by the label rules of
// the toolkit; to be closed by the caller also after a failure. `digest` receives the file's.
mb_status mb_mertools_labels(const char *path, mb_corpus *corpus, char digest[33], mb_error *error);

#endif
