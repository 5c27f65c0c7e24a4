#include "paper/synth_values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "merbench/philox.h"

// Kinds of random numbers: values of `step` for the use MB_RANDOM_SYNTHETIC. Those below 128 belong
// to data/synth_features.h.
enum { STEP_DIRECTIONS = 128, STEP_SHARED, STEP_OWN, STEP_COPY, STEP_LENGTHS, STEP_FRAMES };

enum { K = MB_SYNTH_PAPER_DIRECTIONS, VALENCE = K - 1 };

static const double own_part = 0.25;   // b
static const double frame_noise = 0.5; // deviation
// Small values are not much harder than large ones, so that scores of signs reach the top.
static const double sign_part = 0.36, value_part = 0.28;
static const double excited_happy = 0.8; // cosine between the two; IEMOCAPFour calls both happy

// Lengths of sequences are uniform on least ... most.
static const struct {
    uint32_t least, most;
} lengths[MB_MODALITY_COUNT] = {[MB_AUDIO] = {8, 40}, [MB_TEXT] = {4, 28}, [MB_VIDEO] = {6, 30}};

// ---- utterances -------------------------------------------------------------------------------

// The direction of an emotion in the space that all corpora share; -1: not known.
static int32_t direction_of(const char *emotion) {
    static const struct {
        const char *emotion;
        int32_t direction;
    } directions[] = {{"neutral", 0}, {"happy", 1}, {"joy", 1},     {"sad", 2},
                      {"sadness", 2}, {"angry", 3}, {"anger", 3},   {"surprise", 4},
                      {"worried", 5}, {"fear", 6},  {"disgust", 7}, {"frustrated", 8},
                      {"excited", 9}};
    for (size_t i = 0; i < sizeof directions / sizeof *directions; i++)
        if (strcmp(directions[i].emotion, emotion) == 0)
            return directions[i].direction;
    return -1;
}

static mb_status set_mean(const mb_corpus *corpus, int32_t row, double mean[K], mb_error *error) {
    const mb_dataset_rules *rules = corpus->rules;
    if (rules->class_count > 0) {
        const char *emotion = rules->classes[corpus->emotions[row]];
        int32_t direction = direction_of(emotion);
        if (direction < 0)
            return mb_fail(error, MB_UNSUPPORTED, "%s: emotion '%s' has no direction", rules->name,
                           emotion);
        mean[direction] = 1;
        if (strcmp(emotion, "excited") == 0) {
            mean[direction] = sqrt(1 - excited_happy * excited_happy);
            mean[direction_of("happy")] = excited_happy;
        }
    }
    double value = (double)corpus->valences[row];
    if (rules->value_range > 0 && !isnan(value))
        mean[VALENCE] =
            sign_part * ((value > 0) - (value < 0)) + value_part * value / rules->value_range;
    return MB_OK;
}

mb_status mb_synth_paper_utterances_make(const mb_corpus *whole, const int32_t *rows, int32_t count,
                                         uint32_t seed, mb_synth_paper_utterances *utterances,
                                         mb_error *error) {
    *utterances =
        (mb_synth_paper_utterances){.seed = seed, .family = whole->rules->name, .count = count};
    utterances->numbers = calloc((size_t)count, sizeof *utterances->numbers);
    utterances->means = calloc((size_t)count, K * sizeof *utterances->means);
    if (utterances->numbers == NULL || utterances->means == NULL)
        return mb_out_of_memory(error, "synthetic utterances");
    mb_status status = MB_OK;
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        int32_t row = rows != NULL ? rows[i] : i;
        utterances->numbers[i] = row;
        status = set_mean(whole, row, utterances->means + (size_t)i * K, error);
    }
    return status;
}

void mb_synth_paper_utterances_free(mb_synth_paper_utterances *utterances) {
    free(utterances->numbers);
    free(utterances->means);
    *utterances = (mb_synth_paper_utterances){.count = 0};
}

// ---- vectors ----------------------------------------------------------------------------------

// A key for each of up to three names, so that numbers of one thing do not depend on which others
// there are.
static mb_status make_key(uint32_t seed, const char *family, const char *name, const char *variant,
                          mb_key *key, mb_error *error) {
    mb_hasher *hasher = mb_hasher_create();
    if (hasher == NULL)
        return mb_out_of_memory(error, "random numbers");
    mb_hasher_add_string(hasher, family);
    mb_hasher_add_string(hasher, name);
    mb_hasher_add_string(hasher, variant != NULL ? variant : "");
    *key = mb_key_make(seed, (uint32_t)mb_hasher_finish_short(hasher));
    return MB_OK;
}

// The keys of a feature's random numbers.
typedef struct filling {
    const mb_synth_paper_utterances *utterances;
    const mb_synth_paper_feature *form;
    mb_key shared, own, copy;
    double *directions; // (D, K): A
} filling;

// Random columns, made orthonormal (Gram-Schmidt).
static void draw_directions(mb_key key, int32_t dimension, double *directions) {
    for (int32_t k = 0; k < K; k++) {
        double *column = directions + k, length = 0;
        for (int32_t d = 0; d < dimension; d++)
            column[d * K] = mb_random_normal(key, MB_RANDOM_SYNTHETIC, STEP_DIRECTIONS,
                                             (uint64_t)k * (uint64_t)dimension + (uint64_t)d);
        for (int32_t j = 0; j < k; j++) {
            double product = 0;
            for (int32_t d = 0; d < dimension; d++)
                product += directions[d * K + j] * column[d * K];
            for (int32_t d = 0; d < dimension; d++)
                column[d * K] -= product * directions[d * K + j];
        }
        for (int32_t d = 0; d < dimension; d++)
            length += column[d * K] * column[d * K];
        for (int32_t d = 0; d < dimension; d++)
            column[d * K] /= sqrt(length);
    }
}

