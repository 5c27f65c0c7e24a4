#include "paper/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "paper/embedded.h"

static const mb_json_limits limits = {.bytes = 1 << 20, .values = 20000, .depth = 8};
static const char file[] = "features of the paper"; // for messages

// The document has the texts, and the sets and variants, which are looked up in it.
static const cJSON *document_of(const mb_paper_features *features) {
    return features->memory;
}

static mb_status read_feature(const mb_json *object, mb_paper_feature *feature, mb_error *error) {
    const struct {
        const char *key, **text;
    } texts[] = {{"id", &feature->id},
                 {"printed", &feature->printed},
                 {"model", &feature->model},
                 {"utt", &feature->utt},
                 {"fra", &feature->fra}};
    mb_status status = MB_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == MB_OK; i++) {
        mb_json at = mb_json_member(object, texts[i].key);
        status = mb_json_text(&at, texts[i].text, error);
    }
    mb_json at = mb_json_member(object, "modality");
    int modality = 0;
    if (status == MB_OK)
        status = mb_json_choice(&at, mb_modality_names, MB_MODALITY_COUNT, &modality, error);
    feature->modality = modality;
    return status;
}

mb_status mb_paper_features_load(mb_paper_features *features, mb_error *error) {
    const mb_embedded_text *text = &mb_paper_texts[0];
    cJSON *document = NULL;
    *features = (mb_paper_features){.count = 0};
    mb_status status = mb_json_parse(file, text->text, text->length, &limits, &document, error);
    features->memory = document;
    mb_json root = mb_json_root(file, document);
    mb_json list = mb_json_member(&root, "features");
    int count = 0;
    if (status == MB_OK)
        status = mb_json_count(&list, 1000, &count, error);
    if (status == MB_OK && (features->list = calloc((size_t)count, sizeof *features->list)) == NULL)
        status = mb_out_of_memory(error, file);
    for (mb_json at = mb_json_first(&list); status == MB_OK && at.value != NULL;
         at = mb_json_next(&at)) {
        status = read_feature(&at, &features->list[features->count], error);
        features->count += status == MB_OK;
    }
    if (status != MB_OK)
        mb_paper_features_free(features);
    return status;
}

void mb_paper_features_free(mb_paper_features *features) {
    free(features->list);
    cJSON_Delete(features->memory);
    *features = (mb_paper_features){.count = 0};
}

const mb_paper_feature *mb_paper_feature_find(const mb_paper_features *features, const char *id) {
    for (int32_t i = 0; id != NULL && i < features->count; i++)
        if (strcmp(features->list[i].id, id) == 0)
            return &features->list[i];
    return NULL;
}

static const cJSON *member(const cJSON *object, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

bool mb_paper_feature_set(const mb_paper_features *features, const char *set,
                          const mb_paper_feature *of[MB_MODALITY_COUNT]) {
    const cJSON *found = member(member(document_of(features), "sets"), set);
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        of[m] = mb_paper_feature_find(features,
                                      cJSON_GetStringValue(member(found, mb_modality_names[m])));
        if (of[m] == NULL)
            return false;
    }
    return true;
}

const mb_paper_feature *mb_paper_feature_ranked(const mb_paper_features *features, int32_t modality,
                                                int32_t rank) {
    const cJSON *list =
        member(member(document_of(features), "ranking"), mb_modality_names[modality]);
    return mb_paper_feature_find(features,
                                 cJSON_GetStringValue(cJSON_GetArrayItem(list, rank - 1)));
}

// ---- names in corpora -------------------------------------------------------------------------

static bool same_name(const char *a, const char *b) {
    for (; *a != '\0' && *b != '\0'; a++, b++)
        if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
            return false;
    return *a == *b;
}

const char *mb_paper_variant_find(const mb_paper_features *features, const char *variant) {
    const cJSON *found =
        variant != NULL ? member(member(document_of(features), "variants"), variant) : NULL;
    return found != NULL ? found->string : NULL;
}

// The folder of a variant is written as "{model}-ttseng-UTT".
bool mb_paper_feature_name(const mb_paper_features *features, const mb_paper_feature *feature,
                           bool sequences, const char *variant, char name[256]) {
    static const char slot[] = "{model}";
    if (variant == NULL) {
        snprintf(name, 256, "%s", sequences ? feature->fra : feature->utt);
        return true;
    }
    const char *form =
        cJSON_GetStringValue(member(member(document_of(features), "variants"), variant));
    if (sequences || form == NULL || strncmp(form, slot, sizeof slot - 1) != 0)
        return false;
    snprintf(name, 256, "%s%s", feature->model, form + sizeof slot - 1);
    return true;
}

const char *mb_paper_feature_in(const mb_paper_features *features, const mb_corpus *corpus,
                                const mb_paper_feature *feature, bool sequences,
                                const char *variant) {
    char name[256];
    if (!mb_paper_feature_name(features, feature, sequences, variant, name))
        return NULL;
    for (int32_t f = 0; f < corpus->feature_count; f++)
        if (same_name(corpus->features[f].name, name))
            return corpus->features[f].name;
    return NULL;
}
