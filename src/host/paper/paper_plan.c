#include "paper/paper_plan.h"

#include <stdio.h>
#include <string.h>

enum { MOST_NOTES = 20 };

typedef struct making {
    const mb_paper_request *request;
    const mb_published *published;
    const mb_paper_features *features;
    mb_paper_plan *made;
    cJSON *cells, *rows;
    cJSON *notes; // why places are empty
} making;

// ---- tables -----------------------------------------------------------------------------------

bool mb_paper_can(int32_t table, const char **why) {
    static const struct {
        int32_t table;
        const char *why;
    } others[] = {{1, "it has counts of a corpus, no scores"},
                  {4, "it has counts of corpora, no scores"},
                  {11, "it needs the best of several cells"},
                  {12, "it needs the best of several cells, and predictions of another system"},
                  {14, "it needs noisy copies of features"},
                  {15, "it needs noisy copies of features"},
                  {16, "it needs fine-tuned encoders"},
                  {17, "it has costs, no scores"},
                  {18, "it lists encoders, no scores"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].table == table) {
            *why = others[i].why;
            return false;
        }
    return true;
}

// ---- cells ------------------------------------------------------------------------------------

static const char *key(const mb_published_row *row, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row->keys, name));
}

// The features of a row, by modality; *single: the only one. False: it needs something else.
static bool features_of(const making *m, const mb_published_row *row,
                        const mb_paper_feature *of[MB_MODALITY_COUNT],
                        const mb_paper_feature **single) {
    const cJSON *named = cJSON_GetObjectItemCaseSensitive(row->keys, "features");
    int32_t count = 0;
    *single = mb_paper_feature_find(m->features, key(row, "feature"));
    if (*single != NULL)
        return key(row, "pretrained_on") == NULL ||
               strcmp(key(row, "pretrained_on"), "kinetics-400") == 0;
    if (key(row, "feature_set") != NULL)
        return mb_paper_feature_set(m->features, key(row, "feature_set"), of);
    for (int32_t i = 0; i < MB_MODALITY_COUNT; i++) {
        of[i] = mb_paper_feature_find(
            m->features,
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(named, mb_modality_names[i])));
        count += of[i] != NULL;
        *single = of[i] != NULL ? of[i] : *single;
    }
    *single = count == 1 ? *single : NULL;
    return count == 1 || count == MB_MODALITY_COUNT;
}

// N of a row of Table 10; 0 = another row.
static int32_t top_of(const mb_published_row *row) {
    const cJSON *top = cJSON_GetObjectItemCaseSensitive(row->keys, "top");
    return cJSON_IsNumber(top) ? top->valueint : 0;
}

static const char *ranked_in(const making *m, const mb_corpus *corpus, int32_t modality,
                             int32_t rank) {
    const mb_paper_feature *feature = mb_paper_feature_ranked(m->features, modality, rank);
    return feature != NULL ? mb_paper_feature_in(m->features, corpus, feature, false, NULL) : NULL;
}

// Adds the N best features of each modality, the best first. One of each is a name, no list: then
// the model is attention, and the trial that of Table 9. False: the corpus lacks one.
static bool add_ranked(const making *m, int32_t top, const mb_corpus *corpus, cJSON *cell) {
    cJSON *features = cJSON_AddObjectToObject(cell, "features");
    for (int32_t i = 0; i < MB_MODALITY_COUNT; i++) {
        cJSON *list = cJSON_CreateArray();
        bool complete = true;
        for (int32_t rank = 1; rank <= top && complete; rank++) {
            const char *name = ranked_in(m, corpus, i, rank);
            complete = name != NULL && cJSON_AddItemToArray(list, cJSON_CreateString(name));
        }
        cJSON *given = complete && top == 1 ? cJSON_DetachItemFromArray(list, 0) : list;
        if (given != list)
            cJSON_Delete(list);
        if (!cJSON_AddItemToObject(features, mb_modality_names[i], given) || !complete)
            return false;
    }
    return true;
}

