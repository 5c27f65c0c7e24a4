#include "sweep/store.h"

#include <stdlib.h>
#include <string.h>

#include "data/corpus_file.h"
#include "data/harmonise.h"

typedef struct stored_corpus {
    mb_corpus corpus;
    struct stored_corpus *next;
} stored_corpus;

typedef struct stored_common {
    const mb_corpus *from;
    mb_common_corpus common;
    struct stored_common *next;
} stored_common;

typedef struct stored_folds {
    const mb_corpus *corpus;
    const mb_targets *targets; // or NULL
    uint32_t seed;
    mb_fold_set folds;
    struct stored_folds *next;
} stored_folds;

// A combination of features: either sequences, which own their values, or a dataset, which shares
// the values of sequences.
typedef struct stored_features {
    const mb_corpus *corpus;
    mb_feature_type type;
    int32_t count;
    char *names[MB_MAX_STREAMS]; // (count)
    bool is_dataset;
    mb_sequences sequences; // empty if is_dataset
    mb_dataset dataset;     // valid if is_dataset
    struct stored_features *next;
} stored_features;

struct mb_store {
    mb_protocol protocol;
    stored_corpus *corpora;
    stored_common *commons;
    stored_folds *folds;
    stored_features *features;
};

mb_store *mb_store_create(mb_protocol protocol) {
    mb_store *store = calloc(1, sizeof *store);
    if (store != NULL)
        store->protocol = protocol;
    return store;
}

static void free_features(stored_features *entry) {
    mb_sequences_free(&entry->sequences);
    for (int32_t m = 0; m < entry->count; m++)
        free(entry->names[m]);
    free(entry);
}

void mb_store_close(mb_store *store) {
    if (store == NULL)
        return;
    for (stored_features *entry = store->features, *next; entry != NULL; entry = next) {
        next = entry->next;
        free_features(entry);
    }
    for (stored_folds *entry = store->folds, *next; entry != NULL; entry = next) {
        next = entry->next;
        mb_folds_free(&entry->folds);
        free(entry);
    }
    for (stored_common *entry = store->commons, *next; entry != NULL; entry = next) {
        next = entry->next;
        mb_common_corpus_free(&entry->common);
        free(entry);
    }
    for (stored_corpus *entry = store->corpora, *next; entry != NULL; entry = next) {
        next = entry->next;
        mb_corpus_close(&entry->corpus);
        free(entry);
    }
    free(store);
}

mb_status mb_store_corpus(mb_store *store, const char *path, const mb_corpus **corpus,
                          mb_error *error) {
    for (stored_corpus *entry = store->corpora; entry != NULL; entry = entry->next)
        if (strcmp(entry->corpus.path, path) == 0) {
            *corpus = &entry->corpus;
            return MB_OK;
        }
    stored_corpus *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return mb_out_of_memory(error, path);
    mb_status status = mb_corpus_open(path, &entry->corpus, error);
    if (status != MB_OK) {
        mb_corpus_close(&entry->corpus);
        free(entry);
        return status;
    }
    entry->next = store->corpora;
    store->corpora = entry;
    *corpus = &entry->corpus;
    return MB_OK;
}

mb_status mb_store_common(mb_store *store, const mb_corpus *corpus, const mb_corpus **common,
                          mb_error *error) {
    for (stored_common *entry = store->commons; entry != NULL; entry = entry->next)
        if (entry->from == corpus) {
            *common = &entry->common.corpus;
            return MB_OK;
        }
    stored_common *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return mb_out_of_memory(error, "common labels");
    entry->from = corpus;
    mb_status status = mb_common_corpus_make(corpus, &entry->common, error);
    if (status != MB_OK) {
        free(entry);
        return status;
    }
    entry->next = store->commons;
    store->commons = entry;
    *common = &entry->common.corpus;
    return MB_OK;
}

static mb_status make_folds(const mb_store *store, stored_folds *entry, mb_error *error) {
    const mb_targets *targets = entry->targets;
    if (targets == NULL)
        return mb_folds_make(entry->corpus, store->protocol, entry->seed, &entry->folds, error);
    mb_status status =
        mb_folds_make_untested(entry->corpus, store->protocol, entry->seed, &entry->folds, error);
    for (int32_t t = 0; t < targets->count && status == MB_OK; t++)
        status = mb_folds_add_target(
            targets->corpora[1 + t], mb_target_split(targets->corpora[1 + t]->rules),
            targets->names[t], 1 + t, store->protocol, &entry->folds, error);
    return status;
}

mb_status mb_store_folds(mb_store *store, const mb_corpus *corpus, const mb_targets *targets,
                         uint32_t seed, const mb_fold_set **folds, mb_error *error) {
    if (corpus->rules->splits != MB_SPLIT_RANDOM_FOLDS)
        seed = 0;
    for (stored_folds *entry = store->folds; entry != NULL; entry = entry->next)
        if (entry->corpus == corpus && entry->targets == targets && entry->seed == seed) {
            *folds = &entry->folds;
            return MB_OK;
        }
    stored_folds *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return mb_out_of_memory(error, "folds");
    *entry =
        (stored_folds){.corpus = corpus, .targets = targets, .seed = seed, .next = store->folds};
    mb_status status = make_folds(store, entry, error);
    if (status != MB_OK) {
        mb_folds_free(&entry->folds);
        free(entry);
        return status;
    }
    store->folds = entry;
    *folds = &entry->folds;
    return MB_OK;
}

