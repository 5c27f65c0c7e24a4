// The plans of a run: one for training, one for each part that is evaluated.
#ifndef MB_TRAIN_PLANS_H
#define MB_TRAIN_PLANS_H

#include "merbench/train.h"

// Numbers of the parts of a run that are evaluated; the first test set is MB_PART_TEST.
enum { MB_PART_SELECT, MB_PART_HELD, MB_PART_TEST };

struct mb_run_plans {
    mb_plan *train;
    int32_t part_count;
    mb_plan **parts; // (part_count); NULL where the part is empty
};

const mb_part *mb_run_part(const mb_run_spec *spec, int32_t part);

#endif
