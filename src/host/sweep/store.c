#include "sweep/store.h"

#include <stdlib.h>
#include <string.h>

typedef struct stored_corpus {
    mb_corpus corpus;
    struct stored_corpus *next;
} stored_corpus;

typedef struct stored_folds {
    const mb_corpus *corpus;
    uint32_t seed;
    mb_fold_set folds;
    struct stored_folds *next;
} stored_folds;

// Sequences of a combination of features. Those that are made own their values; a view has the
// values of others.
typedef struct stored_sequences {
    const mb_corpus *corpus;
    mb_feature_type type;
    char *names[MB_MODALITY_COUNT];
    bool view;
    mb_sequences sequences;
    struct stored_sequences *next;
} stored_sequences;

struct mb_store {
    mb_protocol protocol;
    stored_corpus *corpora;
    stored_folds *folds;
    stored_sequences *sequences;
};

mb_store *mb_store_create(mb_protocol protocol) {
    mb_store *store = calloc(1, sizeof *store);
    if (store != NULL)
        store->protocol = protocol;
    return store;
}

static void free_sequences(stored_sequences *entry) {
    if (!entry->view)
        mb_sequences_free(&entry->sequences);
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        free(entry->names[m]);
    free(entry);
}

void mb_store_close(mb_store *store) {
    if (store == NULL)
        return;
    for (stored_sequences *entry = store->sequences, *next; entry != NULL; entry = next) {
        next = entry->next;
        free_sequences(entry);
    }
    for (stored_folds *entry = store->folds, *next; entry != NULL; entry = next) {
        next = entry->next;
        mb_folds_free(&entry->folds);
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

mb_status mb_store_folds(mb_store *store, const mb_corpus *corpus, uint32_t seed,
                         const mb_fold_set **folds, mb_error *error) {
    if (corpus->rules->splits != MB_SPLIT_RANDOM_FOLDS)
        seed = 0;
    for (stored_folds *entry = store->folds; entry != NULL; entry = entry->next)
        if (entry->corpus == corpus && entry->seed == seed) {
            *folds = &entry->folds;
            return MB_OK;
        }
    stored_folds *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return mb_out_of_memory(error, "folds");
    *entry = (stored_folds){.corpus = corpus, .seed = seed, .next = store->folds};
    mb_status status = mb_folds_make(corpus, store->protocol, seed, &entry->folds, error);
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

static stored_sequences *find(const mb_store *store, const mb_corpus *corpus,
                              const char *const names[MB_MODALITY_COUNT], mb_feature_type type,
                              bool view) {
    for (stored_sequences *entry = store->sequences; entry != NULL; entry = entry->next) {
        bool same = entry->corpus == corpus && entry->type == type && entry->view == view;
        for (int m = 0; m < MB_MODALITY_COUNT && same; m++)
            same = same_name(entry->names[m], names[m]);
        if (same)
            return entry;
    }
    return NULL;
}

static stored_sequences *add(mb_store *store, const mb_corpus *corpus,
                             const char *const names[MB_MODALITY_COUNT], mb_feature_type type,
                             bool view) {
    stored_sequences *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    *entry = (stored_sequences){.corpus = corpus, .type = type, .view = view};
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        if (names[m] != NULL && (entry->names[m] = strdup(names[m])) == NULL) {
            free_sequences(entry);
            return NULL;
        }
    entry->next = store->sequences;
    store->sequences = entry;
    return entry;
}

// Reads the features through a corpus of its own, so that they leave memory when the sequences are
// made.
static mb_status make(mb_store *store, const mb_corpus *corpus,
                      const char *const names[MB_MODALITY_COUNT], mb_feature_type type,
                      stored_sequences **made, mb_error *error) {
    *made = find(store, corpus, names, type, false);
    if (*made != NULL)
        return MB_OK;
    mb_corpus reader = {0};
    mb_sequences sequences = {0};
    mb_status status = mb_corpus_open(corpus->path, &reader, error);
    if (status == MB_OK && strcmp(reader.digest, corpus->digest) != 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: the file has changed while it was in use",
                         corpus->path);
    if (status == MB_OK)
        status = mb_sequences_make(&reader, names, type, &sequences, error);
    mb_corpus_close(&reader);
    if (status == MB_OK && (*made = add(store, corpus, names, type, false)) == NULL)
        status = mb_out_of_memory(error, "sequences");
    if (status != MB_OK) {
        mb_sequences_free(&sequences);
        return status;
    }
    (*made)->sequences = sequences;
    return MB_OK;
}

mb_status mb_store_sequences(mb_store *store, const mb_corpus *corpus,
                             const char *const feature_names[MB_MODALITY_COUNT],
                             mb_feature_type type, const mb_sequences **sequences,
                             mb_error *error) {
    stored_sequences *entry = NULL;
    if (type == MB_FRM_ALIGN) { // depends on the text: nothing to share
        mb_status status = make(store, corpus, feature_names, type, &entry, error);
        if (status == MB_OK)
            *sequences = &entry->sequences;
        return status;
    }
    entry = find(store, corpus, feature_names, type, true);
    if (entry != NULL) {
        *sequences = &entry->sequences;
        return MB_OK;
    }
    mb_sequences view = {.type = type, .utterance_count = corpus->utterance_count};
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        const char *const one[MB_MODALITY_COUNT] = {feature_names[m], NULL, NULL};
        if (feature_names[m] == NULL)
            continue;
        mb_status status = make(store, corpus, one, type, &entry, error);
        if (status != MB_OK)
            return status;
        view.modalities[m] = entry->sequences.modalities[0];
    }
    entry = add(store, corpus, feature_names, type, true);
    if (entry == NULL)
        return mb_out_of_memory(error, "sequences");
    entry->sequences = view;
    *sequences = &entry->sequences;
    return MB_OK;
}

static int64_t sequence_bytes(const mb_sequences *sequences, int m) {
    const mb_sequence *s = &sequences->modalities[m];
    int64_t count = sequences->utterance_count;
    if (s->dimension == 0)
        return 0;
    for (int other = 0; other < m; other++)
        if (sequences->modalities[other].values == s->values)
            return 0;
    int64_t frames = s->offsets != NULL ? s->offsets[count] : count;
    int64_t offsets = s->offsets != NULL ? (count + 1) * (int64_t)sizeof *s->offsets : 0;
    return frames * s->dimension * (int64_t)sizeof *s->values + offsets;
}

int64_t mb_store_bytes(const mb_store *store) {
    int64_t bytes = 0;
    for (const stored_sequences *entry = store->sequences; entry != NULL; entry = entry->next)
        for (int m = 0; m < MB_MODALITY_COUNT && !entry->view; m++)
            bytes += sequence_bytes(&entry->sequences, m);
    return bytes;
}
