#include "cli/paper_corpora.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "data/mertools_files.h"

// ---- --only -----------------------------------------------------------------------------------

static mb_status unknown_dataset(const char *option, const char *name, mb_error *error) {
    const char *known[MB_MOST_PAPER_CORPORA];
    int32_t count = 0;
    for (const mb_dataset_rules *const *rules = mb_dataset_all();
         rules[count] != NULL && count < MB_MOST_PAPER_CORPORA; count++)
        known[count] = rules[count]->name;
    mb_status status = mb_fail_unknown(
        error, MB_USAGE,
        &(mb_unknown){
            .what = "dataset", .name = name, .known = known, .count = count, .quote = '\''});
    return mb_fail_in(error, status, "%s: ", option);
}

mb_status mb_parse_only(const char *option, char *text, void *only, mb_error *error) {
    mb_only_datasets *given = only;
    given->count = 0;
    for (char *rest = text, *item; (item = strsep(&rest, ",")) != NULL;) {
        const mb_dataset_rules *const *rules = mb_dataset_all();
        while (*rules != NULL && strcasecmp((*rules)->name, item) != 0)
            rules++;
        if (*rules == NULL)
            return unknown_dataset(option, item, error);
        for (int32_t i = 0; i < given->count; i++)
            if (given->datasets[i] == *rules)
                return mb_fail(error, MB_USAGE, "%s: %s is given twice", option, item);
        given->datasets[given->count++] = *rules;
    }
    return MB_OK;
}

static bool asked_for(const mb_only_datasets *only, const mb_dataset_rules *rules) {
    bool asked = only->count == 0;
    for (int32_t i = 0; i < only->count; i++)
        asked = asked || only->datasets[i] == rules;
    return asked;
}

// ---- a folder ---------------------------------------------------------------------------------

static bool is_corpus_name(const char *name) {
    size_t length = strlen(name);
    return length > 3 && strcmp(name + length - 3, ".h5") == 0;
}

static mb_status add_corpus(const char *folder, const char *name, const mb_only_datasets *only,
                            mb_paper_corpora *found, mb_error *error) {
    mb_corpus *corpus = &found->corpora[found->count];
    char **path = &found->paths[found->count];
    if (asprintf(path, "%s/%s", folder, name) < 0) {
        *path = NULL;
        return mb_out_of_memory(error, name);
    }
    mb_status status = mb_corpus_open(*path, corpus, error);
    if (status == MB_OK && !asked_for(only, corpus->rules)) {
        mb_corpus_close(corpus);
        free(*path);
        *path = NULL;
        return MB_OK;
    }
    for (int32_t c = 0; c < found->count && status == MB_OK; c++)
        if (found->corpora[c].rules == corpus->rules)
            status = mb_fail(error, MB_BAD_INPUT, "%s and %s are both %s; a table has one of each",
                             found->paths[c], *path, corpus->rules->name);
    found->list[found->count] = (mb_paper_corpus){*path, corpus};
    found->count++;
    return status;
}

static mb_status check_asked(const char *folder, const mb_only_datasets *only,
                             const mb_paper_corpora *found, mb_error *error) {
    if (found->count == 0 && only->count == 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected corpora (*.h5), found none", folder);
    for (int32_t i = 0; i < only->count; i++) {
        bool there = false;
        for (int32_t c = 0; c < found->count && !there; c++)
            there = found->corpora[c].rules == only->datasets[i];
        if (!there)
            return mb_fail(error, MB_BAD_INPUT, "%s: expected a corpus (*.h5) of %s, found none",
                           folder, only->datasets[i]->name);
    }
    return MB_OK;
}

mb_status mb_paper_corpora_open(const char *folder, const mb_only_datasets *only,
                                mb_paper_corpora *found, mb_error *error) {
    char **names = NULL;
    int count = 0;
    *found = (mb_paper_corpora){.count = 0};
    mb_status status = mb_list_folder(folder, &names, &count, error);
    if (status != MB_OK)
        return status;
    found->corpora = calloc((size_t)count + 1, sizeof *found->corpora);
    found->list = calloc((size_t)count + 1, sizeof *found->list);
    found->paths = calloc((size_t)count + 1, sizeof *found->paths);
    if (found->corpora == NULL || found->list == NULL || found->paths == NULL)
        status = mb_out_of_memory(error, folder);
    for (int i = 0; i < count && status == MB_OK; i++)
        if (is_corpus_name(names[i]))
            status = add_corpus(folder, names[i], only, found, error);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return status == MB_OK ? check_asked(folder, only, found, error) : status;
}

void mb_paper_corpora_free(mb_paper_corpora *found) {
    for (int32_t c = 0; c < found->count; c++) {
        mb_corpus_close(&found->corpora[c]);
        free(found->paths[c]);
    }
    free(found->corpora);
    free(found->list);
    free(found->paths);
    *found = (mb_paper_corpora){.count = 0};
}
