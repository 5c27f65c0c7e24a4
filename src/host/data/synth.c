#include "data/synth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/synth_features.h"
#include "merbench/philox.h"

enum { CATEGORY_MINIMUM = 2, DIALOGUE_TURNS = 10, VIDEO_CLIPS = 25, SESSION_TURNS = 50 };

bool mb_synth_made(const mb_corpus *corpus) {
    return corpus->source != NULL &&
           strncmp(corpus->source, MB_SYNTH_SOURCE, sizeof MB_SYNTH_SOURCE - 1) == 0;
}

mb_status mb_synth_defaults(const mb_dataset_rules *rules, mb_synth_options *options,
                            mb_error *error) {
    const mb_synth_profile *profile = mb_synth_profile_find(rules);
    if (profile == NULL)
        return mb_fail(error, MB_UNSUPPORTED, "there is no synthetic corpus for dataset %s",
                       rules->name);
    *options = (mb_synth_options){.rules = rules, .seed = 1, .scale = 1};
    memcpy(options->dims, profile->dims, sizeof options->dims);
    memcpy(options->signal, profile->signal, sizeof options->signal);
    return MB_OK;
}

// ---- sizes ------------------------------------------------------------------------------------

int32_t mb_synth_count(const mb_synth_options *options, const mb_synth_split *split,
                       int32_t category) {
    bool whole =
        options->rules->splits == MB_SPLIT_OFFICIAL || strncmp(split->name, "test", 4) == 0;
    int32_t least =
        options->least > 0 ? options->least * (whole ? 1 : MB_SYNTH_FOLDS) : CATEGORY_MINIMUM;
    double target = round(split->counts[category] * options->scale);
    if (split->counts[category] == 0)
        return 0;
    return target < least ? least : (int32_t)target;
}

static int32_t category_count(const mb_dataset_rules *rules) {
    return rules->class_count > 0 ? rules->class_count : 3;
}

static int32_t split_size(const mb_synth_options *options, const mb_synth_split *split) {
    int32_t size = 0;
    for (int32_t c = 0; c < category_count(options->rules); c++)
        size += mb_synth_count(options, split, c);
    return size;
}

static mb_status allocate_corpus(const mb_synth_options *options, const mb_synth_profile *profile,
                                 mb_corpus *corpus, mb_error *error) {
    int32_t total = 0, split_count = 0;
    for (; split_count < MB_SYNTH_MAX_SPLITS && profile->splits[split_count].name != NULL;
         split_count++)
        total += split_size(options, &profile->splits[split_count]);
    corpus->utterance_count = total;
    corpus->names = calloc((size_t)total, sizeof *corpus->names);
    corpus->emotions = calloc((size_t)total, sizeof *corpus->emotions);
    corpus->valences = calloc((size_t)total, sizeof *corpus->valences);
    corpus->splits = calloc((size_t)split_count, sizeof *corpus->splits);
    if (corpus->names == NULL || corpus->emotions == NULL || corpus->valences == NULL ||
        corpus->splits == NULL)
        return mb_out_of_memory(error, "synthetic utterances");
    corpus->split_count = split_count;
    int32_t row = 0;
    for (int32_t s = 0; s < split_count; s++) {
        mb_split *split = &corpus->splits[s];
        int32_t size = split_size(options, &profile->splits[s]);
        split->name = strdup(profile->splits[s].name);
        split->rows = malloc((size_t)size * sizeof *split->rows);
        if (split->name == NULL || split->rows == NULL)
            return mb_out_of_memory(error, "synthetic splits");
        split->count = size;
        for (int32_t i = 0; i < size; i++)
            split->rows[i] = row++;
    }
    return MB_OK;
}

// ---- names ------------------------------------------------------------------------------------

