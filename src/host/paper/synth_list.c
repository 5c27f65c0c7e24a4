#include "paper/synth_list.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "merbench/corpus.h"
#include "paper/published.h"

// The strength of the weakest and of the strongest of the features.
static const double weakest = 0.6, strongest = 2.6;

// What a variant leaves of a strength. A voice made from a transcript has lost the tone, a
// translation and a text without punctuation have lost less.
static const struct {
    const char *variant;
    double factor;
} factors[] = {{"tts-en", 0.55},         {"tts-zh", 0.6},           {"text-en", 0.85},
               {"punct-e-removed", 0.9}, {"punct-ep-removed", 0.8}, {"punct-eop-removed", 0.7}};

// The deviation that noise of a signal-to-noise ratio adds, per dimension; clean features have
// about 1 where the signal is.
static const struct {
    const char *variant;
    double deviation;
} noises[] = {{"snr5", 1.0}, {"snr10", 0.56}, {"snr15", 0.32}}; // 5 dB: a factor of 1.78

// Fine-tuned encoders of Table 6 that have a published name; the registry has them not.
static const struct {
    const char *id, *name, *variant;
    double factor;
} tuned[] = {
    {"videomae-base", "videomae-base-K400-mer2023-299-UTT", "mer-semi", 1.3},
    {"videomae-base", "videomae-base-VoxCeleb2-99-UTT", "voxceleb2", 1.15},
};

