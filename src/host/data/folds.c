#include "merbench/folds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merbench/philox.h"

enum { FOLD_COUNT = MB_MOST_FOLDS, SESSION_POSITION = 4 }; // "Ses01F_...": the digit at position 4

// What the labels of a part are needed for.
typedef enum label_use { LEARN, SCORE } label_use;

// The rows of a split, sorted by fold: fold k is rows[bounds[k]] .. rows[bounds[k + 1] - 1].
typedef struct fold_order {
    int32_t *rows;
    int32_t bounds[FOLD_COUNT + 1];
} fold_order;

static const char *corpus_label(const mb_corpus *corpus) {
    return corpus->path != NULL ? corpus->path : corpus->rules->name;
}

static mb_status copy_rows(const int32_t *rows, int32_t count, int32_t **copy, mb_error *error) {
    *copy = malloc((size_t)count * sizeof **copy);
    if (*copy == NULL)
        return mb_out_of_memory(error, "rows of a fold");
    memcpy(*copy, rows, (size_t)count * sizeof **copy);
    return MB_OK;
}

// Copies `count` rows of a split into `part`. The split is the scope of its padding, but under
// strict, where parts without a scope are padded to the training part of their fold.
static mb_status fill_part(mb_part *part, const char *name, const int32_t *rows, int32_t count,
                           const mb_split *split, mb_protocol protocol, mb_error *error) {
    snprintf(part->name, sizeof part->name, "%.31s", name);
    mb_status status = copy_rows(rows, count, &part->rows, error);
    if (status != MB_OK)
        return status;
    part->count = count;
    if (protocol == MB_PROTOCOL_STRICT)
        return MB_OK;
    status = copy_rows(split->rows, split->count, &part->scope, error);
    if (status == MB_OK)
        part->scope_count = split->count;
    return status;
}

// If the dataset has classes, every utterance needs an emotion. Valences are needed to learn and to
// select, but a test set may lack them (MER2023 test3) if its emotions can be scored.
static mb_status check_labels(const mb_corpus *corpus, const mb_split *split, label_use use,
                              mb_error *error) {
    const mb_dataset_rules *rules = corpus->rules;
    bool needs_valence = rules->value_count > 0 && (use == LEARN || rules->class_count == 0);
    for (int32_t i = 0; i < split->count; i++) {
        int32_t row = split->rows[i];
        if (row < 0 || row >= corpus->utterance_count)
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: split '%s', position %d: expected an utterance 0..%d, found %d",
                           corpus_label(corpus), split->name, i, corpus->utterance_count - 1, row);
        int32_t emotion = corpus->emotions[row];
        if (rules->class_count > 0 && (emotion < 0 || emotion >= rules->class_count)) {
            if (emotion == MB_EMOTION_MISSING)
                return mb_fail(error, MB_BAD_INPUT,
                               "%s: split '%s': utterance '%s' has no emotion; %s needs one of its "
                               "%d classes for every utterance",
                               corpus_label(corpus), split->name, corpus->names[row], rules->name,
                               rules->class_count);
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: split '%s': utterance '%s': expected an emotion 0..%d, found %d",
                           corpus_label(corpus), split->name, corpus->names[row],
                           rules->class_count - 1, emotion);
        }
        if (needs_valence && !isfinite(corpus->valences[row]))
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: split '%s': utterance '%s' has no valence; %s needs one to %s",
                           corpus_label(corpus), split->name, corpus->names[row], rules->name,
                           use == LEARN ? "train and select" : "score");
    }
    return MB_OK;
}

// Finds the split `name` and checks that it is not empty and has the labels that it needs.
static mb_status find_split(const mb_corpus *corpus, const char *name, label_use use,
                            const mb_split **found, mb_error *error) {
    *found = NULL;
    for (int32_t i = 0; i < corpus->split_count && *found == NULL; i++)
        if (strcmp(corpus->splits[i].name, name) == 0)
            *found = &corpus->splits[i];
    if (*found == NULL)
        return mb_fail(error, MB_BAD_INPUT, "%s: split '%s' is missing; %s needs it",
                       corpus_label(corpus), name, corpus->rules->name);
    if ((*found)->count == 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: split '%s' holds no utterance",
                       corpus_label(corpus), name);
    return check_labels(corpus, *found, use, error);
}

static bool is_test(const mb_split *split) {
    return strncmp(split->name, "test", 4) == 0;
}

