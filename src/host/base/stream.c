#include "merbench/stream.h"

size_t mb_number_bytes(mb_number_type type) {
    static const unsigned char bytes[] = {
        [MB_FLOAT32] = 4, [MB_INT32] = 4, [MB_INT16] = 2, [MB_UINT8] = 1};
    return bytes[type];
}

size_t mb_stream_bytes(const mb_stream *stream, int32_t utterance_count) {
    int64_t frames = stream->offsets != NULL ? stream->offsets[utterance_count] : utterance_count;
    return (size_t)frames * (size_t)stream->dimension * mb_number_bytes(stream->type);
}

int32_t mb_stream_longest(const mb_stream *stream, const int32_t *rows, int32_t count) {
    if (stream->offsets == NULL)
        return 1;
    int64_t longest = 0;
    for (int32_t i = 0; i < count; i++) {
        int64_t length = stream->offsets[rows[i] + 1] - stream->offsets[rows[i]];
        longest = length > longest ? length : longest;
    }
    return (int32_t)longest;
}

bool mb_dataset_same(const mb_dataset *a, const mb_dataset *b) {
    bool same = a->utterance_count == b->utterance_count && a->stream_count == b->stream_count &&
                a->emotions == b->emotions && a->valences == b->valences;
    for (int32_t i = 0; same && i < a->stream_count; i++) {
        const mb_stream *s = &a->streams[i], *t = &b->streams[i];
        same = s->dimension == t->dimension && s->type == t->type && s->offsets == t->offsets &&
               s->values == t->values;
    }
    return same;
}