// The sizes of what the encoders return.
static const struct {
    const char *id;
    int32_t dimension;
} dimensions[] = {
    {"resnet-msceleb", 512},  {"resnet-imagenet", 2048},
    {"emonet", 256},          {"videomae-base", 768},
    {"videomae-large", 1024}, {"senet-fer2013", 2048},
    {"resnet-fer2013", 2048}, {"dinov2-large", 1024},
    {"eva-02-base", 768},     {"clip-base", 512},
    {"manet-rafdb", 1024},    {"clip-large", 768},
    {"egemaps", 88},          {"is09", 384},
    {"vggish", 128},          {"wav2vec-large", 512},
    {"data2vec-base", 768},   {"wav2vec2-large", 1024},
    {"wav2vec2-base", 768},   {"wavlm-base", 768},
    {"whisper-base", 512},    {"hubert-base", 768},
    {"wavlm-large", 1024},    {"whisper-large", 1280},
    {"hubert-large", 1024},   {"opt-13b", 5120},
    {"albert-small", 384},    {"xlnet-base", 768},
    {"llama-13b", 5120},      {"vicuna-13b", 5120},
    {"deberta-large", 1024},  {"stablelm-7b", 6144},
    {"moss-7b", 4096},        {"llama2-13b", 5120},
    {"pert-base", 768},       {"electra-base", 768},
    {"falcon-7b", 4544},      {"chatglm2-6b", 4096},
    {"macbert-base", 768},    {"sentence-bert", 768},
    {"lert-base", 768},       {"bloom-7b", 4096},
    {"roberta-large", 1024},  {"baichuan-13b", 5120},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct making {
    const mb_paper_features *features;
    double dims_scale;
    mb_synth_paper_list *list;
    int32_t capacity;
    mb_error *error;
} making;

// ---- one feature ------------------------------------------------------------------------------

static mb_status dimension_of(const making *m, const char *id, int32_t *dimension) {
    for (size_t i = 0; i < COUNT(dimensions); i++)
        if (strcmp(dimensions[i].id, id) == 0) {
            double scaled = round(dimensions[i].dimension * m->dims_scale);
            *dimension = (int32_t)fmax(scaled, MB_SYNTH_PAPER_LEAST_DIMENSION);
            return MB_OK;
        }
    return mb_fail(m->error, MB_UNSUPPORTED, "feature %s: its dimension is not known", id);
}

static mb_synth_paper_feature *listed(const making *m, const char *name) {
    for (int32_t i = 0; i < m->list->count; i++)
        if (strcmp(m->list->list[i].name, name) == 0)
            return &m->list->list[i];
    return NULL;
}

// Adds a form of a feature, unless it is there.
static mb_status add(making *m, const mb_synth_paper_feature *form) {
    if (listed(m, form->name) != NULL)
        return MB_OK;
    if (m->list->count == m->capacity) {
        int32_t capacity = 2 * m->capacity + 64;
        void *larger = realloc(m->list->list, (size_t)capacity * sizeof *m->list->list);
        if (larger == NULL)
            return mb_out_of_memory(m->error, "features of the paper");
        m->list->list = larger;
        m->capacity = capacity;
    }
    m->list->list[m->list->count++] = *form;
    return MB_OK;
}

// The toolkit joins the name of a noisy copy with the mark that the clean folder has:
// "eGeMAPS_UTT", "eGeMAPS_noisesnr5_UTT".
static void join_as_clean(const mb_paper_feature *feature, char *name) {
    size_t clean = strlen(feature->utt), own = strlen(name), model = strlen(feature->model);
    if (clean > 4 && own > 4 && model < own) {
        name[model] = feature->utt[clean - 4];
        name[own - 4] = feature->utt[clean - 4];
    }
}

// The form of a feature as vectors or sequences; the registry's own is in the list already.
static mb_status add_form(making *m, const mb_paper_feature *feature, bool sequences,
                          const char *variant) {
    mb_synth_paper_feature form = m->list->list[feature - m->features->list];
    assert(form.feature == feature);
    form.level = sequences ? MB_LEVEL_FRAME : MB_LEVEL_UTTERANCE;
    form.variant = variant;
    if (!mb_paper_feature_name(m->features, feature, sequences, variant, form.name))
        return mb_fail(m->error, MB_UNSUPPORTED, "feature %s has no variant %s", feature->id,
                       variant);
    for (size_t i = 0; variant != NULL && i < COUNT(factors); i++)
        if (strcmp(factors[i].variant, variant) == 0)
            form.strength *= factors[i].factor;
    for (size_t i = 0; variant != NULL && i < COUNT(noises); i++)
        if (strcmp(noises[i].variant, variant) == 0) {
            form.noise = noises[i].deviation;
            join_as_clean(feature, form.name);
        }
    return add(m, &form);
}

// ---- those of the registry --------------------------------------------------------------------

// The mean of a feature over the corpora, as printed in Table 5; NaN: it is not there.
static double published_mean(const mb_published *five, const mb_paper_feature *feature) {
    char id[300];
    int32_t column = mb_published_find_column(five, "mean");
    snprintf(id, sizeof id, "%s/%s", mb_modality_names[feature->modality], feature->id);
    int32_t row = mb_published_find_row(five, id);
    return row < 0 || column < 0 ? (double)NAN : five->rows[row].cells[column].mean;
}

// Strengths are evenly spaced in the order of the published means.
static mb_status add_registry(making *m) {
    const mb_paper_features *features = m->features;
    mb_published five;
    mb_status status = mb_published_load(5, &five, m->error);
    if (status != MB_OK)
        return status;
    for (int32_t f = 0; f < features->count && status == MB_OK; f++) {
        const mb_paper_feature *feature = &features->list[f];
        mb_synth_paper_feature form = {.feature = feature, .level = MB_LEVEL_UTTERANCE};
        int32_t weaker = 0;
        double own = published_mean(&five, feature);
        if (isnan(own))
            status = mb_fail(m->error, MB_UNSUPPORTED, "feature %s: Table 5 has no mean of it",
                             feature->id);
        for (int32_t g = 0; g < features->count; g++)
            weaker += published_mean(&five, &features->list[g]) < own;
        form.strength = weakest + (strongest - weakest) * weaker / fmax(1, features->count - 1);
        snprintf(form.name, sizeof form.name, "%s", feature->utt);
        if (status == MB_OK)
            status = dimension_of(m, feature->id, &form.dimension);
        if (status == MB_OK)
            status = add(m, &form);
    }
    mb_published_free(&five);
    return status;
}

// ---- those of other tables --------------------------------------------------------------------

static mb_status add_tuned(making *m) {
    mb_status status = MB_OK;
    for (size_t i = 0; i < COUNT(tuned) && status == MB_OK; i++) {
        const mb_paper_feature *feature = mb_paper_feature_find(m->features, tuned[i].id);
        assert(feature != NULL);
        mb_synth_paper_feature form = m->list->list[feature - m->features->list];
        snprintf(form.name, sizeof form.name, "%s", tuned[i].name);
        form.variant = tuned[i].variant;
        form.strength *= tuned[i].factor;
        status = add(m, &form);
    }
    return status;
}

static mb_status add_sequences(making *m, const char *set) {
    const mb_paper_feature *of[MB_MODALITY_COUNT];
    mb_status status = MB_OK;
    if (!mb_paper_feature_set(m->features, set, of))
        return mb_fail(m->error, MB_UNSUPPORTED, "there is no set '%s' of features", set);
    for (int i = 0; i < MB_MODALITY_COUNT && status == MB_OK; i++)
        status = add_form(m, of[i], true, NULL);
    return status;
}

static const char *text_of(const mb_published_row *row, const char *key) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row->keys, key));
}

