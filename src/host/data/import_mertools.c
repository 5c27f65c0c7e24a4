#include "data/import_mertools.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/suggest.h"
#include "data/h5.h"
#include "data/mertools_features.h"
#include "data/mertools_files.h"

// ---- modalities -------------------------------------------------------------------------------

// Whether a component of the name starts with the word, without regard to case. Components are
// separated by characters other than letters and digits.
static bool has_word(const char *name, const char *word) {
    for (const char *at = name; *at != '\0'; at++)
        if ((at == name || !isalnum((unsigned char)at[-1])) &&
            strncasecmp(at, word, strlen(word)) == 0)
            return true;
    return false;
}

// Words in names of features that tell their modality.
static const struct {
    int32_t modality;
    const char *words[48];
} known_words[] = {
    {MB_AUDIO, {"audio", "acoustic", "prosody"}},
    {MB_VIDEO, {"video", "visual", "face"}},
    {MB_TEXT, {"text", "transcript"}},
    {MB_AUDIO,
     {"wav2vec", "hubert", "chinese-hubert", "wavlm", "data2vec", "whisper", "vggish", "opensmile",
      "egemaps", "is09", "is10", "is13", "compare", "mel", "mfcc", "emotion2vec", "covarep",
      "distilhubert"}},
    {MB_VIDEO,
     {"clip", "resnet", "senet", "manet", "videomae", "dinov2", "emonet", "eva", "eva02", "vit",
      "ferplus", "msceleb", "affectnet", "imagenet", "densenet", "i3d", "openface", "facet"}},
    {MB_TEXT,
     {"bert",
      "roberta",
      "chinese-roberta",
      "deberta",
      "chinese-deberta",
      "albert",
      "macbert",
      "chinese-macbert",
      "lert",
      "chinese-lert",
      "pert",
      "chinese-pert",
      "electra",
      "chinese-electra",
      "xlnet",
      "chinese-xlnet",
      "gpt",
      "gpt2",
      "llama",
      "llama2",
      "alpaca",
      "baichuan",
      "baichuan2",
      "chatglm",
      "chatglm2",
      "falcon",
      "vicuna",
      "bloom",
      "stablelm",
      "moss",
      "opt",
      "qwen",
      "simcse",
      "sentence",
      "wenzhong",
      "lsa",
      "tfidf",
      "charhash",
      "wordvec",
      "glove",
      "word2vec",
      "fasttext"}},
};

int32_t mb_guess_modality(const char *feature_name) {
    for (size_t i = 0; i < sizeof known_words / sizeof *known_words; i++)
        for (int w = 0; known_words[i].words[w] != NULL; w++)
            if (has_word(feature_name, known_words[i].words[w]))
                return known_words[i].modality;
    return -1;
}

