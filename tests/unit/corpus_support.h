// A small corpus in memory for tests: six utterances, three splits, one feature of each level.
#ifndef MB_TESTS_CORPUS_SUPPORT_H
#define MB_TESTS_CORPUS_SUPPORT_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/corpus_write.h"

typedef struct small_corpus {
    mb_corpus corpus;
    char *names[6];
    int32_t emotions[6];
    float valences[6];
    char *transcripts[6];
    int32_t rows[6];
    mb_split splits[3];
    mb_feature features[2];
    int64_t utterance_offsets[7], frame_offsets[7];
    float utterance_values[6 * 3], frame_values[12 * 2];
    char folder[64];
    char path[128];
} small_corpus;

static void small_corpus_init(small_corpus *small) {
    static const int64_t frame_offsets[7] = {0, 1, 3, 6, 7, 8, 12};
    *small = (small_corpus){
        .names = {"u0", "u1", "zwei", "drei", "vier", "f\xc3\xbcnf"},
        .emotions = {0, 1, 2, 3, 5, MB_EMOTION_MISSING},
        .valences = {-1.5f, 0, 2, NAN, 5, -5},
        .transcripts = {"", "ein Satz", "\xe4\xbd\xa0\xe5\xa5\xbd", "a, \"b\"", "x", "y"},
        .rows = {0, 1, 2, 3, 4, 5},
    };
    small->splits[0] = (mb_split){"train", 3, small->rows};
    small->splits[1] = (mb_split){"test1", 2, small->rows + 3};
    small->splits[2] = (mb_split){"test2", 1, small->rows + 5};
    for (int i = 0; i < 7; i++) {
        small->utterance_offsets[i] = i;
        small->frame_offsets[i] = frame_offsets[i];
    }
    for (int i = 0; i < 18; i++)
        small->utterance_values[i] = (float)i / 3 - 2;
    for (int i = 0; i < 24; i++)
        small->frame_values[i] = (float)(i * i) / 7;
    small->features[0] = (mb_feature){.name = "words-FRA",
                                      .modality = MB_TEXT,
                                      .level = MB_LEVEL_FRAME,
                                      .dimension = 2,
                                      .offsets = small->frame_offsets,
                                      .values = small->frame_values};
    small->features[1] = (mb_feature){.name = "sound-UTT",
                                      .modality = MB_AUDIO,
                                      .level = MB_LEVEL_UTTERANCE,
                                      .dimension = 3,
                                      .offsets = small->utterance_offsets,
                                      .values = small->utterance_values};
    small->corpus = (mb_corpus){.rules = mb_dataset_find("MER2023"),
                                .utterance_count = 6,
                                .names = small->names,
                                .emotions = small->emotions,
                                .valences = small->valences,
                                .transcripts = small->transcripts,
                                .split_count = 3,
                                .splits = small->splits,
                                .feature_count = 2,
                                .features = small->features,
                                .source = "made for a test"};
    snprintf(small->folder, sizeof small->folder, "/tmp/mb-test-XXXXXX");
    if (mkdtemp(small->folder) == NULL)
        abort();
    snprintf(small->path, sizeof small->path, "%s/corpus.h5", small->folder);
}

static void small_corpus_free(small_corpus *small) {
    unlink(small->path);
    if (rmdir(small->folder) != 0)
        abort(); // a file was left behind
}

#endif
