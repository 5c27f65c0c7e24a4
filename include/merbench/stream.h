// Datasets as models read them: streams of numbers, and labels. A program fills an mb_dataset with
// pointers to its own arrays, or uses the streams of mb_sequences.
#ifndef MERBENCH_STREAM_H
#define MERBENCH_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MB_MAX_STREAMS = 24 };

typedef enum mb_number_type { MB_FLOAT32, MB_INT32, MB_INT16, MB_UINT8 } mb_number_type;

size_t mb_number_bytes(mb_number_type type); // size of one number

// One input of a model: frames of D numbers, any number of them for each of N utterances.
typedef struct mb_stream {
    int32_t dimension; // D; 0 = absent
    mb_number_type type;
    const int64_t *offsets; // (N + 1) first frame of each utterance; NULL: one frame each
    const void *values;     // (frames, D)
} mb_stream;

// Utterances: their streams and labels.
typedef struct mb_dataset {
    int32_t utterance_count; // N
    int32_t stream_count;
    mb_stream streams[MB_MAX_STREAMS];
    const int32_t *emotions; // (N), or NULL
    const float *valences;   // (N), or NULL
} mb_dataset;

// The size of the values, those of all utterances together.
size_t mb_stream_bytes(const mb_stream *stream, int32_t utterance_count);

// The largest number of frames of an utterance in rows[0 ... count - 1]; 1 for a stream
// without offsets.
int32_t mb_stream_longest(const mb_stream *stream, const int32_t *rows, int32_t count);

// Whether two datasets point to the same arrays.
bool mb_dataset_same(const mb_dataset *a, const mb_dataset *b);

#endif