// Adds the features under the names that the corpus has for them. False: it lacks one.
static bool add_features(const making *m, const mb_published_row *row, const mb_corpus *corpus,
                         cJSON *cell) {
    const mb_paper_feature *of[MB_MODALITY_COUNT] = {NULL}, *single = NULL;
    const char *level = key(row, "level"), *variant = key(row, "variant");
    bool sequences = level != NULL && strcmp(level, "sequence") == 0;
    if (top_of(row) > 0)
        return add_ranked(m, top_of(row), corpus, cell);
    if (!features_of(m, row, of, &single))
        return false;
    if (single != NULL) {
        const char *name = mb_paper_feature_in(m->features, corpus, single, sequences, variant);
        return name != NULL && cJSON_AddStringToObject(cell, "feature", name) != NULL;
    }
    cJSON *names = cJSON_AddObjectToObject(cell, "features");
    for (int32_t i = 0; i < MB_MODALITY_COUNT; i++) {
        const char *name = mb_paper_feature_in(m->features, corpus, of[i], sequences, variant);
        if (name == NULL || cJSON_AddStringToObject(names, mb_modality_names[i], name) == NULL)
            return false;
    }
    return !sequences || cJSON_AddStringToObject(cell, "feature_type", "frm_align") != NULL;
}

// Whether a target has a feature of the source, under the same name and with as many dimensions. If
// not, a note says so.
static bool has_feature(const making *m, const mb_corpus *source, const mb_corpus *target,
                        const char *name) {
    const mb_feature *ours = mb_corpus_feature(source, name);
    const mb_feature *theirs = mb_corpus_feature(target, name);
    char note[256];
    if (theirs != NULL && ours->dimension == theirs->dimension)
        return true;
    if (theirs == NULL)
        snprintf(note, sizeof note, "%s lacks %s of %s, under this name", target->rules->name, name,
                 source->rules->name);
    else
        snprintf(note, sizeof note, "%s has %d dimensions in %s, and %d in %s", name,
                 ours->dimension, source->rules->name, theirs->dimension, target->rules->name);
    const cJSON *known;
    cJSON_ArrayForEach(known, m->notes) {
        if (strcmp(known->valuestring, note) == 0)
            return false;
    }
    if (cJSON_GetArraySize(m->notes) == MOST_NOTES)
        return false;
    cJSON_AddItemToArray(m->notes, cJSON_CreateString(note));
    return false;
}

static bool has_features(const making *m, const mb_corpus *source, const mb_corpus *target,
                         const cJSON *cell) {
    const cJSON *one = cJSON_GetObjectItemCaseSensitive(cell, "feature"), *name;
    const cJSON *several = cJSON_GetObjectItemCaseSensitive(cell, "features");
    bool all = one == NULL || has_feature(m, source, target, one->valuestring);
    cJSON_ArrayForEach(name, several) {
        all = has_feature(m, source, target, name->valuestring) && all;
    }
    return all;
}

static bool is_corpus(const mb_paper_corpus *corpus, const char *dataset) {
    return strcmp(corpus->corpus->rules->name, dataset) == 0;
}

// Adds the corpora of the columns to a cell that is trained on another one. False: there is none.
static bool add_targets(const making *m, const mb_paper_corpus *source, cJSON *cell) {
    cJSON *targets = cJSON_AddArrayToObject(cell, "targets");
    for (int32_t i = 0; i < m->published->column_count; i++)
        for (int32_t c = 0; c < m->request->corpus_count; c++) {
            const mb_paper_corpus *target = &m->request->corpora[c];
            const char *dataset = m->published->columns[i].corpus;
            if (dataset != NULL && target != source && is_corpus(target, dataset) &&
                has_features(m, source->corpus, target->corpus, cell))
                cJSON_AddItemToArray(targets, cJSON_CreateString(dataset));
        }
    return cJSON_GetArraySize(targets) > 0;
}

// Adds the cell of a row and a corpus, if the corpus has the features.
static bool add_cell(making *m, const mb_published_row *row, const mb_paper_corpus *corpus) {
    const char *model = top_of(row) > 1 ? "attention_topn" : key(row, "fusion");
    const char *source = key(row, "source");
    if (source != NULL && !is_corpus(corpus, source))
        return false;
    cJSON *cell = cJSON_CreateObject();
    cJSON_AddStringToObject(cell, "label", row->id);
    cJSON_AddStringToObject(cell, "corpus", corpus->corpus->rules->name);
    cJSON_AddStringToObject(cell, "model", model != NULL ? model : "attention");
    if (!add_features(m, row, corpus->corpus, cell) ||
        (source != NULL && !add_targets(m, corpus, cell))) {
        cJSON_Delete(cell);
        return false;
    }
    cJSON_AddItemToArray(m->cells, cell);
    m->made->cells++;
    return true;
}

