#include "data/mertools_labels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plain.h"
#include "data/npz.h"

static const double no_value = -10; // stands for a missing valence in the toolkit

// A dict of Python has no key twice, but a pickle can name one again and again, in few bytes. Names
// that are different take their own bytes in the file, and so do their labels.
enum { LEAST_ENTRY = 5, MOST_LABELS = 100 }; // bytes of an utterance in a pickle; its labels

const char *mb_mertools_label_file(const mb_dataset_rules *rules) {
    if (strcmp(rules->name, "IEMOCAPFour") == 0)
        return "label_4way.npz";
    if (strcmp(rules->name, "IEMOCAPSix") == 0)
        return "label_6way.npz";
    if (strcmp(rules->name, "MER2023") == 0)
        return "label-6way.npz";
    return "label.npz";
}

// The position of a label, for messages.
typedef struct label_location {
    const char *path, *member, *utterance;
    mb_ignored_labels *ignored; // of the file
} label_location;

static mb_status wrong(const label_location *at, mb_error *error, const char *key,
                       const char *expected, const char *found) {
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: member '%s', utterance '%s': '%s': expected %s, found %s", at->path,
                   at->member, at->utterance, key, expected, found);
}

static bool is_empty(const mb_python *value) {
    return value == NULL || value->kind == MB_PYTHON_NONE ||
           (value->kind == MB_PYTHON_TEXT && value->length == 0);
}

// "0 to 5 or one of neutral, angry, ...".
static void describe_classes(const mb_dataset_rules *rules, char *text, size_t capacity) {
    size_t used = (size_t)snprintf(text, capacity, "0 to %d or one of", rules->class_count - 1);
    for (int32_t c = 0; c < rules->class_count && used < capacity; c++)
        used += (size_t)snprintf(text + used, capacity - used, "%s %s", c > 0 ? "," : "",
                                 rules->classes[c]);
}

static mb_status read_emotion(const mb_python *value, const mb_dataset_rules *rules,
                              const label_location *at, int32_t *emotion, mb_error *error) {
    char expected[256], found[128];
    *emotion = MB_EMOTION_MISSING;
    if (rules->class_count == 0 || is_empty(value))
        return MB_OK;
    if (value->kind == MB_PYTHON_INTEGER) {
        if (value->integer >= 0 && value->integer < rules->class_count) {
            *emotion = (int32_t)value->integer;
            return MB_OK;
        }
        snprintf(found, sizeof found, "%lld", (long long)value->integer);
    } else if (value->kind == MB_PYTHON_TEXT) {
        for (int32_t c = 0; c < rules->class_count; c++)
            if (strcmp(rules->classes[c], value->text) == 0) {
                *emotion = c;
                return MB_OK;
            }
        snprintf(found, sizeof found, "'%s'", value->text);
    } else {
        snprintf(found, sizeof found, "%s", mb_python_kind_name(value->kind));
    }
    describe_classes(rules, expected, sizeof expected);
    return wrong(at, error, "emo", expected, found);
}

static mb_status read_valence(const mb_python *value, const mb_dataset_rules *rules,
                              const label_location *at, float *valence, mb_error *error) {
    *valence = NAN;
    if (rules->value_count == 0 || is_empty(value))
        return MB_OK;
    double number;
    if (value->kind == MB_PYTHON_INTEGER)
        number = (double)value->integer;
    else if (value->kind == MB_PYTHON_REAL)
        number = value->real;
    else
        return wrong(at, error, "val", "a number", mb_python_kind_name(value->kind));
    if (isinf((float)number))
        return wrong(at, error, "val", "a finite number", number > 0 ? "inf" : "-inf");
    if (number != no_value)
        *valence = (float)number;
    return MB_OK;
}

// Absent labels are not ignored labels.
static void note_ignored(const mb_python *value, mb_ignored_labels *ignored) {
    char text[sizeof ignored->first] = "";
    double number = NAN;
    if (is_empty(value))
        return;
    if (value->kind == MB_PYTHON_INTEGER)
        number = (double)value->integer;
    else if (value->kind == MB_PYTHON_REAL)
        number = value->real;
    else if (value->kind == MB_PYTHON_TEXT)
        mb_format_plain(text, sizeof text, "'%.28s'", value->text);
    if (!isnan(number) && number != no_value)
        snprintf(text, sizeof text, "%.9g", number);
    if (text[0] == '\0')
        return;
    if (ignored->first[0] == '\0')
        memcpy(ignored->first, text, sizeof text);
    ignored->different += strcmp(ignored->first, text) != 0;
}

