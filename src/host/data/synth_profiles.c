// The sizes and class balances of the datasets that synthetic corpora imitate.
#include <stddef.h>
#include <string.h>

#include "data/synth.h"

// The feature dimensions of the benchmark's strongest encoders, and a signal that can be learnt
// from features of this width.
#define PAPER_DIMS                                                                                 \
    { 1024, 5120, 768 }
#define PAPER_SIGNAL                                                                               \
    { 1.5, 3.0, 1.0 }

static const mb_synth_profile profiles[] = {
    {
        .dataset = "QUICKSTART",
        .names = MB_SYNTH_NAMES_PLAIN,
        .splits = {{"train", {180, 150, 160, 110}, false},
                   {"val", {30, 25, 27, 18}, false},
                   {"test", {60, 50, 53, 37}, false}},
        .class_values = {0.5, -0.4, 0, -0.5},
        .dims = {64, 128, 48},
        .signal = {1.0, 1.5, 0.7},
    },
    {
        // The published label files have 2765 utterances of the first four classes in train, and
        // 336 in test1. The balance among them and the other two test sets are approximate.
        .dataset = "MER2023",
        .names = MB_SYNTH_NAMES_PLAIN,
        .splits = {{"train", {890, 735, 570, 570, 420, 188}, false},
                   {"test1", {108, 89, 70, 69, 52, 23}, false},
                   {"test2", {108, 90, 70, 69, 52, 23}, false},
                   {"test3", {220, 182, 141, 141, 104, 46}, true}},
        .class_values = {0, -0.5, 0.5, -0.45, -0.3, 0.1},
        .dims = PAPER_DIMS,
        .signal = PAPER_SIGNAL,
    },
    {
        .dataset = "MELD",
        .names = MB_SYNTH_NAMES_DIALOGUE,
        .splits = {{"train", {1109, 1743, 683, 4710, 271, 268, 1205}, false},
                   {"val", {153, 163, 111, 470, 22, 40, 150}, false},
                   {"test", {345, 402, 208, 1256, 68, 50, 281}, false}},
        .dims = PAPER_DIMS,
        .signal = PAPER_SIGNAL,
    },
    {
        .dataset = "IEMOCAPFour",
        .names = MB_SYNTH_NAMES_SESSION,
        .splits = {{"whole", {1636, 1084, 1708, 1103}, false}},
        .sessions = {1085, 1023, 1151, 1031, 1241},
        .dims = PAPER_DIMS,
        .signal = PAPER_SIGNAL,
    },
    {
        .dataset = "IEMOCAPSix",
        .names = MB_SYNTH_NAMES_SESSION,
        .splits = {{"whole", {648, 1084, 1708, 1103, 1041, 1849}, false}},
        .sessions = {1373, 1356, 1569, 1512, 1623},
        .dims = PAPER_DIMS,
        .signal = PAPER_SIGNAL,
    },
    {
        .dataset = "CMUMOSI",
        .names = MB_SYNTH_NAMES_VIDEO_ID,
        .splits = {{"train", {552, 53, 679}, false},
                   {"val", {92, 13, 124}, false},
                   {"test", {379, 30, 277}, false}},
        .value_levels = 15,
        .dims = PAPER_DIMS,
        .signal = PAPER_SIGNAL,
    },
    {
        .dataset = "CMUMOSEI",
        .names = MB_SYNTH_NAMES_VIDEO_ID,
        .splits = {{"train", {4738, 3540, 8048}, false},
                   {"val", {506, 433, 932}, false},
                   {"test", {1350, 1025, 2284}, false}},
        .value_levels = 9,
        .dims = PAPER_DIMS,
        .signal = PAPER_SIGNAL,
    },
    {
        .dataset = "SIMS",
        .names = MB_SYNTH_NAMES_VIDEO,
        .splits = {{"train", {742, 207, 419}, false},
                   {"val", {248, 69, 139}, false},
                   {"test", {248, 69, 140}, false}},
        .value_levels = 5,
        .dims = PAPER_DIMS,
        .signal = PAPER_SIGNAL,
    },
    {
        // The numbers of zeros are as published; negative and positive are approximate.
        .dataset = "SIMSv2",
        .names = MB_SYNTH_NAMES_VIDEO,
        .splits = {{"train", {1262, 318, 1142}, false},
                   {"val", {291, 92, 264}, false},
                   {"test", {478, 123, 433}, false}},
        .value_levels = 5,
        .dims = PAPER_DIMS,
        .signal = PAPER_SIGNAL,
    },
};

const mb_synth_profile *mb_synth_profile_find(const mb_dataset_rules *rules) {
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (strcmp(profiles[i].dataset, rules->name) == 0)
            return &profiles[i];
    return NULL;
}