static bool contains(const mb_names *names, const char *name) {
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

static int32_t modality_of(const mb_import_options *options, const char *name) {
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
        if (contains(&options->modality[m], name))
            return m;
    return mb_guess_modality(name);
}

// ---- which features ---------------------------------------------------------------------------

static mb_status join_path(char path[PATH_MAX], const char *folder, const char *name,
                           mb_error *error) {
    int length = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    if (length < 0 || length >= PATH_MAX)
        return mb_fail(error, MB_BAD_INPUT, "%s/%s: the path is too long", folder, name);
    return MB_OK;
}

// Lists the subfolders of the feature folder; other entries are ignored.
static mb_status list_features(const char *folder, char ***names, int *count, mb_error *error) {
    char path[PATH_MAX];
    mb_status status = mb_list_folder(folder, names, count, error);
    int kept = 0;
    for (int i = 0; i < *count && status == MB_OK; i++) {
        struct stat info;
        char *name = (*names)[i];
        (*names)[i] = NULL;
        status = join_path(path, folder, name, error);
        bool found = status == MB_OK && stat(path, &info) == 0;
        if (status == MB_OK && !found && errno != ENOENT) // ENOENT: a link to nothing
            status = mb_fail_errno(error, errno, "%s: cannot open the folder", path);
        if (found && S_ISDIR(info.st_mode))
            (*names)[kept++] = name;
        else
            free(name);
    }
    if (status == MB_OK)
        *count = kept;
    if (status == MB_OK && kept == 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: there are no feature folders", folder);
    return status;
}

static mb_status check_known(const mb_names *asked, const char *option, char **there, int count,
                             const char *folder, mb_error *error) {
    mb_names known = {there, count};
    for (int i = 0; i < asked->count; i++)
        if (!contains(&known, asked->items[i])) {
            mb_status status = mb_fail_unknown(error, MB_BAD_INPUT,
                                               &(mb_unknown){.what = "feature folder",
                                                             .name = asked->items[i],
                                                             .known = (const char *const *)there,
                                                             .count = count});
            return mb_fail_in(error, status, "%s: %s: ", folder, option);
        }
    return MB_OK;
}

static mb_status check_asked(const mb_import_options *options, char **there, int count,
                             const char *folder, mb_error *error) {
    static const char *const option[MB_MODALITY_COUNT] = {"--audio", "--text", "--video"};
    mb_status status = check_known(&options->features, "--features", there, count, folder, error);
    for (int m = 0; m < MB_MODALITY_COUNT && status == MB_OK; m++) {
        status = check_known(&options->modality[m], option[m], there, count, folder, error);
        for (int i = 0; i < options->modality[m].count && status == MB_OK; i++)
            for (int other = 0; other < m; other++)
                if (contains(&options->modality[other], options->modality[m].items[i]))
                    status = mb_fail(error, MB_BAD_INPUT, "feature '%s' is given to %s and to %s",
                                     options->modality[m].items[i], option[other], option[m]);
    }
    return status;
}

// ---- the whole folder -------------------------------------------------------------------------

static mb_status find_labels(const mb_import_options *options, char path[PATH_MAX],
                             mb_error *error) {
    const char *given = options->labels;
    if (given != NULL && (strchr(given, '/') != NULL || access(given, F_OK) == 0)) {
        int length = snprintf(path, PATH_MAX, "%s", given);
        return length < PATH_MAX ? MB_OK
                                 : mb_fail(error, MB_BAD_INPUT, "%s: the path is too long", given);
    }
    const char *name = given != NULL ? given : mb_mertools_label_file(options->rules);
    mb_status status = join_path(path, options->folder, name, error);
    if (status == MB_OK && access(path, F_OK) != 0)
        status = mb_fail_errno(error, errno, "%s: cannot open the labels of %s%s", path,
                               options->rules->name,
                               given == NULL ? " (--labels names another file)" : "");
    return status;
}

static mb_status add_source(mb_import *import, const char *file, mb_error *error) {
    mb_source *source = &import->sources[import->source_count];
    source->file = strdup(file);
    if (source->file == NULL)
        return mb_out_of_memory(error, file);
    import->source_count++;
    return MB_OK;
}

static mb_status read_labels(mb_import *import, mb_error *error) {
    char path[PATH_MAX], digest[33] = "";
    mb_status status = find_labels(import->options, path, error);
    if (status == MB_OK)
        status = mb_mertools_labels(path, &import->corpus, &import->ignored, digest, error);
    const char *file = strrchr(path, '/');
    if (status == MB_OK)
        status = add_source(import, file != NULL ? file + 1 : path, error);
    if (status == MB_OK)
        memcpy(import->sources[0].digest, digest, sizeof digest);
    return status;
}

static mb_status add_features(mb_import *import, char **names, int count, mb_error *error) {
    const mb_names *asked = &import->options->features;
    mb_corpus *corpus = &import->corpus;
    corpus->features = calloc((size_t)count + 1, sizeof *corpus->features);
    if (corpus->features == NULL)
        return mb_out_of_memory(error, "features");
    mb_status status = MB_OK;
    for (int i = 0; i < count && status == MB_OK; i++) {
        if (asked->count > 0 && !contains(asked, names[i]))
            continue;
        char file[NAME_MAX + 16];
        mb_feature *feature = &corpus->features[corpus->feature_count++];
        feature->modality = modality_of(import->options, names[i]);
        feature->name = strdup(names[i]);
        snprintf(file, sizeof file, "features/%s", names[i]);
        status = feature->name != NULL ? add_source(import, file, error)
                                       : mb_out_of_memory(error, names[i]);
    }
    return status;
}

mb_status mb_import_open(const mb_import_options *options, mb_import *import, mb_error *error) {
    *import = (mb_import){.options = options, .corpus.rules = options->rules};
    import->corpus.source = strdup(options->folder);
    char folder[PATH_MAX], **names = NULL;
    int count = 0;
    if (import->corpus.source == NULL)
        return mb_out_of_memory(error, options->folder);
    mb_status status = join_path(folder, options->folder, "features", error);
    if (status == MB_OK)
        status = list_features(folder, &names, &count, error);
    if (status == MB_OK)
        status = check_asked(options, names, count, folder, error);
    import->sources = calloc((size_t)count + 1, sizeof *import->sources);
    if (status == MB_OK && import->sources == NULL)
        status = mb_out_of_memory(error, "sources");
    if (status == MB_OK)
        status = read_labels(import, error);
    if (status == MB_OK)
        status = add_features(import, names, count, error);
    mb_h5_free_names(names, count);
    return status;
}

mb_status mb_import_feature(mb_import *import, int32_t feature, mb_interrupt *interrupt,
                            mb_error *error) {
    const mb_import_options *options = import->options;
    mb_source *source = &import->sources[feature + 1];
    mb_feature_reading reading = {.threads = options->threads,
                                  .allow_nonfinite = options->allow_nonfinite,
                                  .quiet = options->quiet,
                                  .interrupt = interrupt};
    char path[PATH_MAX];
    mb_status status = join_path(path, options->folder, source->file, error);
    if (status == MB_OK)
        status = mb_mertools_feature(&import->corpus, path, &reading,
                                     &import->corpus.features[feature], source->digest, error);
    return status;
}

static void drop_values(mb_feature *feature) {
    free(feature->offsets);
    free(feature->values);
    feature->offsets = NULL;
    feature->values = NULL;
}

static mb_status load_next(void *context, int32_t feature, mb_interrupt *interrupt,
                           mb_error *error) {
    mb_import *import = context;
    if (feature > 0)
        drop_values(&import->corpus.features[feature - 1]);
    return mb_import_feature(import, feature, interrupt, error);
}

mb_status mb_import_write(mb_import *import, const char *path, bool replace, mb_error *error) {
    mb_feature_loader loader = {load_next, import};
    return mb_corpus_write_from(&import->corpus, import->sources, import->source_count, &loader,
                                path, replace, error);
}

void mb_import_close(mb_import *import) {
    for (int32_t i = 0; i < import->source_count; i++)
        free(import->sources[i].file);
    free(import->sources);
    mb_corpus_close(&import->corpus);
    *import = (mb_import){0};
}