static mb_status begin_filling(filling *f, mb_error *error) {
    const mb_synth_paper_utterances *utterances = f->utterances;
    const mb_paper_feature *feature = f->form->feature;
    // Those of a copy with noise are the clean feature's.
    const char *variant = f->form->noise > 0 ? NULL : f->form->variant;
    mb_key directions;
    f->directions = calloc((size_t)f->form->dimension, K * sizeof *f->directions);
    if (f->directions == NULL)
        return mb_out_of_memory(error, "directions of synthetic features");
    mb_status status = make_key(utterances->seed, "", feature->id, NULL, &directions, error);
    if (status == MB_OK)
        status = make_key(utterances->seed, utterances->family,
                          mb_modality_names[feature->modality], NULL, &f->shared, error);
    if (status == MB_OK)
        status =
            make_key(utterances->seed, utterances->family, feature->id, variant, &f->own, error);
    if (status == MB_OK)
        status =
            make_key(utterances->seed, utterances->family, feature->id, "noise", &f->copy, error);
    if (status == MB_OK)
        draw_directions(directions, f->form->dimension, f->directions);
    return status;
}

static double draw(mb_key key, uint32_t step, uint64_t index) {
    return mb_random_normal(key, MB_RANDOM_SYNTHETIC, step, index);
}

static void fill_vector(const filling *f, int32_t row, float *values) {
    const mb_synth_paper_feature *form = f->form;
    const double *mean = f->utterances->means + (size_t)row * K;
    double shared_part = sqrt(1 - own_part * own_part), inner[K]; // a; s mu + a e
    uint64_t number = (uint64_t)f->utterances->numbers[row];
    for (uint64_t k = 0; k < K; k++)
        inner[k] =
            form->strength * mean[k] + shared_part * draw(f->shared, STEP_SHARED, number * K + k);
    for (int32_t d = 0; d < form->dimension; d++) {
        uint64_t index = number * (uint64_t)form->dimension + (uint64_t)d;
        double value = own_part * draw(f->own, STEP_OWN, index);
        for (int32_t k = 0; k < K; k++)
            value += f->directions[d * K + k] * inner[k];
        if (form->noise > 0)
            value += form->noise * draw(f->copy, STEP_COPY, index);
        values[d] = (float)value;
    }
}

// ---- sequences --------------------------------------------------------------------------------

static uint32_t draw_length(const filling *f, int32_t row) {
    int32_t m = f->form->feature->modality;
    return lengths[m].least + mb_random_below(f->shared, MB_RANDOM_SYNTHETIC, STEP_LENGTHS,
                                              (uint64_t)f->utterances->numbers[row],
                                              lengths[m].most - lengths[m].least + 1);
}

// Frames of an utterance have room for the longest sequence among the random numbers. The first
// frame has the vector of the utterance until the others are made.
static void fill_frames(const filling *f, int32_t row, int64_t count, float *values) {
    int32_t dimension = f->form->dimension;
    uint64_t first = (uint64_t)f->utterances->numbers[row] *
                     lengths[f->form->feature->modality].most * (uint64_t)dimension;
    fill_vector(f, row, values);
    for (int64_t i = count * dimension - 1; i >= 0; i--) {
        double noise = draw(f->own, STEP_FRAMES, first + (uint64_t)i);
        values[i] = (float)((double)values[i % dimension] + frame_noise * noise);
    }
}

// ---- a feature --------------------------------------------------------------------------------

static mb_status fill(const filling *f, mb_feature *feature, mb_interrupt *interrupt,
                      mb_error *error) {
    int32_t count = f->utterances->count, dimension = f->form->dimension;
    bool sequences = f->form->level == MB_LEVEL_FRAME;
    size_t bytes;
    feature->offsets = calloc((size_t)count + 1, sizeof *feature->offsets);
    if (feature->offsets == NULL)
        return mb_out_of_memory(error, "synthetic features");
    for (int32_t row = 0; row < count; row++)
        feature->offsets[row + 1] = feature->offsets[row] + (sequences ? draw_length(f, row) : 1);
    if (!__builtin_mul_overflow((size_t)feature->offsets[count],
                                (size_t)dimension * sizeof *feature->values, &bytes))
        feature->values = malloc(bytes);
    if (feature->values == NULL)
        return mb_out_of_memory(error, "synthetic features");
    for (int32_t row = 0; row < count; row++) {
        float *values = feature->values + feature->offsets[row] * dimension;
        if (row % 256 == 0 && interrupt != NULL && mb_interrupt_came(interrupt))
            return mb_fail(error, MB_FAILED, "interrupted");
        if (sequences)
            fill_frames(f, row, feature->offsets[row + 1] - feature->offsets[row], values);
        else
            fill_vector(f, row, values);
    }
    return MB_OK;
}

mb_status mb_synth_paper_fill(const mb_synth_paper_utterances *utterances,
                              const mb_synth_paper_feature *form, mb_feature *feature,
                              mb_interrupt *interrupt, mb_error *error) {
    filling f = {.utterances = utterances, .form = form};
    mb_status status = begin_filling(&f, error);
    if (status == MB_OK)
        status = fill(&f, feature, interrupt, error);
    free(f.directions);
    return status;
}