// Reserves memory for `count` more utterances.
static mb_status reserve(mb_corpus *corpus, size_t count, mb_error *error) {
    size_t total = (size_t)corpus->utterance_count + count;
    if (total > INT32_MAX / 2)
        return mb_fail(error, MB_BAD_INPUT, "expected at most %d utterances, found %zu",
                       INT32_MAX / 2, total);
    char **names = realloc(corpus->names, (total + 1) * sizeof *names);
    corpus->names = names != NULL ? names : corpus->names;
    int32_t *emotions = realloc(corpus->emotions, (total + 1) * sizeof *emotions);
    corpus->emotions = emotions != NULL ? emotions : corpus->emotions;
    float *valences = realloc(corpus->valences, (total + 1) * sizeof *valences);
    corpus->valences = valences != NULL ? valences : corpus->valences;
    if (names == NULL || emotions == NULL || valences == NULL)
        return mb_out_of_memory(error, "labels");
    return MB_OK;
}

static mb_status add_utterance(mb_corpus *corpus, mb_split *split, const mb_python *name,
                               const mb_python *label, label_location *at, mb_error *error) {
    if (name->kind != MB_PYTHON_TEXT)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: member '%s': expected names that are strings, found %s", at->path,
                       at->member, mb_python_kind_name(name->kind));
    if (name->length == 0 || strlen(name->text) != name->length)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: member '%s': utterance '%s': the name is empty or holds a zero byte",
                       at->path, at->member, name->text);
    at->utterance = name->text;
    if (label->kind != MB_PYTHON_DICT)
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: member '%s', utterance '%s': expected a dict with 'emo' and 'val', found %s",
            at->path, at->member, at->utterance, mb_python_kind_name(label->kind));
    if (label->count / 2 > MOST_LABELS)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: member '%s', utterance '%s': expected at most %d labels, found %zu",
                       at->path, at->member, at->utterance, MOST_LABELS, label->count / 2);
    int32_t row = corpus->utterance_count;
    mb_status status =
        read_emotion(mb_python_get(label, "emo"), corpus->rules, at, &corpus->emotions[row], error);
    if (status == MB_OK)
        status = read_valence(mb_python_get(label, "val"), corpus->rules, at,
                              &corpus->valences[row], error);
    if (status != MB_OK)
        return status;
    if (corpus->rules->class_count == 0)
        note_ignored(mb_python_get(label, "emo"), at->ignored);
    if (corpus->rules->value_count == 0)
        note_ignored(mb_python_get(label, "val"), at->ignored);
    corpus->names[row] = strdup(name->text);
    if (corpus->names[row] == NULL)
        return mb_out_of_memory(error, "labels");
    corpus->utterance_count++;
    split->rows[split->count++] = row;
    return MB_OK;
}

// `size`: of the pickle.
static mb_status check_names(const mb_python *dict, size_t size, const label_location *at,
                             mb_error *error) {
    size_t letters = 0, count = dict->count / 2;
    for (size_t i = 0; i < count && letters <= size; i++)
        if (dict->items[2 * i]->kind == MB_PYTHON_TEXT)
            letters += dict->items[2 * i]->length;
    if (count <= size / LEAST_ENTRY && letters <= size)
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: member '%s': expected names that are all different, found %zu in a pickle "
                   "of %zu bytes",
                   at->path, at->member, count, size);
}

static mb_status add_split(mb_corpus *corpus, const mb_python *dict, size_t size,
                           label_location *at, mb_error *error) {
    static const char suffix[] = "_corpus";
    size_t length = strlen(at->member), tail = sizeof suffix - 1;
    if (length <= tail || strcmp(at->member + length - tail, suffix) != 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: member '%s': expected a name like 'train%s'",
                       at->path, at->member, suffix);
    if (dict->kind != MB_PYTHON_DICT || dict->count == 0)
        return mb_fail(
            error, MB_BAD_INPUT, "%s: member '%s': expected a dict of utterances, found %s",
            at->path, at->member,
            dict->kind == MB_PYTHON_DICT ? "an empty one" : mb_python_kind_name(dict->kind));
    mb_status status = check_names(dict, size, at, error);
    if (status != MB_OK)
        return status;
    mb_split *split = &corpus->splits[corpus->split_count++];
    split->name = strndup(at->member, length - tail);
    split->rows = calloc(dict->count / 2 + 1, sizeof *split->rows);
    if (split->name == NULL || split->rows == NULL)
        return mb_out_of_memory(error, "labels");
    for (int32_t s = 0; s + 1 < corpus->split_count; s++)
        if (strcmp(corpus->splits[s].name, split->name) == 0)
            return mb_fail(error, MB_BAD_INPUT, "%s: there are two members '%s'", at->path,
                           at->member);
    status = reserve(corpus, dict->count / 2, error);
    for (size_t i = 0; i + 1 < dict->count && status == MB_OK; i += 2)
        status = add_utterance(corpus, split, dict->items[i], dict->items[i + 1], at, error);
    return status;
}

