#include "paper/synth_paper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/output.h"
#include "data/corpus_write.h"
#include "data/synth.h"
#include "paper/synth_list.h"
#include "paper/synth_values.h"

// The corpora. `whole` has the utterances of another one among its own: IEMOCAP with six classes
// has those with four, CH-SIMS v2 those of CH-SIMS.
static const struct {
    const char *dataset, *whole;
    int32_t category_of[6]; // of each category of `whole`; -1 = none
} corpora[] = {
    {"MER2023", NULL, {0}},
    {"IEMOCAPFour", "IEMOCAPSix", {0, 1, 2, 3, 0, -1}}, // excited is happy
    {"IEMOCAPSix", NULL, {0}},
    {"MELD", NULL, {0}},
    {"CMUMOSI", NULL, {0}},
    {"CMUMOSEI", NULL, {0}},
    {"SIMS", "SIMSv2", {0, 1, 2, -1, -1, -1}},
    {"SIMSv2", NULL, {0}},
};
enum { CORPUS_COUNT = sizeof corpora / sizeof *corpora };

void mb_synth_paper_defaults(mb_synth_paper_options *options) {
    *options = (mb_synth_paper_options){.seed = 1, .scale = 0.08, .dims_scale = 1.0 / 32};
}

// ---- one corpus -------------------------------------------------------------------------------

typedef struct making {
    const mb_synth_paper_options *options;
    mb_paper_features features;
    mb_synth_paper_list list;
    mb_corpus corpus;
    mb_synth_paper_utterances utterances;
} making;

static mb_status make_utterances(making *m, int index, mb_error *error) {
    const bool part = corpora[index].whole != NULL;
    const char *dataset = corpora[index].dataset;
    mb_synth_options options = {.rules = mb_dataset_find(part ? corpora[index].whole : dataset),
                                .seed = m->options->seed,
                                .scale = m->options->scale,
                                .least = MB_SYNTH_PAPER_LEAST};
    mb_corpus whole;
    int32_t *rows = NULL;
    mb_status status = mb_synth_utterances(&options, part ? &whole : &m->corpus, error);
    options.rules = mb_dataset_find(dataset);
    if (status == MB_OK && part)
        status =
            mb_synth_subset(&options, &whole, corpora[index].category_of, &m->corpus, &rows, error);
    if (status == MB_OK)
        status = mb_synth_paper_utterances_make(part ? &whole : &m->corpus, rows,
                                                m->corpus.utterance_count, options.seed,
                                                &m->utterances, error);
    free(rows);
    if (part)
        mb_corpus_close(&whole);
    return status;
}

static mb_status describe(making *m, mb_error *error) {
    const mb_synth_paper_options *options = m->options;
    mb_corpus *corpus = &m->corpus;
    corpus->tool_version = strdup(MERBENCH_VERSION);
    corpus->features = calloc((size_t)m->list.count, sizeof *corpus->features);
    if (asprintf(&corpus->source,
                 MB_SYNTH_SOURCE "like paper, %s, seed %u, scale %.9g, dims scale %.9g",
                 corpus->rules->name, options->seed, options->scale, options->dims_scale) < 0)
        corpus->source = NULL;
    if (corpus->source == NULL || corpus->tool_version == NULL || corpus->features == NULL)
        return mb_out_of_memory(error, "description of a corpus");
    for (int32_t f = 0; f < m->list.count; f++) {
        const mb_synth_paper_feature *form = &m->list.list[f];
        corpus->features[f] = (mb_feature){.name = strdup(form->name),
                                           .modality = form->feature->modality,
                                           .level = form->level,
                                           .dimension = form->dimension};
        corpus->feature_count++;
        if (corpus->features[f].name == NULL)
            return mb_out_of_memory(error, "names of features");
    }
    return MB_OK;
}

static void drop_values(mb_feature *feature) {
    free(feature->offsets);
    free(feature->values);
    feature->offsets = NULL;
    feature->values = NULL;
}

// One feature at a time is in memory.
static mb_status load_next(void *context, int32_t feature, mb_interrupt *interrupt,
                           mb_error *error) {
    making *m = context;
    if (feature > 0)
        drop_values(&m->corpus.features[feature - 1]);
    return mb_synth_paper_fill(&m->utterances, &m->list.list[feature], &m->corpus.features[feature],
                               interrupt, error);
}

static mb_status write_corpus(making *m, int index, const char *path, mb_error *error) {
    const mb_feature_loader loader = {load_next, m};
    mb_status status = make_utterances(m, index, error);
    if (status == MB_OK)
        status = describe(m, error);
    if (status == MB_OK)
        status =
            mb_corpus_write_from(&m->corpus, NULL, 0, &loader, path, m->options->replace, error);
    if (status == MB_OK && m->options->written != NULL)
        m->options->written(path, &m->corpus);
    mb_synth_paper_utterances_free(&m->utterances);
    mb_corpus_close(&m->corpus);
    return status;
}