// ---- the plan ---------------------------------------------------------------------------------

static cJSON *list_seeds(const uint32_t *seeds, int32_t count) {
    cJSON *list = cJSON_CreateArray();
    for (int32_t i = 0; i < count; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(seeds[i]));
    return list;
}

static void make_plan(making *m) {
    const mb_paper_request *request = m->request;
    const uint32_t first = 1;
    char name[32];
    snprintf(name, sizeof name, "table%02d", (int)request->table);
    cJSON *plan = cJSON_CreateObject(), *corpora, *search, *final;
    cJSON_AddStringToObject(plan, "name", name);
    cJSON_AddStringToObject(plan, "protocol", request->protocol);
    cJSON_AddNumberToObject(plan, "epochs", request->epochs);
    cJSON_AddStringToObject(plan, "grid", "paper");
    corpora = cJSON_AddObjectToObject(plan, "corpora");
    for (int32_t c = 0; c < request->corpus_count; c++)
        cJSON_AddStringToObject(corpora, request->corpora[c].corpus->rules->name,
                                request->corpora[c].path);
    m->cells = cJSON_AddArrayToObject(plan, "cells");
    search = cJSON_AddObjectToObject(plan, "search");
    cJSON_AddStringToObject(search, "method", request->draws > 0 ? "random" : "grid");
    if (request->draws > 0)
        cJSON_AddNumberToObject(search, "draws", request->draws);
    cJSON_AddItemToObject(search, "seeds", list_seeds(&first, 1));
    final = cJSON_AddObjectToObject(plan, "final");
    cJSON_AddItemToObject(final, "seeds", list_seeds(request->seeds, request->seed_count));
    m->made->plan = plan;
}

// ---- the layout -------------------------------------------------------------------------------

// "high/mfn": the group is "high".
static void add_group(const mb_published_row *row, cJSON *line) {
    const char *slash = strchr(row->id, '/');
    char group[64];
    if (slash == NULL)
        return;
    snprintf(group, sizeof group, "%.*s", (int)(slash - row->id), row->id);
    cJSON_AddStringToObject(line, "group", group);
}

// The columns of a table whose rows have a source are targets: parts of the runs.
static void add_column(const mb_published *published, const mb_published_column *column,
                       cJSON *columns) {
    bool target = published->row_count > 0 && key(&published->rows[0], "source") != NULL;
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "head", column->printed);
    cJSON_AddStringToObject(line, "published", column->id);
    if (column->metric != NULL)
        cJSON_AddStringToObject(line, "metric", column->metric);
    if (column->corpus != NULL)
        cJSON_AddStringToObject(line, target ? "part" : "dataset", column->corpus);
    if (!target && column->corpus != NULL && column->part != NULL)
        cJSON_AddStringToObject(line, "part",
                                strcmp(column->part, "cv") == 0 ? "folds" : column->part);
    if (column->corpus == NULL && column->over_count > 0) {
        cJSON *over = cJSON_AddArrayToObject(line, "over");
        for (int32_t i = 0; i < column->over_count; i++)
            cJSON_AddItemToArray(over,
                                 cJSON_CreateString(published->columns[column->over[i]].printed));
    }
    cJSON_AddItemToArray(columns, line);
}

static void make_layout(making *m) {
    cJSON *layout = cJSON_CreateObject();
    cJSON_AddStringToObject(layout, "title", m->published->title);
    cJSON_AddNumberToObject(layout, "published", m->published->table);
    cJSON_AddNumberToObject(layout, "best", 3);
    cJSON_AddTrueToObject(layout, "partial");
    cJSON *columns = cJSON_AddArrayToObject(layout, "columns");
    for (int32_t c = 0; c < m->published->column_count; c++)
        add_column(m->published, &m->published->columns[c], columns);
    m->rows = cJSON_AddArrayToObject(layout, "rows");
    for (int32_t r = 0; r < m->published->row_count; r++) {
        const mb_published_row *row = &m->published->rows[r];
        cJSON *line = cJSON_CreateObject();
        cJSON_AddStringToObject(line, "head", row->printed);
        add_group(row, line);
        cJSON_AddStringToObject(line, "label", row->id);
        cJSON_AddStringToObject(line, "published", row->id);
        cJSON_AddItemToArray(m->rows, line);
    }
    m->made->layout = layout;
}