// What the rows of a table name: variants, or features whose copies with noise it is about.
static mb_status add_table(making *m, int32_t table, bool noisy) {
    mb_published published;
    mb_status status = mb_published_load(table, &published, m->error);
    if (status != MB_OK)
        return status;
    for (int32_t r = 0; r < published.row_count && status == MB_OK; r++) {
        const mb_published_row *row = &published.rows[r];
        const mb_paper_feature *feature =
            mb_paper_feature_find(m->features, text_of(row, "feature"));
        const char *variant = mb_paper_variant_find(m->features, text_of(row, "variant"));
        if (feature != NULL && !noisy && variant != NULL)
            status = add_form(m, feature, false, variant);
        for (size_t i = 0; feature != NULL && noisy && i < COUNT(noises) && status == MB_OK; i++)
            status = add_form(m, feature, false, noises[i].variant);
    }
    mb_published_free(&published);
    return status;
}

mb_status mb_synth_paper_list_make(const mb_paper_features *features, double dims_scale,
                                   mb_synth_paper_list *list, mb_error *error) {
    static const int32_t variants[] = {7, 8, 13};
    making m = {.features = features, .dims_scale = dims_scale, .list = list, .error = error};
    *list = (mb_synth_paper_list){.count = 0};
    mb_status status = add_registry(&m);
    if (status == MB_OK)
        status = add_sequences(&m, "medium");
    if (status == MB_OK)
        status = add_sequences(&m, "high");
    if (status == MB_OK)
        status = add_tuned(&m);
    for (size_t i = 0; i < COUNT(variants) && status == MB_OK; i++)
        status = add_table(&m, variants[i], false);
    if (status == MB_OK) // Table 15 is about one of its features
        status = add_table(&m, 14, true);
    if (status != MB_OK)
        mb_synth_paper_list_free(list);
    return status;
}

void mb_synth_paper_list_free(mb_synth_paper_list *list) {
    free(list->list);
    *list = (mb_synth_paper_list){.count = 0};
}

char *mb_synth_paper_strengths(const mb_synth_paper_list *list, const mb_paper_features *features) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return NULL;
    fputs("feature,modality,strength\n", out);
    for (int32_t i = 0; i < features->count; i++)
        fprintf(out, "%s,%s,%.4f\n", features->list[i].id,
                mb_modality_names[features->list[i].modality], list->list[i].strength);
    return mb_memory_stream_end(out, &text) ? text : NULL;
}
