// Dropout with masks that are made again wherever they are needed.
#include "cuda/dropout.cuh"

// y = x * factor. A thread takes the 8 elements of a counter, so that 16 neighbouring threads read
// a group in whole pieces. Assigns; x and y may be the same.
static __global__ void dropout_kernel(mb_tables tables, mb_view x, mb_view y,
                                      mb_dropout_setting setting) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t counter = mb_item(), elements = mb_view_elements(y, rows);
    int64_t first =
        counter / MB_DROPOUT_COUNTERS * MB_DROPOUT_GROUP + counter % MB_DROPOUT_COUNTERS;
    if (rows == 0 || first >= elements)
        return;
    const float *from = mb_at(x, run);
    float *to = mb_at(y, run);
    mb_mask mask = mb_mask_of(tables, run, setting);
    bool random = mask.mode == MB_DROPOUT_RANDOM && mask.threshold > 0;
    uint32_t bits = random ? mb_mask_bits(mask, (uint64_t)counter) : 0;
    for (int place = 0; place < 8; place++) {
        int64_t e = first + place * MB_DROPOUT_COUNTERS;
        if (e >= elements)
            return;
        if (random)
            to[e] = from[e] * ((bits >> place & 1u) != 0 ? mask.scale : 0.0f);
        else
            to[e] = from[e] * mb_mask_factor(mask, e);
    }
}

MB_CUDA_OP(dropout) {
    int64_t elements = mb_view_elements(call->outputs[0], call->max_rows);
    int64_t groups = (elements + MB_DROPOUT_GROUP - 1) / MB_DROPOUT_GROUP;
    MB_LAUNCH(dropout_kernel, mb_grid(call, groups * MB_DROPOUT_COUNTERS), dim3(MB_THREADS), 0,
              call->stream, call->tables, call->inputs[0], call->outputs[0],
              call->step->params.dropout);
}

// The mask (1 keep, 0 drop) was given from outside.
MB_CUDA_OP(stored_dropout) {
    mb_cuda_dropout(call);
}