static mb_status add_tests(const mb_corpus *corpus, const char *required, mb_protocol protocol,
                           mb_fold_set *folds, mb_error *error) {
    const mb_split *split;
    mb_status status = find_split(corpus, required, SCORE, &split, error);
    if (status != MB_OK)
        return status;
    int32_t count = 0;
    for (int32_t i = 0; i < corpus->split_count; i++)
        count += is_test(&corpus->splits[i]);
    folds->tests = calloc((size_t)count, sizeof *folds->tests);
    if (folds->tests == NULL)
        return mb_out_of_memory(error, "test parts");
    folds->test_count = count;
    mb_part *part = folds->tests;
    for (int32_t i = 0; i < corpus->split_count && status == MB_OK; i++) {
        if (!is_test(&corpus->splits[i]))
            continue;
        status = find_split(corpus, corpus->splits[i].name, SCORE, &split, error);
        if (status == MB_OK)
            status =
                fill_part(part++, split->name, split->rows, split->count, split, protocol, error);
    }
    return status;
}

static mb_status allocate_folds(int32_t count, mb_fold_set *folds, mb_error *error) {
    folds->folds = calloc((size_t)count, sizeof *folds->folds);
    if (folds->folds == NULL)
        return mb_out_of_memory(error, "folds");
    folds->fold_count = count;
    return MB_OK;
}

static mb_status make_official(const mb_corpus *corpus, mb_protocol protocol, mb_fold_set *folds,
                               mb_error *error) {
    const mb_split *train, *val;
    mb_status status = find_split(corpus, "train", LEARN, &train, error);
    if (status == MB_OK)
        status = find_split(corpus, "val", LEARN, &val, error);
    if (status == MB_OK)
        status = allocate_folds(1, folds, error);
    if (status == MB_OK)
        status = fill_part(&folds->folds[0].train, "train", train->rows, train->count, train,
                           protocol, error);
    if (status == MB_OK)
        status =
            fill_part(&folds->folds[0].select, "val", val->rows, val->count, val, protocol, error);
    return status;
}

// Makes a part of one fold.
static mb_status fill_fold(mb_part *part, const fold_order *order, int32_t fold,
                           const mb_split *split, mb_protocol protocol, mb_error *error) {
    char name[16];
    snprintf(name, sizeof name, "fold%d", fold);
    int32_t first = order->bounds[fold];
    return fill_part(part, name, order->rows + first, order->bounds[fold + 1] - first, split,
                     protocol, error);
}

// The training part: every fold except `held` and `select`, in order.
static mb_status fill_rest(mb_part *part, const fold_order *order, int32_t held, int32_t select,
                           const mb_split *split, mb_protocol protocol, mb_error *error) {
    mb_status status = fill_part(part, "train", order->rows, split->count, split, protocol, error);
    if (status != MB_OK)
        return status;
    part->count = 0;
    for (int32_t fold = 0; fold < FOLD_COUNT; fold++) {
        if (fold == held || fold == select)
            continue;
        int32_t first = order->bounds[fold], count = order->bounds[fold + 1] - first;
        memcpy(part->rows + part->count, order->rows + first, (size_t)count * sizeof *part->rows);
        part->count += count;
    }
    return MB_OK;
}

static mb_status make_five(const fold_order *order, const mb_split *split, mb_protocol protocol,
                           mb_fold_set *folds, mb_error *error) {
    mb_status status = allocate_folds(FOLD_COUNT, folds, error);
    for (int32_t k = 0; k < FOLD_COUNT && status == MB_OK; k++) {
        bool strict = protocol == MB_PROTOCOL_STRICT;
        int32_t select = strict ? (k + 1) % FOLD_COUNT : k;
        mb_fold *fold = &folds->folds[k];
        status = fill_rest(&fold->train, order, k, select, split, protocol, error);
        if (status == MB_OK)
            status = fill_fold(&fold->select, order, select, split, protocol, error);
        if (status == MB_OK && strict)
            status = fill_fold(&fold->held, order, k, split, protocol, error);
    }
    return status;
}

static mb_status order_by_session(const mb_corpus *corpus, const mb_split *split, fold_order *order,
                                  mb_error *error) {
    int32_t counts[FOLD_COUNT] = {0};
    for (int32_t i = 0; i < split->count; i++) {
        const char *name = corpus->names[split->rows[i]];
        char digit = strlen(name) > SESSION_POSITION ? name[SESSION_POSITION] : '\0';
        if (digit < '1' || digit > '0' + FOLD_COUNT)
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: split '%s': utterance '%s': expected the session 1..%d as the "
                           "fifth character of the name, as in 'Ses01F_impro01_F000'",
                           corpus_label(corpus), split->name, name, FOLD_COUNT);
        counts[digit - '1']++;
    }
    int32_t next[FOLD_COUNT];
    for (int32_t k = 0; k < FOLD_COUNT; k++) {
        if (counts[k] == 0)
            return mb_fail(error, MB_BAD_INPUT, "%s: split '%s' has no utterance of session %d",
                           corpus_label(corpus), split->name, k + 1);
        next[k] = order->bounds[k];
        order->bounds[k + 1] = order->bounds[k] + counts[k];
    }
    for (int32_t i = 0; i < split->count; i++)
        order->rows[next[corpus->names[split->rows[i]][SESSION_POSITION] - '1']++] = split->rows[i];
    return MB_OK;
}