// ---- the whole file ---------------------------------------------------------------------------

typedef struct named_row {
    const char *name;
    int32_t row;
} named_row;

static int compare_rows(const void *a, const void *b) {
    const named_row *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : (left->row > right->row) - (left->row < right->row);
}

// The split of a row. The rows of the splits follow each other without gaps.
static const char *split_of(const mb_corpus *corpus, int32_t row) {
    int32_t s = 0;
    while (row > corpus->splits[s].rows[corpus->splits[s].count - 1])
        s++;
    return corpus->splits[s].name;
}

static mb_status check_unique(const mb_corpus *corpus, const char *path, mb_error *error) {
    size_t count = (size_t)corpus->utterance_count;
    named_row *sorted = malloc((count + 1) * sizeof *sorted);
    if (sorted == NULL)
        return mb_out_of_memory(error, "labels");
    for (size_t i = 0; i < count; i++)
        sorted[i] = (named_row){corpus->names[i], (int32_t)i};
    qsort(sorted, count, sizeof *sorted, compare_rows);
    mb_status status = MB_OK;
    for (size_t i = 1; i < count && status == MB_OK; i++)
        if (strcmp(sorted[i - 1].name, sorted[i].name) == 0)
            status = mb_fail(error, MB_BAD_INPUT,
                             "%s: utterance '%s' is in '%s_corpus' and in '%s_corpus'", path,
                             sorted[i].name, split_of(corpus, sorted[i - 1].row),
                             split_of(corpus, sorted[i].row));
    free(sorted);
    return status;
}

static mb_status check_members(const mb_corpus *corpus, const char *path, mb_error *error) {
    static const char *const official[] = {"train", "val", "test", NULL};
    static const char *const sessions[] = {"whole", NULL};
    static const char *const folds[] = {"train", NULL};
    const char *const *needed = corpus->rules->splits == MB_SPLIT_OFFICIAL   ? official
                                : corpus->rules->splits == MB_SPLIT_SESSIONS ? sessions
                                                                             : folds;
    for (int i = 0; needed[i] != NULL; i++)
        if (mb_corpus_split(corpus, needed[i]) == NULL)
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: dataset %s needs a member '%s_corpus', found none", path,
                           corpus->rules->name, needed[i]);
    return MB_OK;
}

static mb_status read_members(mb_npz *npz, const char *path, mb_corpus *corpus,
                              mb_ignored_labels *ignored, mb_error *error) {
    int count = mb_npz_count(npz);
    corpus->splits = calloc((size_t)count + 1, sizeof *corpus->splits);
    if (corpus->splits == NULL)
        return mb_out_of_memory(error, "labels");
    mb_status status = MB_OK;
    for (int i = 0; i < count && status == MB_OK; i++) {
        mb_pickle *pickle;
        const mb_python *dict;
        label_location at = {path, mb_npz_name(npz, i), NULL, ignored};
        status = mb_npz_read_object(npz, i, &pickle, &dict, error);
        if (status == MB_OK)
            status = add_split(corpus, dict, mb_pickle_size(pickle), &at, error);
        mb_pickle_free(pickle);
    }
    return status;
}

mb_status mb_mertools_labels(const char *path, mb_corpus *corpus, mb_ignored_labels *ignored,
                             char digest[33], mb_error *error) {
    *ignored = (mb_ignored_labels){0};
    mb_npz *npz;
    mb_status status = mb_npz_open(path, &npz, error);
    if (status != MB_OK)
        return status;
    snprintf(digest, 33, "%s", mb_npz_digest(npz));
    status = read_members(npz, path, corpus, ignored, error);
    mb_npz_close(npz);
    if (status == MB_OK)
        status = check_unique(corpus, path, error);
    if (status == MB_OK)
        status = check_members(corpus, path, error);
    return status;
}
