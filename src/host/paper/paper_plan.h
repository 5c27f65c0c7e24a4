// Makes the plan and the layout of a table of the paper from the corpora and features that are
// there. Cells that cannot be trained for want of a corpus or a feature are left out; their places
// in the table are empty.
#ifndef MB_PAPER_PAPER_PLAN_H
#define MB_PAPER_PAPER_PLAN_H

#include <cjson/cJSON.h>

#include "merbench/corpus.h"
#include "paper/features.h"
#include "paper/published.h"

typedef struct mb_paper_corpus {
    const char *path; // as plans name it
    const mb_corpus *corpus;
} mb_paper_corpus;

typedef struct mb_paper_request {
    int32_t table;
    const mb_paper_corpus *corpora;
    int32_t corpus_count;
    const char *protocol; // "mertools", "strict"
    int32_t epochs;
    int32_t draws;         // of the random search; 0 = the whole grid
    const uint32_t *seeds; // final ones
    int32_t seed_count;
} mb_paper_request;

typedef struct mb_paper_plan {
    cJSON *plan, *layout;  // NULL: there is nothing to train
    int32_t cells, places; // cells that can be trained, and those that the table has
} mb_paper_plan;

// Whether a table is made of runs that this program can do. `why`: why not.
bool mb_paper_can(int32_t table, const char **why);

// MB_UNSUPPORTED: the table is not made of runs that this program can do.
mb_status mb_paper_plan_make(const mb_paper_request *request, const mb_published *published,
                             const mb_paper_features *features, mb_paper_plan *plan,
                             mb_error *error);
void mb_paper_plan_free(mb_paper_plan *plan);

#endif