// Sessions follow each other in the file; their relative sizes are those of the profile.
static void session_name(const mb_synth_profile *profile, int32_t count, int32_t position,
                         char *name, size_t size) {
    int64_t total = 0, before = 0;
    for (int32_t s = 0; s < 5; s++)
        total += profile->sessions[s];
    int32_t session = 0, first = 0;
    for (; session < 4; session++) {
        before += profile->sessions[session];
        int32_t end = (int32_t)(count * before / total);
        if (position < end)
            break;
        first = end;
    }
    int32_t dialogue = (position - first) / SESSION_TURNS;
    int32_t turn = (position - first) % SESSION_TURNS;
    snprintf(name, size, "Ses%02d%c_impro%02d_%c%03d", session + 1, dialogue % 2 ? 'M' : 'F',
             dialogue / 2 + 1, turn % 2 ? 'M' : 'F', turn / 2);
}

static char *make_name(const mb_synth_profile *profile, const mb_split *split, int32_t position) {
    char name[96] = "";
    int32_t row = split->rows[position];
    switch (profile->names) {
    case MB_SYNTH_NAMES_PLAIN:
        snprintf(name, sizeof name, "sample_%08d", row);
        break;
    case MB_SYNTH_NAMES_DIALOGUE:
        snprintf(name, sizeof name, "%.16s_dia%d_utt%d", split->name, position / DIALOGUE_TURNS,
                 position % DIALOGUE_TURNS);
        break;
    case MB_SYNTH_NAMES_SESSION:
        session_name(profile, split->count, position, name, sizeof name);
        break;
    case MB_SYNTH_NAMES_VIDEO_ID:
        snprintf(name, sizeof name, "SYN%08d_%d", row / VIDEO_CLIPS, row % VIDEO_CLIPS + 1);
        break;
    case MB_SYNTH_NAMES_VIDEO:
        snprintf(name, sizeof name, "video_%04d_%04d", row / VIDEO_CLIPS + 1,
                 row % VIDEO_CLIPS + 1);
        break;
    }
    return strdup(name);
}

// ---- labels -----------------------------------------------------------------------------------

static float value_of_class(const mb_synth_profile *profile, const mb_dataset_rules *rules,
                            mb_key key, int32_t row, int32_t class) {
    double noise = mb_random_normal(key, MB_RANDOM_SYNTHETIC, MB_SYNTH_VALUES, (uint64_t)row);
    double fraction = profile->class_values[class] + 0.2 * noise;
    return (float)(rules->value_range * fmax(-1, fmin(1, fraction)));
}

// The categories are negative, zero and positive. All magnitudes are equally likely.
static float value_of_sign(const mb_synth_profile *profile, const mb_dataset_rules *rules,
                           mb_key key, int32_t row, int32_t category) {
    uint32_t levels = (uint32_t)profile->value_levels;
    uint32_t level =
        1 + mb_random_below(key, MB_RANDOM_SYNTHETIC, MB_SYNTH_VALUES, (uint64_t)row, levels);
    return (float)((category - 1) * rules->value_range * level / levels);
}

static void label_split(const mb_synth_options *options, const mb_synth_profile *profile,
                        int32_t index, mb_corpus *corpus) {
    const mb_dataset_rules *rules = options->rules;
    const mb_synth_split *pattern = &profile->splits[index];
    mb_split *split = &corpus->splits[index];
    mb_key key = mb_key_make(options->seed, 0);
    int32_t *categories = corpus->emotions + split->rows[0], next = 0;
    for (int32_t c = 0; c < category_count(rules); c++)
        for (int32_t i = mb_synth_count(options, pattern, c); i > 0; i--)
            categories[next++] = c;
    mb_random_shuffle(key, MB_RANDOM_SYNTHETIC, MB_SYNTH_LABELS + (uint32_t)index, categories,
                      split->count);
    for (int32_t i = 0; i < split->count; i++) {
        int32_t row = split->rows[i], category = corpus->emotions[row];
        if (rules->value_count == 0 || pattern->without_values)
            corpus->valences[row] = NAN;
        else if (rules->class_count > 0)
            corpus->valences[row] = value_of_class(profile, rules, key, row, category);
        else
            corpus->valences[row] = value_of_sign(profile, rules, key, row, category);
        if (rules->class_count == 0)
            corpus->emotions[row] = MB_EMOTION_MISSING;
    }
}