static bool same_name(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

// Features are the same with common labels, datasets are not.
static bool same_corpus(const mb_corpus *a, const mb_corpus *b, bool is_dataset) {
    return a == b || (!is_dataset && strcmp(a->path, b->path) == 0);
}

static stored_features *find(const mb_store *store, const mb_corpus *corpus,
                             const char *const names[], int32_t count, mb_feature_type type,
                             bool is_dataset) {
    for (stored_features *entry = store->features; entry != NULL; entry = entry->next) {
        bool same = entry->count == count && entry->type == type &&
                    entry->is_dataset == is_dataset &&
                    same_corpus(entry->corpus, corpus, is_dataset);
        for (int32_t m = 0; m < count && same; m++)
            same = same_name(entry->names[m], names[m]);
        if (same)
            return entry;
    }
    return NULL;
}

static stored_features *add(mb_store *store, const mb_corpus *corpus, const char *const names[],
                            int32_t count, mb_feature_type type, bool is_dataset) {
    stored_features *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    *entry =
        (stored_features){.corpus = corpus, .count = count, .type = type, .is_dataset = is_dataset};
    for (int32_t m = 0; m < count; m++)
        if (names[m] != NULL && (entry->names[m] = strdup(names[m])) == NULL) {
            free_features(entry);
            return NULL;
        }
    entry->next = store->features;
    store->features = entry;
    return entry;
}

// Finds or makes the sequences. The features are read through a second mb_corpus, so that they are
// freed as soon as the sequences are made.
static mb_status make(mb_store *store, const mb_corpus *corpus, const char *const names[],
                      int32_t count, mb_feature_type type, const mb_sequences **made,
                      mb_error *error) {
    stored_features *entry = find(store, corpus, names, count, type, false);
    mb_corpus reader = {0};
    mb_sequences sequences = {0};
    mb_status status = MB_OK;
    if (entry == NULL) {
        status = mb_corpus_open_again(corpus, &reader, error);
        if (status == MB_OK)
            status = mb_sequences_make(&reader, names, count, type, &sequences, error);
        mb_corpus_close(&reader);
        if (status == MB_OK && (entry = add(store, corpus, names, count, type, false)) == NULL)
            status = mb_out_of_memory(error, "sequences");
        if (status != MB_OK) {
            mb_sequences_free(&sequences);
            return status;
        }
        entry->sequences = sequences;
    }
    *made = &entry->sequences;
    return MB_OK;
}

// Fills in the streams of a dataset. Aligned streams depend on the text and are made together;
// others are made one by one, so that they can be shared.
static mb_status fill(mb_store *store, const mb_corpus *corpus, const char *const names[],
                      int32_t count, mb_feature_type type, mb_dataset *dataset, mb_error *error) {
    const mb_sequences *made = NULL;
    mb_status status = MB_OK;
    if (type == MB_FRM_ALIGN) {
        status = make(store, corpus, names, count, type, &made, error);
        if (status == MB_OK)
            memcpy(dataset->streams, made->streams, sizeof dataset->streams);
        return status;
    }
    for (int32_t m = 0; m < count && status == MB_OK; m++) {
        if (names[m] == NULL)
            continue;
        status = make(store, corpus, &names[m], 1, type, &made, error);
        if (status == MB_OK)
            dataset->streams[m] = made->streams[0];
    }
    return status;
}

mb_status mb_store_dataset(mb_store *store, const mb_corpus *corpus,
                           const char *const feature_names[], int32_t count, mb_feature_type type,
                           const mb_dataset **dataset, mb_error *error) {
    stored_features *entry = find(store, corpus, feature_names, count, type, true);
    if (entry == NULL) {
        mb_dataset filled = {.utterance_count = corpus->utterance_count,
                             .stream_count = count,
                             .emotions = corpus->emotions,
                             .valences = corpus->valences};
        mb_status status = fill(store, corpus, feature_names, count, type, &filled, error);
        if (status == MB_OK &&
            (entry = add(store, corpus, feature_names, count, type, true)) == NULL)
            status = mb_out_of_memory(error, "sequences");
        if (status != MB_OK)
            return status;
        entry->dataset = filled;
    }
    *dataset = &entry->dataset;
    return MB_OK;
}

mb_status mb_store_targets(mb_store *store, mb_targets *targets, const char *const feature_names[],
                           int32_t count, mb_feature_type type, mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t i = 0; i <= targets->count && !targets->loaded && status == MB_OK; i++) {
        const mb_dataset *dataset = NULL;
        status = mb_store_dataset(store, targets->corpora[i], feature_names, count, type, &dataset,
                                  error);
        if (status == MB_OK)
            targets->datasets[i] = *dataset;
    }
    targets->loaded = status == MB_OK;
    return status;
}

static int64_t sequence_bytes(const mb_sequences *sequences, int32_t i) {
    const mb_stream *s = &sequences->streams[i];
    if (s->dimension == 0)
        return 0;
    for (int32_t other = 0; other < i; other++)
        if (sequences->streams[other].values == s->values)
            return 0;
    int64_t count = sequences->utterance_count;
    int64_t offsets = s->offsets != NULL ? (count + 1) * (int64_t)sizeof *s->offsets : 0;
    return (int64_t)mb_stream_bytes(s, sequences->utterance_count) + offsets;
}

int64_t mb_store_bytes(const mb_store *store) {
    int64_t bytes = 0;
    for (const stored_features *entry = store->features; entry != NULL; entry = entry->next)
        for (int32_t i = 0; i < entry->sequences.stream_count; i++)
            bytes += sequence_bytes(&entry->sequences, i);
    return bytes;
}