static mb_status order_at_random(const mb_corpus *corpus, const mb_split *split, uint32_t seed,
                                 fold_order *order, mb_error *error) {
    if (split->count < FOLD_COUNT)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: split '%s': expected at least %d utterances for %d folds, found %d",
                       corpus_label(corpus), split->name, FOLD_COUNT, FOLD_COUNT, split->count);
    memcpy(order->rows, split->rows, (size_t)split->count * sizeof *order->rows);
    mb_random_shuffle(mb_key_make(seed, 0), MB_RANDOM_FOLDS, 0, order->rows, split->count);
    mb_folds_of_permutation(split->count, order->bounds);
    return MB_OK;
}

static mb_status make_folded(const mb_corpus *corpus, mb_protocol protocol, uint32_t seed,
                             mb_fold_set *folds, mb_error *error) {
    bool sessions = corpus->rules->splits == MB_SPLIT_SESSIONS;
    const mb_split *split;
    mb_status status = find_split(corpus, sessions ? "whole" : "train", LEARN, &split, error);
    if (status != MB_OK)
        return status;
    fold_order order = {malloc((size_t)split->count * sizeof *order.rows), {0}};
    if (order.rows == NULL)
        return mb_out_of_memory(error, "order of the folds");
    status = sessions ? order_by_session(corpus, split, &order, error)
                      : order_at_random(corpus, split, seed, &order, error);
    if (status == MB_OK)
        status = make_five(&order, split, protocol, folds, error);
    free(order.rows);
    return status;
}

mb_status mb_folds_make_untested(const mb_corpus *corpus, mb_protocol protocol, uint32_t seed,
                                 mb_fold_set *folds, mb_error *error) {
    *folds = (mb_fold_set){0};
    mb_status status = corpus->rules->splits == MB_SPLIT_OFFICIAL
                           ? make_official(corpus, protocol, folds, error)
                           : make_folded(corpus, protocol, seed, folds, error);
    if (status != MB_OK)
        mb_folds_free(folds);
    return status;
}

mb_status mb_folds_make(const mb_corpus *corpus, mb_protocol protocol, uint32_t seed,
                        mb_fold_set *folds, mb_error *error) {
    mb_split_scheme splits = corpus->rules->splits;
    mb_status status = mb_folds_make_untested(corpus, protocol, seed, folds, error);
    if (status == MB_OK && splits != MB_SPLIT_SESSIONS)
        status = add_tests(corpus, splits == MB_SPLIT_OFFICIAL ? "test" : "test1", protocol, folds,
                           error);
    if (status != MB_OK)
        mb_folds_free(folds);
    return status;
}

mb_status mb_folds_add_target(const mb_corpus *target, const char *split, const char *name,
                              int32_t dataset, mb_protocol protocol, mb_fold_set *folds,
                              mb_error *error) {
    const mb_split *found;
    mb_status status = find_split(target, split, SCORE, &found, error);
    if (status != MB_OK)
        return status;
    mb_part *tests = reallocarray(folds->tests, (size_t)folds->test_count + 1, sizeof *tests);
    if (tests == NULL)
        return mb_out_of_memory(error, "test parts");
    folds->tests = tests;
    mb_part *part = &tests[folds->test_count++];
    *part = (mb_part){.dataset = dataset};
    return fill_part(part, name, found->rows, found->count, found, protocol, error);
}

static void free_part(mb_part *part) {
    free(part->rows);
    free(part->scope);
}

void mb_folds_free(mb_fold_set *folds) {
    for (int32_t k = 0; k < folds->fold_count; k++) {
        free_part(&folds->folds[k].train);
        free_part(&folds->folds[k].select);
        free_part(&folds->folds[k].held);
    }
    for (int32_t i = 0; i < folds->test_count; i++)
        free_part(&folds->tests[i]);
    free(folds->folds);
    free(folds->tests);
    *folds = (mb_fold_set){0};
}

void mb_folds_of_permutation(int32_t count, int32_t bounds[6]) {
    for (int32_t k = 0; k < FOLD_COUNT; k++)
        bounds[k] = k * (count / FOLD_COUNT);
    bounds[FOLD_COUNT] = count;
}