// Whether a column of the table shows a corpus.
static bool shows(const mb_published *published, const char *dataset) {
    for (int32_t c = 0; c < published->column_count; c++)
        if (published->columns[c].corpus != NULL &&
            strcmp(published->columns[c].corpus, dataset) == 0)
            return true;
    return false;
}

// ---- notes ------------------------------------------------------------------------------------

// "MELD lacks whisper-large-v2-UTT (audio, from Top2 on), ...": why places of Table 10 are empty.
static void add_lacking(const making *m, int32_t most, const mb_corpus *corpus, cJSON *notes) {
    char text[4096];
    size_t length = 0;
    for (int32_t rank = 1; rank <= most; rank++)
        for (int32_t i = 0; i < MB_MODALITY_COUNT; i++) {
            const mb_paper_feature *feature = mb_paper_feature_ranked(m->features, i, rank);
            if (feature == NULL || ranked_in(m, corpus, i, rank) != NULL || length >= sizeof text)
                continue;
            length += (size_t)snprintf(
                text + length, sizeof text - length, "%s%s %s (%s, from Top%d on)",
                length == 0 ? corpus->rules->name : "", length == 0 ? " lacks" : ",", feature->utt,
                mb_modality_names[i], (int)rank);
        }
    if (length > 0)
        cJSON_AddItemToArray(notes, cJSON_CreateString(text));
}

static void add_notes(making *m) {
    static const char first[] =
        "Top1 is the model attention with the high set: its trials are those of Table 9";
    int32_t most = 0;
    for (int32_t r = 0; r < m->published->row_count; r++)
        most = top_of(&m->published->rows[r]) > most ? top_of(&m->published->rows[r]) : most;
    if (most == 0)
        return;
    cJSON_AddItemToArray(m->notes, cJSON_CreateString(first));
    for (int32_t c = 0; c < m->request->corpus_count; c++)
        if (shows(m->published, m->request->corpora[c].corpus->rules->name))
            add_lacking(m, most, m->request->corpora[c].corpus, m->notes);
}

// ---- both -------------------------------------------------------------------------------------

// The cells of a table whose corpora and features are all there.
static int32_t count_places(const mb_published *published) {
    int32_t corpora = 0, transfers = 0;
    for (int32_t c = 0; c < published->column_count; c++) {
        const char *dataset = published->columns[c].corpus;
        bool known = dataset == NULL;
        for (int32_t d = 0; d < c && !known; d++)
            known = published->columns[d].corpus != NULL &&
                    strcmp(published->columns[d].corpus, dataset) == 0;
        corpora += !known;
    }
    for (int32_t r = 0; r < published->row_count; r++)
        transfers += key(&published->rows[r], "source") != NULL;
    return transfers + (published->row_count - transfers) * corpora;
}

mb_status mb_paper_plan_make(const mb_paper_request *request, const mb_published *published,
                             const mb_paper_features *features, mb_paper_plan *plan,
                             mb_error *error) {
    *plan = (mb_paper_plan){.cells = 0};
    const char *why;
    if (!mb_paper_can(request->table, &why))
        return mb_fail(error, MB_UNSUPPORTED, "Table %d: %s, which is not supported yet",
                       (int)request->table, why);
    making m = {.request = request,
                .published = published,
                .features = features,
                .made = plan,
                .notes = cJSON_CreateArray()};
    plan->places = count_places(published);
    make_plan(&m);
    for (int32_t r = 0; r < published->row_count; r++)
        for (int32_t c = 0; c < request->corpus_count; c++)
            if (shows(published, request->corpora[c].corpus->rules->name))
                add_cell(&m, &published->rows[r], &request->corpora[c]);
    make_layout(&m);
    add_notes(&m);
    if (cJSON_GetArraySize(m.notes) == 0)
        cJSON_Delete(m.notes);
    else
        cJSON_AddItemToObject(plan->layout, "notes", m.notes);
    return MB_OK;
}

void mb_paper_plan_free(mb_paper_plan *plan) {
    cJSON_Delete(plan->plan);
    cJSON_Delete(plan->layout);
    *plan = (mb_paper_plan){.cells = 0};
}
