#include "data/corpus_write.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/output.h"
#include "data/corpus_file.h"
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

// If `extent` is not NULL, it receives the position of the values in the file.
static bool write_numbers(hid_t where, const char *name, hid_t stored, hid_t memory, int rank,
                          const hsize_t *dims, const void *values, mb_extent *extent) {
    hid_t space = H5Screate_simple(rank, dims, NULL), creation = creation_properties();
    hid_t dataset = H5Dcreate2(where, name, stored, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    hsize_t elements = 1;
    for (int i = 0; i < rank; i++)
        elements *= dims[i];
    bool done = dataset >= 0 && (elements == 0 || H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL,
                                                           H5P_DEFAULT, values) >= 0);
    if (done && extent != NULL) {
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

static hid_t text_type(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static bool write_texts(hid_t where, const char *name, char *const *texts, int32_t count) {
    hsize_t dims[1] = {(hsize_t)count};
    hid_t type = text_type();
    bool done = write_numbers(where, name, type, type, 1, dims, texts, NULL);
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
                         corpus->emotions, NULL) &&
           write_numbers(group, "valence", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, dims, valences,
                         NULL) &&
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
                             split->rows, NULL);
    }
    return group >= 0 && H5Gclose(group) >= 0 && done;
}

static bool write_feature(hid_t group, const mb_feature *feature, int32_t utterance_count,
                          const char *digest, mb_extent *extent) {
    hsize_t offset_dims[1] = {(hsize_t)utterance_count + 1};
    hsize_t dims[2] = {(hsize_t)feature->offsets[utterance_count], (hsize_t)feature->dimension};
    hid_t own = create_group(group, feature->name);
    bool done = own >= 0 && write_number_attribute(own, "modality", feature->modality) &&
                write_number_attribute(own, "level", feature->level) &&
                write_number_attribute(own, "dimension", feature->dimension) &&
                write_text_attribute(own, "digest", digest) &&
                write_numbers(own, "offsets", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, offset_dims,
                              feature->offsets, NULL) &&
                write_numbers(own, "values", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, dims,
                              feature->values, extent);
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

// The digests are computed and all memory is allocated before the file is created, so that only the
// disk can fail after that.
typedef struct digests {
    char corpus[33];
    char (*features)[33];
    mb_extent *extents;
} digests;

static bool write_content(hid_t file, const mb_corpus *corpus, const digests *known,
                          const mb_source *sources, int32_t source_count, mb_interrupt *interrupt) {
    bool done = write_root(file, corpus, known->corpus) && write_utterances(file, corpus) &&
                write_splits(file, corpus) && write_provenance(file, sources, source_count);
    hid_t group = done ? create_group(file, "features") : -1;
    done = group >= 0;
    for (int32_t f = 0; done && f < corpus->feature_count; f++)
        done = !mb_interrupt_came(interrupt) &&
               write_feature(group, &corpus->features[f], corpus->utterance_count,
                             known->features[f], &known->extents[f]);
    return group >= 0 && H5Gclose(group) >= 0 && done;
}

static mb_status write_file(const mb_corpus *corpus, const digests *known, const mb_source *sources,
                            int32_t source_count, const mb_output *output, mb_interrupt *interrupt,
                            mb_error *error) {
    hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_userblock(creation, (hsize_t)mb_seal_block_size(corpus->feature_count));
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_file_locking(access, 0, 1);
    errno = 0;
    hid_t file = H5Fcreate(output->temporary, H5F_ACC_TRUNC, creation, access);
    H5Pclose(access);
    H5Pclose(creation);
    bool done = file >= 0 && write_content(file, corpus, known, sources, source_count, interrupt);
    int cause = errno;
    if (file >= 0 && H5Fclose(file) < 0) {
        cause = done ? errno : cause;
        done = false;
    }
    if (!done && interrupt->signal != 0)
        return mb_fail(error, MB_FAILED, "interrupted (%s) while the corpus was written",
                       strsignal(interrupt->signal));
    if (!done)
        return mb_fail(error, MB_FAILED, "%s: cannot write the corpus: %s", output->path,
                       cause != 0 ? strerror(cause) : "HDF5 failed");
    qsort(known->extents, (size_t)corpus->feature_count, sizeof *known->extents, compare_extents);
    return mb_seal_write(output->descriptor, output->path, known->extents, corpus->feature_count,
                         error);
}

static mb_status compute_digests(const mb_corpus *corpus, digests *known, mb_error *error) {
    size_t count = (size_t)corpus->feature_count + 1;
    known->features = calloc(count, sizeof *known->features);
    known->extents = calloc(count, sizeof *known->extents);
    if (known->features == NULL || known->extents == NULL)
        return mb_out_of_memory(error, "writing a corpus");
    mb_status status = mb_corpus_digest(corpus, known->corpus, error);
    for (int32_t f = 0; f < corpus->feature_count && status == MB_OK; f++)
        status = mb_feature_digest(&corpus->features[f], corpus->utterance_count,
                                   known->features[f], error);
    return status;
}

mb_status mb_corpus_write(const mb_corpus *corpus, const mb_source *sources, int32_t source_count,
                          const char *path, bool replace, mb_error *error) {
    mb_h5_start();
    mb_status status = mb_corpus_check(corpus, path, error);
    if (status != MB_OK)
        return status;
    digests known = {0};
    status = compute_digests(corpus, &known, error);
    if (status == MB_OK) {
        mb_interrupt interrupt; // polled between features, since writing them may take long
        mb_output output;
        mb_interrupt_begin(&interrupt);
        status = mb_output_begin(&output, path, replace, error);
        if (status == MB_OK)
            status = write_file(corpus, &known, sources, source_count, &output, &interrupt, error);
        if (status == MB_OK)
            status = mb_output_finish(&output, error);
        mb_output_abandon(&output);
        mb_interrupt_end(&interrupt);
    }
    free(known.features);
    free(known.extents);
    return status;
}
