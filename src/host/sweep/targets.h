// Targets: corpora that runs are scored on beside the one that they are trained on, with common
// labels (data/harmonise.h). They are no part of a trial, so that one training serves all of them.
// A part of a target is named after its dataset and the digest of all that its scores depend on:
// "MELD:0123456789abcdef".
#ifndef MB_SWEEP_TARGETS_H
#define MB_SWEEP_TARGETS_H

#include "merbench/folds.h"
#include "merbench/sequences.h"

enum { MB_MOST_TARGETS = 7, MB_PART_NAME = sizeof((mb_part *)0)->name };

typedef struct mb_targets {
    int32_t count;
    // With common labels: that which trains, then the targets.
    const mb_corpus *corpora[1 + MB_MOST_TARGETS];
    char names[MB_MOST_TARGETS][MB_PART_NAME]; // of the parts
    bool loaded;
    mb_dataset datasets[1 + MB_MOST_TARGETS]; // of the corpora, once loaded
} mb_targets;

// Adds a target. `features`: (count) of its streams; NULL = left out. MB_BAD_INPUT: the labels are
// of another kind than the source's, or the part that is scored has no utterance with a common
// label.
mb_status mb_targets_add(mb_targets *targets, const mb_corpus *common, const char *const features[],
                         int32_t count, mb_error *error);

// The name of a target's part. The corpus has all of the features.
void mb_target_name(const mb_corpus *common, const char *const features[], int32_t count,
                    char name[MB_PART_NAME]);
bool mb_is_target_name(const char *part);
// The length of the dataset's name in the name of a part; of the whole name of any other part.
size_t mb_target_dataset_length(const char *part);
// A ledger's text for the datasets of a cell: "MER2023 > MELD:0123456789abcdef, IEMOCAPFour:...".
// The names of its targets, or NULL; takes the digests out of the text.
extern const char mb_target_arrow[]; // " > "
const char *mb_targets_of_cell(const char *datasets);
void mb_targets_drop_digests(char *datasets);

#endif
