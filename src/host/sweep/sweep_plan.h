// A sweep plan, which lists the trials to be trained, read from a JSON file. The format is
// documented in docs/plan-format.md. (mb_plan, in merbench/plan.h, is something else: a
// compiled graph.)
#ifndef MB_SWEEP_SWEEP_PLAN_H
#define MB_SWEEP_SWEEP_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/folds.h"
#include "merbench/model.h"
#include "merbench/sequences.h"
#include "sweep/inputs.h"
#include "sweep/setting.h"
#include "sweep/targets.h"

typedef enum mb_search_method {
    MB_SEARCH_NONE, // no search: every cell has one setting
    MB_SEARCH_GRID,
    MB_SEARCH_RANDOM,
} mb_search_method;

enum { MB_PROTOCOL_COUNT = MB_PROTOCOL_STRICT + 1 };
extern const char *const mb_protocol_names[MB_PROTOCOL_COUNT]; // "mertools", "strict"
extern const mb_json_limits mb_plan_limits;                    // limits of a plan file

typedef struct mb_seed_list {
    int32_t count;
    uint32_t *seeds;
} mb_seed_list;

// A corpus of the plan.
typedef struct mb_plan_corpus {
    char *name;
    char *path; // with the data folder prepended; NULL: was refused
} mb_plan_corpus;

// A cell of the result table: one corpus, one model, one set of features. An entry of the plan's
// "cells" with several corpora or models stands for several of these.
typedef struct mb_sweep_cell {
    char where[64]; // path in the plan, for messages: "cells[2]"
    char *label;
    int32_t corpus;                   // index in mb_sweep_plan.corpora
    int32_t target_count;             // 0: the corpus itself is scored
    int32_t targets[MB_MOST_TARGETS]; // indices in mb_sweep_plan.corpora
    const mb_model *model;            // NULL: was refused
    mb_feature_type feature_type;
    mb_input_order order;
    char *features[MB_MAX_STREAMS]; // by stream; NULL: the model does not get this modality
    int32_t setting_count;
    mb_setting *settings; // in the order of the search; all different
} mb_sweep_cell;

typedef struct mb_sweep_plan {
    char *file; // for messages
    char *name;
    char *json;      // the plan as canonical JSON, without its layout
    char digest[33]; // of `json`
    cJSON *layout;   // of its table (paper/layout.h), or NULL; no part of the digest
    mb_protocol protocol;
    int32_t epochs;
    int32_t batch_size;
    bool shuffle_given, shuffle; // not given: the dataset's rule; strict always shuffles
    uint32_t fold_seed;          // of random folds; only for strict
    bool selection_given;
    mb_selection selection; // not given: the dataset's
    int32_t corpus_count;
    mb_plan_corpus *corpora;
    mb_search_method method;
    int32_t draws;
    uint32_t search_seed;      // of the random draws
    mb_seed_list search_seeds; // of the trials of the search; empty for MB_SEARCH_NONE
    mb_seed_list final_seeds;  // of the final trials; empty: the search trials are the result
    int32_t cell_count;
    mb_sweep_cell *cells;
    // What was refused. Then the plan has the cells that can be told, for further checks, but cells
    // that were refused have no settings, and there may be no seeds.
    mb_findings findings;
} mb_sweep_plan;

// Reads a plan and checks everything that can be checked without the corpora. The message of a
// failure has all that was refused, except that JSON is refused at its first mistake. Relative
// paths of corpora start at `data_folder` or, if that is NULL, at the plan's own folder. The plan
// must be freed also after a failure.
mb_status mb_sweep_plan_load(const char *path, const char *data_folder, mb_sweep_plan *plan,
                             mb_error *error);
// The same from a parsed document.
mb_status mb_sweep_plan_read(const char *file, const cJSON *document, const char *data_folder,
                             mb_sweep_plan *plan, mb_error *error);
void mb_sweep_plan_free(mb_sweep_plan *plan);

#endif
