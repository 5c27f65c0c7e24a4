// Which features the streams of a model are. The streams of most models are the modalities. A model
// that takes any number of streams (mb_model.most_streams) gets a list of the N best features of
// each modality, with the worst of them first and the best last:
//     [audio, rank N ... 1] [text, rank N ... 1] [video, rank N ... 1]
//
// Source: the reference toolkit, attention_topn and its fusion_modality.
#ifndef MB_SWEEP_INPUTS_H
#define MB_SWEEP_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/terms.h"

enum { MB_MOST_RANKS = 6 }; // N

// Which modalities the lists are of. There are three lists in any case: with two modalities, the
// latter of AV and AT and the former of VT is in twice.
typedef enum mb_fusion_modality {
    MB_FUSION_AVT,
    MB_FUSION_AV, // audio, video, video
    MB_FUSION_AT, // audio, text, text
    MB_FUSION_VT, // text, text, video
} mb_fusion_modality;

enum { MB_FUSION_COUNT = MB_FUSION_VT + 1 };
extern const char *const mb_fusion_names[MB_FUSION_COUNT]; // "AVT", "AV", "AT", "VT"

typedef struct mb_input_order {
    int32_t ranks;             // 0: the streams are the modalities. Else N
    mb_fusion_modality fusion; // of lists
} mb_input_order;

// The number of streams.
int32_t mb_input_count(const mb_input_order *order);
// The modality of a stream.
int32_t mb_input_modality(const mb_input_order *order, int32_t stream);
// Whether a stream is in the second of two equal lists.
bool mb_input_repeats(const mb_input_order *order, int32_t stream);
// The first stream of a list with this feature of a modality, ranks from 1; -1: the modality has no
// list.
int32_t mb_input_stream(const mb_input_order *order, int32_t modality, int32_t rank);

// "audio=NAME, text=NAME, video=NAME", of lists "audio=BEST, audio=SECOND, ..., text=BEST, ...",
// and
// ", fusion_modality=AV" if they are not of all three modalities. Features that are NULL are left
// out. malloc'ed; NULL when out of memory.
char *mb_input_text(const mb_input_order *order, char *const features[]);

#endif
