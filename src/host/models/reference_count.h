// What thop prints for the reference's models: the "MACs" and "Params" of the paper's Table 17.
//
// Source: thop 0.1.1 (post2209072238), profile.py, vision/basic_hooks.py and rnn_hooks.py. It adds
// a rule to each module of a type that it knows, and sums the rules up over the calls of a forward
// pass in evaluation:
//   Linear      in * out for each vector, no bias
//   Conv1d      one for each element of the output and each weight that it is made with
//   LayerNorm   4 for each element
//   LSTM        4 H (I + H) + 16 H for each step, row and direction; LSTMCell likewise
//   all others  0, among them attention products, tensors outside of modules, embeddings
// Parameters count if they belong to a module of such a type that was called. A module that the
// tree of modules has k times gets k hooks and is summed up k times: k^2 times its
// multiply-accumulates, k times its parameters.
#ifndef MB_MODELS_REFERENCE_COUNT_H
#define MB_MODELS_REFERENCE_COUNT_H

#include "merbench/model.h"

typedef struct mb_reference_count {
    int64_t multiply_accumulates; // of a whole batch
    int64_t parameters;
} mb_reference_count;

// Counts a model, whose configuration was checked, for a batch of `rows` rows. Where options are
// not those of the reference, what the same rules give for the model's own modules.
mb_status mb_reference_count_make(const mb_model *model, const mb_model_config *config,
                                  int32_t rows, mb_reference_count *count, mb_error *error);

#endif
