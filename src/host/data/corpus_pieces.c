// Reads the values of a feature without holding all of them.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/corpus_file.h"

enum { PIECE = 4 << 20 }; // bytes; more if a single utterance has more

typedef struct piece_reader {
    const mb_corpus *corpus;
    const mb_feature *feature;
    const mb_feature_user *user;
    const mb_h5_rows *rows;
    mb_hasher *hasher;
    int64_t first_bad; // index of the first value that is not finite, or -1
    float bad;
} piece_reader;

// The number of utterances, from `first` on, of the next piece.
static int32_t piece_of(const piece_reader *reader, int32_t first) {
    const int64_t *offsets = reader->feature->offsets;
    int64_t most = PIECE / ((int64_t)reader->feature->dimension * (int64_t)sizeof(float));
    int32_t end = first + 1;
    while (end < reader->corpus->utterance_count && offsets[end + 1] - offsets[first] <= most)
        end++;
    return end - first;
}

static int64_t frames_of_largest_piece(const piece_reader *reader) {
    const int64_t *offsets = reader->feature->offsets;
    int64_t largest = 0;
    for (int32_t first = 0, count; first < reader->corpus->utterance_count; first += count) {
        count = piece_of(reader, first);
        int64_t frames = offsets[first + count] - offsets[first];
        largest = frames > largest ? frames : largest;
    }
    return largest;
}

static void note_nonfinite(piece_reader *reader, int64_t start, const float *values,
                           int64_t count) {
    int64_t bad = reader->first_bad < 0 ? mb_first_nonfinite(values, count) : -1;
    if (bad < 0)
        return;
    reader->first_bad = start + bad;
    reader->bad = values[bad];
}

static mb_status read_pieces(piece_reader *reader, float *buffer, mb_error *error) {
    const int64_t *offsets = reader->feature->offsets, dimension = reader->feature->dimension;
    mb_status status = MB_OK;
    for (int32_t first = 0, count; first < reader->corpus->utterance_count && status == MB_OK;
         first += count) {
        count = piece_of(reader, first);
        int64_t frames = offsets[first + count] - offsets[first];
        status = mb_h5_rows_read(reader->rows, offsets[first], frames, buffer, error);
        if (status != MB_OK)
            break;
        mb_hasher_add(reader->hasher, buffer, (size_t)(frames * dimension) * sizeof *buffer);
        note_nonfinite(reader, offsets[first] * dimension, buffer, frames * dimension);
        reader->user->use(reader->user->context, first, count, buffer);
    }
    return status;
}

static mb_status read_values(piece_reader *reader, mb_error *error) {
    const mb_corpus *corpus = reader->corpus;
    const mb_feature *feature = reader->feature;
    size_t bytes;
    char digest[33];
    if (__builtin_mul_overflow((size_t)frames_of_largest_piece(reader),
                               (size_t)feature->dimension * sizeof(float), &bytes))
        return mb_out_of_memory(error, feature->name);
    float *buffer = malloc(bytes);
    reader->hasher = buffer != NULL ? mb_feature_hasher(feature, corpus->utterance_count) : NULL;
    if (reader->hasher == NULL) {
        free(buffer);
        return mb_out_of_memory(error, feature->name);
    }
    mb_status status = read_pieces(reader, buffer, error);
    free(buffer);
    mb_hasher_finish(reader->hasher, digest);
    if (status == MB_OK && strcmp(digest, feature->digest) != 0)
        status = mb_fail_damaged(corpus, feature, digest, error);
    return status;
}

static mb_status read_file(piece_reader *reader, mb_error *error) {
    const mb_corpus *corpus = reader->corpus;
    const mb_feature *feature = reader->feature;
    char object[1024];
    int64_t dims[2], frames = feature->offsets[corpus->utterance_count];
    mb_h5 *h5;
    mb_h5_rows *rows = NULL;
    snprintf(object, sizeof object, "/features/%s/values", feature->name);
    mb_status status = mb_h5_open_corpus(corpus->path, &h5, error);
    if (status != MB_OK)
        return status;
    status = mb_h5_rows_open(h5, object, &rows, dims, error);
    if (status == MB_OK && (dims[0] != frames || dims[1] != feature->dimension))
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: expected shape (%" PRId64 ", %d)",
                         corpus->path, object, frames, feature->dimension);
    reader->rows = rows;
    if (status == MB_OK)
        status = read_values(reader, error);
    mb_h5_rows_close(rows);
    mb_h5_close(h5);
    return status;
}

mb_status mb_corpus_use(const mb_corpus *corpus, const mb_feature *feature,
                        const mb_feature_user *user, mb_error *error) {
    piece_reader reader = {.corpus = corpus, .feature = feature, .user = user, .first_bad = -1};
    int32_t count = corpus->utterance_count;
    mb_status status = MB_OK;
    if (feature->values == NULL) {
        status = read_file(&reader, error);
    } else {
        note_nonfinite(&reader, 0, feature->values, feature->offsets[count] * feature->dimension);
        user->use(user->context, 0, count, feature->values);
    }
    if (status == MB_OK && reader.first_bad >= 0)
        status = mb_fail_nonfinite(corpus, feature, reader.first_bad, reader.bad, error);
    return status;
}
