// A made-up version of everything that the tables of the paper need: the eight corpora, each with
// the features of synth_list.h, and the strengths of the features beside them.
#ifndef MB_PAPER_SYNTH_PAPER_H
#define MB_PAPER_SYNTH_PAPER_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/corpus.h"

// Utterances that every class of a part keeps at any scale, and for each fold where there are
// folds.
#define MB_SYNTH_PAPER_LEAST 8

typedef struct mb_synth_paper_options {
    const char *folder;
    uint32_t seed;
    double scale;      // multiplies the numbers of utterances
    double dims_scale; // multiplies the dimensions of the real encoders
    bool replace;      // files that are there
    void (*written)(const char *path, const mb_corpus *corpus); // after each corpus; may be NULL
} mb_synth_paper_options;

// Sets seed 1, scale 0.08 and dims_scale 1/32.
void mb_synth_paper_defaults(mb_synth_paper_options *options);

// Writes the corpus of one dataset, to a file DATASET.h5 as the function below names it. The same
// options give the same bytes.
mb_status mb_synth_paper_write(const mb_synth_paper_options *options, const char *dataset,
                               const char *path, mb_error *error);

// Writes all of them into the folder, which is created if its parent is there, and, last of all,
// strengths.csv. After a failure (MB_FAILED: disk full, SIGINT, SIGTERM ...) new files and a new
// folder are removed; files that replaced others are complete and stay. MB_BAD_INPUT: one of the
// files is there and `replace` is false; then nothing is written.
mb_status mb_synth_paper_write_all(const mb_synth_paper_options *options, mb_error *error);

#endif