static mb_status begin(making *m, const mb_synth_paper_options *options, mb_error *error) {
    *m = (making){.options = options};
    // Written so that NaN is refused.
    if (!(options->dims_scale > 0 && options->dims_scale <= 1))
        return mb_fail(error, MB_BAD_INPUT,
                       "dims scale: expected more than 0 and at most 1, "
                       "found %g",
                       options->dims_scale);
    mb_status status = mb_paper_features_load(&m->features, error);
    if (status == MB_OK)
        status = mb_synth_paper_list_make(&m->features, options->dims_scale, &m->list, error);
    return status;
}

static void end(making *m) {
    mb_synth_paper_list_free(&m->list);
    mb_paper_features_free(&m->features);
}

mb_status mb_synth_paper_write(const mb_synth_paper_options *options, const char *dataset,
                               const char *path, mb_error *error) {
    making m;
    mb_status status = begin(&m, options, error);
    int index = 0;
    while (index < CORPUS_COUNT && strcmp(corpora[index].dataset, dataset) != 0)
        index++;
    if (status == MB_OK && index == CORPUS_COUNT)
        status = mb_fail(error, MB_UNSUPPORTED, "the paper has no corpus %s", dataset);
    if (status == MB_OK)
        status = write_corpus(&m, index, path, error);
    end(&m);
    return status;
}

// ---- all of them ------------------------------------------------------------------------------

// The files of the folder: the corpora, then the strengths.
enum { FILE_COUNT = CORPUS_COUNT + 1 };

typedef struct files {
    const char *folder;
    bool new_folder;
    char *paths[FILE_COUNT];
    bool new_file[FILE_COUNT]; // there was none
    int written;               // files that are there now
} files;

static mb_status name_files(files *f, const char *folder, mb_error *error) {
    *f = (files){.folder = folder};
    for (int i = 0; i < FILE_COUNT; i++) {
        bool corpus = i < CORPUS_COUNT;
        if (asprintf(&f->paths[i], "%s/%s%s", folder, corpus ? corpora[i].dataset : "strengths",
                     corpus ? ".h5" : ".csv") < 0) {
            f->paths[i] = NULL;
            return mb_out_of_memory(error, folder);
        }
    }
    return MB_OK;
}

// Creates the folder if it is not there, and checks that all files can be written.
static mb_status check_files(files *f, bool replace, mb_error *error) {
    f->new_folder = mkdir(f->folder, 0777) == 0;
    if (!f->new_folder && errno != EEXIST)
        return mb_fail_errno(error, errno, "%s: cannot create the folder", f->folder);
    struct stat found;
    if (stat(f->folder, &found) != 0)
        return mb_fail_errno(error, errno, "%s", f->folder);
    if (!S_ISDIR(found.st_mode))
        return mb_fail(error, MB_BAD_INPUT, "%s: expected a folder, found a file", f->folder);
    mb_status status = MB_OK;
    for (int i = 0; i < FILE_COUNT && status == MB_OK; i++) {
        f->new_file[i] = lstat(f->paths[i], &found) != 0;
        status = mb_output_check(f->paths[i], replace, false, error);
    }
    return status;
}

static mb_status write_files(files *f, const mb_synth_paper_options *options, making *m,
                             mb_error *error) {
    mb_status status = MB_OK;
    for (int i = 0; i < CORPUS_COUNT && status == MB_OK; i++) {
        status = write_corpus(m, i, f->paths[i], error);
        f->written += status == MB_OK;
    }
    char *text = mb_synth_paper_strengths(&m->list, &m->features);
    if (status == MB_OK && text == NULL)
        status = mb_out_of_memory(error, "strengths of features");
    if (status == MB_OK)
        status = mb_write_file(f->paths[CORPUS_COUNT], options->replace, text, strlen(text), error);
    free(text);
    return status;
}

static void remove_new_files(const files *f) {
    for (int i = 0; i < f->written; i++)
        if (f->new_file[i])
            unlink(f->paths[i]);
    if (f->new_folder)
        rmdir(f->folder);
}

mb_status mb_synth_paper_write_all(const mb_synth_paper_options *options, mb_error *error) {
    making m;
    files f = {.folder = NULL};
    mb_interrupt interrupt; // from the first file to the last, so that none stays behind
    mb_status status = begin(&m, options, error);
    if (status == MB_OK)
        status = name_files(&f, options->folder, error);
    if (status == MB_OK) {
        mb_interrupt_begin(&interrupt);
        status = check_files(&f, options->replace, error);
        if (status == MB_OK)
            status = write_files(&f, options, &m, error);
        if (status != MB_OK)
            remove_new_files(&f);
        mb_interrupt_end(&interrupt);
    }
    for (int i = 0; i < FILE_COUNT; i++)
        free(f.paths[i]);
    end(&m);
    return status;
}
