// Terms that the whole program shares: modalities, types of features, kinds of labels,
// selection metrics.
#ifndef MERBENCH_TERMS_H
#define MERBENCH_TERMS_H

#include <stdint.h>

enum { MB_AUDIO = 0, MB_TEXT = 1, MB_VIDEO = 2, MB_MODALITY_COUNT = 3 };

// "audio", "text", "video", NULL
extern const char *const mb_modality_names[MB_MODALITY_COUNT + 1];

typedef enum mb_feature_type {
    MB_UTT,         // mean over frames: one vector per utterance
    MB_FRM_ALIGN,   // frames compressed 6x, audio and video mapped to the length of the text
    MB_FRM_UNALIGN, // frames compressed 12x, each modality with its own length
} mb_feature_type;

enum { MB_FEATURE_TYPE_COUNT = MB_FRM_UNALIGN + 1 };
extern const char
    *const mb_feature_type_names[MB_FEATURE_TYPE_COUNT]; // "utt", "frm_align", "frm_unalign"

// The metric that chooses the best epoch of a run: the epoch where it is largest.
typedef enum mb_selection {
    MB_SELECT_EMOVAL, // WAF - 0.25 MSE
    MB_SELECT_EMO,    // WAF (of signs where there are no classes)
    MB_SELECT_VAL,    // -MSE
    MB_SELECT_LOSS,   // minus the mean of the total losses of the batches
} mb_selection;

enum { MB_SELECTION_COUNT = MB_SELECT_LOSS + 1 };
extern const char *const mb_selection_names[MB_SELECTION_COUNT]; // "emoval", "emo", "val", "loss"

// Which labels a dataset has.
typedef struct mb_label_space {
    int32_t class_count; // C; 0 = no classes
    int32_t value_count; // R; 1 = a value, 0 = none
    double value_range;  // values lie in [-value_range, value_range]; 0 = no values
} mb_label_space;

#endif
