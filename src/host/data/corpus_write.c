#include "data/corpus_write.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/output.h"
#include "data/corpus_file.h"
#include "data/corpus_sources.h"
#include "data/h5_object.h"
#include "data/seal.h"

// ---- helpers for HDF5; each returns whether it succeeded --------------------------------------

// Contiguous storage without time stamps, so that equal corpora result in equal files.
static hid_t creation_properties(void) {
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    if (properties >= 0)
        H5Pset_obj_track_times(properties, 0);
    return properties;
}

static bool write_numbers(hid_t where, const char *name, hid_t stored, hid_t memory, int rank,
                          const hsize_t *dims, const void *values) {
    hid_t space = H5Screate_simple(rank, dims, NULL), creation = creation_properties();
    hid_t dataset = H5Dcreate2(where, name, stored, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    hsize_t elements = 1;
    for (int i = 0; i < rank; i++)
        elements *= dims[i];
    bool done = dataset >= 0 && (elements == 0 || H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL,
                                                           H5P_DEFAULT, values) >= 0);
    if (dataset >= 0)
        done = H5Dclose(dataset) >= 0 && done;
    H5Pclose(creation);
    H5Sclose(space);
    return done;
}

static hid_t text_type(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static bool write_texts(hid_t where, const char *name, char *const *texts, int32_t count) {
    hsize_t dims[1] = {(hsize_t)count};
    hid_t type = text_type();
    bool done = write_numbers(where, name, type, type, 1, dims, texts);
    H5Tclose(type);
    return done;
}

static bool write_attribute(hid_t object, const char *name, hid_t type, hid_t memory,
                            const void *value) {
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool done = attribute >= 0 && H5Awrite(attribute, memory, value) >= 0;
    if (attribute >= 0)
        done = H5Aclose(attribute) >= 0 && done;
    H5Sclose(space);
    return done;
}

static bool write_text_attribute(hid_t object, const char *name, const char *text) {
    hid_t type = text_type();
    bool done = write_attribute(object, name, type, type, &text);
    H5Tclose(type);
    return done;
}

static bool write_number_attribute(hid_t object, const char *name, int32_t number) {
    return write_attribute(object, name, H5T_STD_I32LE, H5T_NATIVE_INT32, &number);
}

static hid_t create_group(hid_t where, const char *name) {
    return H5Gcreate2(where, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
}

// ---- sections of a corpus ---------------------------------------------------------------------

static bool write_root(hid_t file, const mb_corpus *corpus, const char *digest) {
    return write_text_attribute(file, "format", "merbench-corpus") &&
           write_number_attribute(file, "format_version", MB_CORPUS_FORMAT) &&
           write_text_attribute(file, "dataset", corpus->rules->name) &&
           write_text_attribute(file, "tool_version", MERBENCH_VERSION) &&
           write_text_attribute(file, "source", corpus->source != NULL ? corpus->source : "") &&
           write_text_attribute(file, "digest", digest);
}

static bool write_utterances(hid_t file, const mb_corpus *corpus) {
    int32_t count = corpus->utterance_count;
    hsize_t dims[1] = {(hsize_t)count};
    hid_t group = create_group(file, "utterances");
    float *valences = malloc(((size_t)count + 1) * sizeof *valences);
    bool done = group >= 0 && valences != NULL;
    for (int32_t i = 0; done && i < count; i++) // one bit pattern for all missing valences
        valences[i] = isnan(corpus->valences[i]) ? NAN : corpus->valences[i];
    done = done && write_texts(group, "name", corpus->names, count) &&
           write_numbers(group, "emotion", H5T_STD_I32LE, H5T_NATIVE_INT32, 1, dims,
                         corpus->emotions) &&
           write_numbers(group, "valence", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, dims, valences) &&
           (corpus->transcripts == NULL ||
            write_texts(group, "transcript", corpus->transcripts, count));
    free(valences);
    return group >= 0 && H5Gclose(group) >= 0 && done;
}

static bool write_splits(hid_t file, const mb_corpus *corpus) {
    hid_t group = create_group(file, "splits");
    bool done = group >= 0;
    for (int32_t s = 0; done && s < corpus->split_count; s++) {
        const mb_split *split = &corpus->splits[s];
        hsize_t dims[1] = {(hsize_t)split->count};
        done = write_numbers(group, split->name, H5T_STD_I32LE, H5T_NATIVE_INT32, 1, dims,
                             split->rows);
    }
    return group >= 0 && H5Gclose(group) >= 0 && done;
}

// Writes rows of a dataset, some at a time, since a disk may be slow.
static bool write_rows(hid_t dataset, hid_t space, const hsize_t dims[2], const float *values,
                       mb_interrupt *interrupt) {
    const hsize_t piece = ((hsize_t)16 << 20) / (dims[1] * sizeof *values) + 1;
    bool done = true;
    for (hsize_t first = 0; first < dims[0] && done; first += piece) {
        hsize_t start[2] = {first, 0};
        hsize_t part[2] = {dims[0] - first < piece ? dims[0] - first : piece, dims[1]};
        hid_t memory = H5Screate_simple(2, part, NULL);
        done = !mb_interrupt_came(interrupt) && memory >= 0 &&
               H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, part, NULL) >= 0 &&
               H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT,
                        values + first * dims[1]) >= 0;
        if (memory >= 0)
            H5Sclose(memory);
    }
    return done;
}