static mb_status describe(const mb_synth_options *options, mb_corpus *corpus, mb_error *error) {
    const double *signal = options->signal;
    if (asprintf(&corpus->source,
                 MB_SYNTH_SOURCE "like %s, seed %u, scale %.9g, signal audio=%.9g,text=%.9g,"
                                 "video=%.9g%s",
                 options->rules->name, options->seed, options->scale, signal[MB_AUDIO],
                 signal[MB_TEXT], signal[MB_VIDEO], options->frames ? ", frames" : "") < 0) {
        corpus->source = NULL;
        return mb_out_of_memory(error, "description of a corpus");
    }
    corpus->tool_version = strdup(MERBENCH_VERSION);
    return corpus->tool_version != NULL ? MB_OK : mb_out_of_memory(error, "version of a corpus");
}

// The conditions are written so that NaN is refused.
static mb_status check_scale(const mb_synth_options *options, mb_error *error) {
    if (!(options->scale > 0 && options->scale <= MB_SYNTH_MAX_SCALE))
        return mb_fail(error, MB_BAD_INPUT, "scale: expected more than 0 and at most %g, found %g",
                       MB_SYNTH_MAX_SCALE, options->scale);
    return MB_OK;
}

static mb_status check_options(const mb_synth_options *options, mb_error *error) {
    mb_status status = check_scale(options, error);
    if (status != MB_OK)
        return status;
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++) {
        if (!(options->signal[m] >= 0 && options->signal[m] <= MB_SYNTH_MAX_SIGNAL))
            return mb_fail(error, MB_BAD_INPUT, "signal of %s: expected 0..%g, found %g",
                           mb_modality_names[m], MB_SYNTH_MAX_SIGNAL, options->signal[m]);
        if (options->dims[m] < 1 || options->dims[m] > MB_SYNTH_MAX_DIMENSION)
            return mb_fail(error, MB_BAD_INPUT, "dimension of %s: expected 1..%d, found %d",
                           mb_modality_names[m], MB_SYNTH_MAX_DIMENSION, options->dims[m]);
    }
    return MB_OK;
}

mb_status mb_synth_utterances(const mb_synth_options *options, mb_corpus *corpus, mb_error *error) {
    *corpus = (mb_corpus){.rules = options->rules};
    const mb_synth_profile *profile = mb_synth_profile_find(options->rules);
    if (profile == NULL)
        return mb_fail(error, MB_UNSUPPORTED, "there is no synthetic corpus for dataset %s",
                       options->rules->name);
    mb_status status = check_scale(options, error);
    if (status == MB_OK)
        status = allocate_corpus(options, profile, corpus, error);
    for (int32_t s = 0; s < corpus->split_count && status == MB_OK; s++) {
        label_split(options, profile, s, corpus);
        const mb_split *split = &corpus->splits[s];
        for (int32_t i = 0; i < split->count && status == MB_OK; i++) {
            corpus->names[split->rows[i]] = make_name(profile, split, i);
            if (corpus->names[split->rows[i]] == NULL)
                status = mb_out_of_memory(error, "names of utterances");
        }
    }
    return status;
}

mb_status mb_synth_make(const mb_synth_options *options, mb_corpus *corpus, mb_error *error) {
    *corpus = (mb_corpus){.rules = options->rules};
    mb_status status = check_options(options, error);
    if (status == MB_OK)
        status = mb_synth_utterances(options, corpus, error);
    if (status == MB_OK)
        status = mb_synth_features(options, corpus, error);
    return status == MB_OK ? describe(options, corpus, error) : status;
}
