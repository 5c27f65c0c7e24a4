#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/plural.h"
#include "sweep/replay.h"
#include "sweep/targets.h"

// What is looked for.
typedef struct wanted {
    const mb_trial *trial;
    const char *target; // the name of a target's part; NULL: the corpus of the trial
} wanted;

static mb_status match_target(const wanted *what, const mb_corpus *corpus, mb_error *why) {
    const char *features[MB_MAX_STREAMS];
    int32_t count = mb_input_count(&what->trial->order);
    char name[MB_PART_NAME];
    bool all = true;
    for (int32_t m = 0; m < count; m++) {
        features[m] = what->trial->features[m].name;
        all = all && (features[m] == NULL || mb_corpus_feature(corpus, features[m]) != NULL);
    }
    if (all)
        mb_target_name(corpus, features, count, name);
    return all && strcmp(name, what->target) == 0
               ? MB_OK
               : mb_fail(why, MB_BAD_INPUT, "%s: not the target %s", corpus->path, what->target);
}

static mb_status try_corpus(const wanted *what, const char *path, bool *match, mb_error *why) {
    mb_corpus corpus = {0};
    mb_status status = mb_corpus_open(path, &corpus, why);
    if (status == MB_OK)
        status = what->target != NULL ? match_target(what, &corpus, why)
                                      : mb_trial_match(what->trial, &corpus, why);
    *match = status == MB_OK;
    mb_corpus_close(&corpus);
    return status;
}

static int is_corpus_file(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 3 && strcmp(entry->d_name + length - 3, ".h5") == 0;
}

// Finds the first *.h5 of the folder, by name, that is the wanted corpus.
static mb_status search_folder(const wanted *what, const char *folder, char **path, int *looked,
                               mb_error *error) {
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_corpus_file, alphasort);
    if (count < 0)
        return mb_fail_errno(error, errno, "%s: cannot read", folder);
    mb_status status = MB_OK;
    for (int i = 0; i < count; i++) {
        char *candidate = NULL;
        bool match = false;
        if (status == MB_OK && *path == NULL) {
            if (asprintf(&candidate, "%s/%s", folder, entries[i]->d_name) < 0) {
                candidate = NULL;
                status = mb_out_of_memory(error, "the name of a file");
            } else {
                ++*looked;
                mb_error why;
                if (try_corpus(what, candidate, &match, &why) == MB_FAILED) {
                    status = MB_FAILED; // another file is no answer if this one cannot be read
                    if (error != NULL)
                        *error = why;
                }
            }
        }
        if (match)
            *path = candidate;
        else
            free(candidate);
        free(entries[i]);
    }
    free(entries);
    return status;
}

// *path NULL: it is in none of the folders. A file that is named must be the corpus of the trial,
// if that is looked for.
static mb_status search(const wanted *what, const char *const *paths, int path_count, char **path,
                        int *looked, mb_error *error) {
    *path = NULL;
    *looked = 0;
    for (int i = 0; i < path_count && *path == NULL; i++) {
        struct stat info;
        bool match = false;
        mb_status status = MB_OK;
        if (stat(paths[i], &info) != 0)
            return mb_fail_errno(error, errno, "%s: cannot open", paths[i]);
        if (S_ISDIR(info.st_mode))
            status = search_folder(what, paths[i], path, looked, error);
        else
            status = try_corpus(what, paths[i], &match, error);
        if (status == MB_BAD_INPUT && what->target != NULL)
            status = MB_OK;
        if (status != MB_OK)
            return status;
        if (match && (*path = strdup(paths[i])) == NULL)
            return mb_out_of_memory(error, "the name of a file");
    }
    return MB_OK;
}

mb_status mb_replay_find_target(const mb_trial *trial, const char *target, const char *const *paths,
                                int path_count, char **path, mb_error *error) {
    int looked;
    return search(&(wanted){trial, target}, paths, path_count, path, &looked, error);
}

mb_status mb_replay_find_corpus(const mb_trial *trial, const char *const *paths, int path_count,
                                char **path, mb_error *error) {
    int looked;
    mb_status status = search(&(wanted){trial, NULL}, paths, path_count, path, &looked, error);
    if (status == MB_OK && *path == NULL)
        return mb_fail(
            error, MB_BAD_INPUT,
            "the corpus of the trial is not in %s (%d %s *.h5): %s with the digest %s and "
            "the same features; --data gives other folders",
            path_count == 1 ? paths[0] : "the folders", looked, mb_plural(looked, "file", "files"),
            trial->dataset, trial->corpus_digest);
    return status;
}