// `extent` receives the position of the values in the file.
static bool write_values(hid_t group, const mb_feature *feature, int64_t frames, mb_extent *extent,
                         mb_interrupt *interrupt) {
    hsize_t dims[2] = {(hsize_t)frames, (hsize_t)feature->dimension};
    hid_t space = H5Screate_simple(2, dims, NULL), creation = creation_properties();
    hid_t dataset =
        H5Dcreate2(group, "values", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    bool done = dataset >= 0 && write_rows(dataset, space, dims, feature->values, interrupt);
    if (done) {
        haddr_t start = H5Dget_offset(dataset);
        *extent = (mb_extent){(int64_t)start, (int64_t)H5Dget_storage_size(dataset)};
        done = start != HADDR_UNDEF;
    }
    if (dataset >= 0)
        done = H5Dclose(dataset) >= 0 && done;
    H5Pclose(creation);
    H5Sclose(space);
    return done;
}

static bool write_feature(hid_t group, const mb_feature *feature, int32_t utterance_count,
                          const char *digest, mb_extent *extent, mb_interrupt *interrupt) {
    hsize_t dims[1] = {(hsize_t)utterance_count + 1};
    hid_t own = create_group(group, feature->name);
    bool done =
        own >= 0 && write_number_attribute(own, "modality", feature->modality) &&
        write_number_attribute(own, "level", feature->level) &&
        write_number_attribute(own, "dimension", feature->dimension) &&
        write_text_attribute(own, "digest", digest) &&
        write_numbers(own, "offsets", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, dims, feature->offsets) &&
        write_values(own, feature, feature->offsets[utterance_count], extent, interrupt);
    return own >= 0 && H5Gclose(own) >= 0 && done;
}

static bool write_provenance(hid_t file, const mb_source *sources, int32_t count) {
    char **texts = calloc(2 * (size_t)count + 1, sizeof *texts);
    hid_t group = create_group(file, "provenance");
    bool done = group >= 0 && texts != NULL;
    for (int32_t i = 0; done && i < count; i++) {
        texts[i] = sources[i].file;
        texts[count + i] = (char *)sources[i].digest;
    }
    done = done && write_texts(group, "file", texts, count) &&
           write_texts(group, "digest", texts + count, count);
    free(texts);
    return group >= 0 && H5Gclose(group) >= 0 && done;
}

static int compare_extents(const void *a, const void *b) {
    const mb_extent *left = a, *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

// ---- the whole file ---------------------------------------------------------------------------

// A corpus in the making.
typedef struct writing {
    const mb_corpus *corpus;
    const mb_source *sources;
    int32_t source_count;
    const mb_feature_loader *loader; // NULL: all features are loaded
    const char *path;
    bool replace;        // an older file
    mb_extent *extents;  // (features)
    mb_source *standing; // (sources) as they are written: see corpus_sources.h
    int cause;           // errno of the first failure of HDF5, or 0
    mb_interrupt interrupt;
} writing;

static herr_t note_cause(hid_t stack, void *data) {
    (void)stack;
    int *cause = data;
    *cause = *cause != 0 ? *cause : mb_h5_errno();
    return 0;
}

static mb_status failed(writing *w, mb_error *error) {
    if (w->interrupt.signal != 0)
        return mb_fail(error, MB_FAILED, "interrupted (%s) while the corpus was written",
                       strsignal(w->interrupt.signal));
    return mb_fail(error, MB_FAILED, "%s: cannot write the corpus: %s", w->path,
                   w->cause != 0 ? strerror(w->cause) : "HDF5 failed");
}

static mb_status add_feature(writing *w, hid_t group, int32_t index, mb_error *error) {
    const mb_corpus *corpus = w->corpus;
    const mb_feature *feature = &corpus->features[index];
    char digest[33];
    mb_status status = MB_OK;
    if (w->loader != NULL) {
        status = w->loader->load(w->loader->context, index, &w->interrupt, error);
        if (status == MB_OK)
            status = mb_feature_check(corpus, index, w->path, error);
    }
    if (mb_interrupt_came(&w->interrupt))
        return failed(w, error);
    if (status == MB_OK)
        status = mb_feature_digest(feature, corpus->utterance_count, digest, error);
    if (status == MB_OK && !write_feature(group, feature, corpus->utterance_count, digest,
                                          &w->extents[index], &w->interrupt))
        status = failed(w, error);
    return status;
}

static mb_status write_content(writing *w, hid_t file, const char *digest, mb_error *error) {
    bool done = write_root(file, w->corpus, digest) && write_utterances(file, w->corpus) &&
                write_splits(file, w->corpus) &&
                write_provenance(file, w->standing, w->source_count);
    hid_t group = done ? create_group(file, "features") : -1;
    if (group < 0)
        return failed(w, error);
    mb_status status = MB_OK;
    for (int32_t f = 0; f < w->corpus->feature_count && status == MB_OK; f++)
        status = add_feature(w, group, f, error);
    if (H5Gclose(group) < 0 && status == MB_OK)
        status = failed(w, error);
    return status;
}

static mb_status write_file(writing *w, const mb_output *output, mb_error *error) {
    char digest[33];
    mb_status status = mb_corpus_digest(w->corpus, digest, error);
    if (status != MB_OK)
        return status;
    hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_userblock(creation, (hsize_t)mb_seal_block_size(w->corpus->feature_count));
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_file_locking(access, 0, 1);
    H5Eset_auto2(H5E_DEFAULT, note_cause, &w->cause);
    hid_t file = H5Fcreate(output->temporary, H5F_ACC_TRUNC, creation, access);
    H5Pclose(access);
    H5Pclose(creation);
    status = file >= 0 ? write_content(w, file, digest, error) : failed(w, error);
    if (file >= 0 && H5Fclose(file) < 0 && status == MB_OK)
        status = failed(w, error);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (status != MB_OK)
        return status;
    int32_t count = w->corpus->feature_count;
    qsort(w->extents, (size_t)count, sizeof *w->extents, compare_extents);
    status =
        mb_sources_complete(output->descriptor, w->path, w->standing, w->sources, w->source_count,
                            mb_seal_block_size(count), w->extents, count, error);
    if (status == MB_OK)
        status = mb_seal_write(output->descriptor, output->path, w->extents, count, error);
    return status;
}

static mb_status write_checked(writing *w, mb_error *error) {
    mb_output output;
    w->extents = calloc((size_t)w->corpus->feature_count + 1, sizeof *w->extents);
    w->standing = calloc((size_t)w->source_count + 1, sizeof *w->standing);
    if (w->extents == NULL || w->standing == NULL)
        return mb_out_of_memory(error, "writing a corpus");
    mb_status status = mb_sources_stand_in(w->sources, w->source_count, w->standing, error);
    if (status != MB_OK)
        return status;
    mb_interrupt_begin(&w->interrupt); // polled between features, since writing them may take long
    status = mb_output_begin(&output, w->path, w->replace, error);
    if (status == MB_OK)
        status = write_file(w, &output, error);
    if (status == MB_OK)
        status = mb_output_finish(&output, error);
    mb_output_abandon(&output);
    mb_interrupt_end(&w->interrupt);
    return status;
}

mb_status mb_corpus_write_from(const mb_corpus *corpus, const mb_source *sources,
                               int32_t source_count, const mb_feature_loader *loader,
                               const char *path, bool replace, mb_error *error) {
    mb_corpus known = *corpus;
    if (loader != NULL)
        known.feature_count = 0; // checked when they are loaded
    mb_status status = mb_corpus_check(&known, path, error);
    if (status == MB_OK)
        status = mb_h5_start(path, error);
    if (status != MB_OK)
        return status;
    writing w = {.corpus = corpus,
                 .sources = sources,
                 .source_count = source_count,
                 .loader = loader,
                 .path = path,
                 .replace = replace};
    status = write_checked(&w, error);
    free(w.extents);
    free(w.standing);
    return status;
}

mb_status mb_corpus_write(const mb_corpus *corpus, const mb_source *sources, int32_t source_count,
                          const char *path, bool replace, mb_error *error) {
    return mb_corpus_write_from(corpus, sources, source_count, NULL, path, replace, error);
}
