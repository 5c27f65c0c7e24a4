// The corpora that merbench paper finds in a folder.
#ifndef MB_CLI_PAPER_CORPORA_H
#define MB_CLI_PAPER_CORPORA_H

#include "paper/paper_plan.h"

enum { MB_MOST_PAPER_CORPORA = 16 };

// Datasets that --only lists; count 0: all.
typedef struct mb_only_datasets {
    int32_t count;
    const mb_dataset_rules *datasets[MB_MOST_PAPER_CORPORA];
} mb_only_datasets;

typedef struct mb_paper_corpora {
    mb_corpus *corpora;    // (count)
    mb_paper_corpus *list; // (count)
    char **paths;          // (count)
    int32_t count;
} mb_paper_corpora;

// Reads "MELD,CMUMOSI", in upper or lower case; `only` is a mb_only_datasets. For option tables.
mb_status mb_parse_only(const char *option, char *text, void *only, mb_error *error);

// Opens the files *.h5 of a folder. MB_BAD_INPUT: one is no corpus, two are of the same dataset, or
// none is of a dataset that is asked for. Free also after a failure.
mb_status mb_paper_corpora_open(const char *folder, const mb_only_datasets *only,
                                mb_paper_corpora *found, mb_error *error);
void mb_paper_corpora_free(mb_paper_corpora *found);

#endif
