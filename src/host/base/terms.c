#include "merbench/terms.h"

#include <stddef.h>

const char *const mb_modality_names[MB_MODALITY_COUNT + 1] = {"audio", "text", "video", NULL};
const char *const mb_feature_type_names[MB_FEATURE_TYPE_COUNT] = {"utt", "frm_align",
                                                                  "frm_unalign"};
const char *const mb_selection_names[MB_SELECTION_COUNT] = {"emoval", "emo", "val", "loss"};
