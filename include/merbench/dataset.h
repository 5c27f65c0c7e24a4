// The datasets of the benchmark: their classes, heads, splits and selection metric. A program looks
// a dataset up by name to learn how runs on it are split, selected and scored.
//
// Source: Lian et al., "MERBench" (2024), and the toolkit's label files.
#ifndef MERBENCH_DATASET_H
#define MERBENCH_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/status.h"
#include "merbench/terms.h"

typedef enum mb_split_scheme {
    MB_SPLIT_OFFICIAL,     // train / val / test as released, one run
    MB_SPLIT_SESSIONS,     // leave one session out: five runs, no test set
    MB_SPLIT_RANDOM_FOLDS, // five random folds of the training corpus, separate test sets
} mb_split_scheme;

enum { MB_MOST_PUBLISHED_SPLITS = 5 };

// A split of the published label files.
typedef struct mb_published_split {
    const char *name;
    int32_t count; // of its utterances
} mb_published_split;

typedef struct mb_dataset_rules {
    const char *name;    // as MERTools spells it: "CMUMOSI"
    int32_t class_count; // C (the toolkit's output_dim1); 0 = no classification head
    int32_t value_count; // R (output_dim2); 1 = one regression output, 0 = none
    mb_split_scheme splits;
    bool shuffle;             // whether the reference shuffles the training rows every epoch
    bool permutes_evaluation; // whether it also permutes the rows of every evaluation of a fold
    mb_selection selection;
    double value_range;     // valences are in [-value_range, value_range]; 0 = no valence
    const char *classes[8]; // class names in label order, NULL-terminated
    // Up to an entry without a name. None: the dataset is not published.
    mb_published_split published[MB_MOST_PUBLISHED_SPLITS];
} mb_dataset_rules;

// The labels of a dataset with these rules.
mb_label_space mb_dataset_labels(const mb_dataset_rules *rules);

// Whether the toolkit ends with an error at a prediction that is not finite: it computes the mean
// squared error of a dataset that has values beside classes, and that refuses NaN.
bool mb_toolkit_stops(const mb_dataset_rules *rules);

// The rules of `name` (exact spelling), or NULL.
const mb_dataset_rules *mb_dataset_find(const char *name);

// All datasets, for messages and --help; NULL-terminated.
const mb_dataset_rules *const *mb_dataset_all(void);

#endif
