// The plans of a run: one for training, one for each part that is evaluated.
#ifndef MB_TRAIN_PLANS_H
#define MB_TRAIN_PLANS_H

#include "merbench/train.h"

// Which part of a run a plan evaluates.
typedef enum mb_part_kind { MB_PART_SELECT, MB_PART_HELD, MB_PART_TEST } mb_part_kind;

struct mb_run_plans {
    mb_plan *train;
    mb_plan *select, *held; // NULL where the part is empty or not evaluated
    mb_plan **tests;        // (test_count), likewise
    int32_t test_count;
};

const mb_part *mb_run_part(const mb_run_spec *spec, mb_part_kind kind, int32_t test);

// The plan that evaluates a part; NULL where the part is empty or not evaluated.
const mb_plan *mb_run_plan_of(const mb_run_plans *plans, mb_part_kind kind, int32_t test);

#endif
