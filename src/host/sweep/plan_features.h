// Reads the features of an entry of a plan's "cells". Used by plan_cells.c only. As everywhere in a
// plan, refusals are collected: the status is MB_OK after them.
#ifndef MB_SWEEP_PLAN_FEATURES_H
#define MB_SWEEP_PLAN_FEATURES_H

#include "sweep/sweep_plan.h"

// The features of an entry, for all its models. The names are the document's.
typedef struct mb_plan_features {
    bool good;  // none was refused
    bool same;  // "feature": the same for every modality
    bool lists; // a modality has a list
    bool fusion_given;
    mb_fusion_modality fusion;                           // of "fusion_modality"
    int32_t counts[MB_MODALITY_COUNT];                   // 0 = the models do not get the modality
    const char *names[MB_MODALITY_COUNT][MB_MOST_RANKS]; // (counts) the best first
} mb_plan_features;

// Reads "feature" or "features", and "fusion_modality".
mb_status mb_plan_read_features(const mb_json *entry, mb_plan_features *features, mb_error *error);
// Leaves out the features of modalities that the models do not get: those of "fusion_modality" or,
// without it, of the list `modalities`. Each of the others must have some, and as many as any.
mb_status mb_plan_keep_features(const mb_json *entry, const int *modalities, int count,
                                mb_plan_features *features, mb_error *error);
// Checks that a model can have these features.
mb_status mb_plan_check_features(const mb_json *entry, const mb_plan_features *features,
                                 const mb_model *model, mb_error *error);
// Gives the features to a cell, whose model must be set.
mb_status mb_plan_give_features(const mb_plan_features *features, mb_sweep_cell *cell,
                                mb_error *error);
// The default label of a cell: its features. malloc'ed; NULL when out of memory.
char *mb_plan_features_label(const mb_plan_features *features);

#endif
