// Runs of sequence models whose parts are padded to the training part, while utterances of other
// parts are longer: what the tests of padding train on any device.
#ifndef TESTS_PADDING_SUPPORT_H
#define TESTS_PADDING_SUPPORT_H

#include "trainer_support.h"

enum { TRAIN_LONGEST = 5, MOST_FRAMES = 16, TRAIN_ROWS = 65 }; // utterances 0 ... 64 train

// How long the utterances outside the training part are, compared with its longest one.
typedef enum other_lengths {
    CUT,     // as long
    LONGER,  // longer, with the same frames at the end
    LONGEST, // longer still, with the same frames at the end
    ANY,     // longer or shorter
} other_lengths;

typedef struct sequences {
    bench b;
    float *values[3];
    int64_t offsets[3][UTTERANCES + 1];
} sequences;

static inline int32_t length_of(int32_t utterance, int32_t train_longest, other_lengths others) {
    if (utterance < TRAIN_ROWS)
        return 1 + utterance % train_longest;
    return others == CUT       ? train_longest
           : others == LONGER  ? train_longest + 1 + utterance % 2
           : others == LONGEST ? train_longest + 3 + utterance % 3
                               : 1 + (utterance * 3) % (2 * train_longest);
}

// Replaces the stream of a modality by frames. A number depends on the distance of its frame from
// the end, so that utterances have the same frames at the end whatever their lengths.
static inline void put_frames(sequences *s, int m, int32_t train_longest, other_lengths others) {
    mb_stream *stream = &s->b.dataset.streams[m];
    int64_t frames = 0;
    int32_t dimension = stream->dimension;
    s->values[m] = malloc(sizeof(float) * UTTERANCES * MOST_FRAMES * (size_t)dimension);
    for (int32_t i = 0; i < UTTERANCES; i++) {
        int32_t length = length_of(i, train_longest, others);
        assert_true(length <= MOST_FRAMES);
        for (int32_t from_end = length - 1; from_end >= 0; from_end--, frames++)
            for (int32_t d = 0; d < dimension; d++)
                s->values[m][frames * dimension + d] =
                    draw((uint32_t)m, (uint64_t)((i * MOST_FRAMES + from_end) * 32 + d));
        s->offsets[m][i + 1] = frames;
    }
    stream->values = s->values[m];
    stream->offsets = s->offsets[m];
}

static inline void set_model_option(mb_run_spec *spec, const char *name, double value) {
    int32_t option = mb_model_option(spec->model, name);
    if (option >= 0)
        spec->config.options[option] = value;
}

static inline void drop_scope(mb_part *part) {
    part->scope_count = 0;
    part->scope = NULL;
}

// Runs whose parts have no scope. Sequences of frm_unalign differ in length between modalities.
static inline void sequences_open(sequences *s, const char *model, mb_feature_type type,
                                  other_lengths others) {
    memset(s, 0, sizeof *s);
    bench_open(&s->b, model, 8);
    for (int m = 0; m < 3; m++)
        put_frames(s, m, TRAIN_LONGEST + (type == MB_FRM_UNALIGN ? m : 0), others);
    for (int k = 0; k < 2; k++) {
        drop_scope(&s->b.folds[k].train);
        drop_scope(&s->b.folds[k].select);
        drop_scope(&s->b.folds[k].held);
    }
    // The first utterance that selects in both folds is 65; 64 trains in the first fold alone.
    s->b.folds[1].select = part_of(&s->b, "val", TRAIN_ROWS, 25);
    drop_scope(&s->b.folds[1].select);
    drop_scope(&s->b.test);
    for (int i = 0; i < RUNS; i++) {
        mb_run_spec *spec = &s->b.specs[i];
        spec->config.feature_type = type;
        spec->training.epochs = 2;
        set_model_option(spec, "mem_dim", 5);
        set_model_option(spec, "num_heads", 2);
        set_model_option(spec, "layers", 1);
    }
}

static inline void sequences_close(sequences *s) {
    for (int m = 0; m < 3; m++)
        free(s->values[m]);
    bench_close(&s->b);
}

typedef struct sequence_model {
    const char *name;
    mb_feature_type type;
} sequence_model;

static const sequence_model sequence_models[] = {
    {"mfn", MB_FRM_ALIGN},  {"graph_mfn", MB_FRM_ALIGN}, {"mfm", MB_FRM_ALIGN},
    {"mctn", MB_FRM_ALIGN}, {"mult", MB_FRM_ALIGN},      {"mult", MB_FRM_UNALIGN},
};
enum { SEQUENCE_MODELS = sizeof sequence_models / sizeof *sequence_models };

// Frames in front of the last T change nothing: neither what is learnt and selected nor any
// prediction.
static inline void check_front_is_not_read(mb_device *device, const sequence_model *model) {
    static sequences s;
    mb_run_result cut[RUNS], longer[RUNS];
    sequences_open(&s, model->name, model->type, CUT);
    train_on(device, s.b.specs, RUNS, NULL, cut);
    sequences_close(&s);
    for (other_lengths others = LONGER; others <= LONGEST; others++) {
        sequences_open(&s, model->name, model->type, others);
        train_on(device, s.b.specs, RUNS, NULL, longer);
        for (int i = 0; i < RUNS; i++) {
            assert_int_equal(longer[i].status, MB_RUN_DONE);
            assert_same_result(&longer[i], &cut[i]);
        }
        free_results(longer, RUNS);
        sequences_close(&s);
    }
    free_results(cut, RUNS);
}

#endif
