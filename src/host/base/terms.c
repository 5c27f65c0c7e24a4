#include "merbench/terms.h"

const char *const mb_modality_names[MB_MODALITY_COUNT] = {"audio", "text", "video"};
const char *const mb_feature_type_names[3] = {"utt", "frm_align", "frm_unalign"};
const char *const mb_selection_names[4] = {"emoval", "emo", "val", "loss"};
