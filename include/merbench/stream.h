// What a model reads: streams of numbers and labels.
#ifndef MERBENCH_STREAM_H
#define MERBENCH_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MB_MAX_STREAMS = 24 };

typedef enum mb_number_type { MB_FLOAT32, MB_INT32, MB_INT16, MB_UINT8 } mb_number_type;

size_t mb_number_bytes(mb_number_type type); // of one number

// Frames of D numbers, some for each of N utterances.
typedef struct mb_stream {
    int32_t dimension; // D; 0 = the stream is absent
    mb_number_type type;
    const int64_t *offsets; // (N + 1) the first frame of each utterance; NULL: it has one frame
    const void *values;     // (frames, D)
} mb_stream;

// Utterances of a corpus as a model reads them.
typedef struct mb_dataset {
    int32_t utterance_count; // N
    int32_t stream_count;
    mb_stream streams[MB_MAX_STREAMS];
    const int32_t *emotions; // (N), or NULL
    const float *valences;   // (N), or NULL
} mb_dataset;

int64_t mb_stream_frames(const mb_stream *stream, int32_t utterance_count); // of all utterances
size_t mb_stream_bytes(const mb_stream *stream, int32_t utterance_count);   // of its values

// Most frames that one of the `rows` has; 1 where every utterance has one.
int32_t mb_stream_longest(const mb_stream *stream, const int32_t *rows, int32_t count);

// Whether two datasets are the same memory.
bool mb_dataset_same(const mb_dataset *a, const mb_dataset *b);

#endif
