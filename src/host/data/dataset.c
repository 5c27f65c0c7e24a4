#include "merbench/dataset.h"

#include <stddef.h>
#include <string.h>

static const mb_dataset_rules mer2023 = {
    .name = "MER2023",
    .class_count = 6,
    .value_count = 1,
    .splits = MB_SPLIT_RANDOM_FOLDS,
    .shuffle = true,
    .permutes_evaluation = true,
    .selection = MB_SELECT_EMOVAL,
    .value_range = 5,
    .classes = {"neutral", "angry", "happy", "sad", "worried", "surprise"},
    .published = {{"train", 3373}, {"test1", 411}, {"test2", 412}, {"test3", 834}},
};

static const mb_dataset_rules iemocap_four = {
    .name = "IEMOCAPFour",
    .class_count = 4,
    .splits = MB_SPLIT_SESSIONS,
    .shuffle = true,
    .permutes_evaluation = true,
    .selection = MB_SELECT_EMO,
    .classes = {"happy", "sad", "neutral", "angry"},
    .published = {{"whole", 5531}},
};

static const mb_dataset_rules iemocap_six = {
    .name = "IEMOCAPSix",
    .class_count = 6,
    .splits = MB_SPLIT_SESSIONS,
    .shuffle = true,
    .permutes_evaluation = true,
    .selection = MB_SELECT_EMO,
    .classes = {"happy", "sad", "neutral", "angry", "excited", "frustrated"},
    .published = {{"whole", 7433}},
};

// The reference toolkit does not shuffle the training rows of the five corpora below.
static const mb_dataset_rules meld = {
    .name = "MELD",
    .class_count = 7,
    .splits = MB_SPLIT_OFFICIAL,
    .selection = MB_SELECT_EMO,
    .classes = {"anger", "joy", "sadness", "neutral", "disgust", "fear", "surprise"},
    .published = {{"train", 9989}, {"val", 1109}, {"test", 2610}},
};

static const mb_dataset_rules cmu_mosi = {
    .name = "CMUMOSI",
    .value_count = 1,
    .splits = MB_SPLIT_OFFICIAL,
    .selection = MB_SELECT_EMO,
    .value_range = 3,
    .published = {{"train", 1284}, {"val", 229}, {"test", 686}},
};

static const mb_dataset_rules cmu_mosei = {
    .name = "CMUMOSEI",
    .value_count = 1,
    .splits = MB_SPLIT_OFFICIAL,
    .selection = MB_SELECT_EMO,
    .value_range = 3,
    .published = {{"train", 16326}, {"val", 1871}, {"test", 4659}},
};

static const mb_dataset_rules sims = {
    .name = "SIMS",
    .value_count = 1,
    .splits = MB_SPLIT_OFFICIAL,
    .selection = MB_SELECT_EMO,
    .value_range = 1,
    .published = {{"train", 1368}, {"val", 456}, {"test", 457}},
};

static const mb_dataset_rules sims_v2 = {
    .name = "SIMSv2",
    .value_count = 1,
    .splits = MB_SPLIT_OFFICIAL,
    .selection = MB_SELECT_EMO,
    .value_range = 1,
    .published = {{"train", 2722}, {"val", 647}, {"test", 1034}},
};

// Not a dataset of the benchmark: it is small and synthetic, for a first look at the program.
static const mb_dataset_rules quickstart = {
    .name = "QUICKSTART",
    .class_count = 4,
    .value_count = 1,
    .splits = MB_SPLIT_OFFICIAL,
    .shuffle = true,
    .selection = MB_SELECT_EMOVAL,
    .value_range = 3,
    .classes = {"happy", "sad", "neutral", "angry"},
};

static const mb_dataset_rules *const all[] = {
    &mer2023,   &meld, &iemocap_four, &iemocap_six, &cmu_mosi,
    &cmu_mosei, &sims, &sims_v2,      &quickstart,  NULL,
};

mb_label_space mb_dataset_labels(const mb_dataset_rules *rules) {
    return (mb_label_space){.class_count = rules->class_count,
                            .value_count = rules->value_count,
                            .value_range = rules->value_range};
}

bool mb_toolkit_stops(const mb_dataset_rules *rules) {
    return rules->class_count > 0 && rules->value_count > 0;
}

const mb_dataset_rules *mb_dataset_find(const char *name) {
    for (int32_t i = 0; all[i] != NULL; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

const mb_dataset_rules *const *mb_dataset_all(void) {
    return all;
}
