// The input x of a first layer, which is never stored: features are read directly from the resident
// dataset, and dropout is applied as they are read.
#ifndef MB_KERNELS_CUDA_SOURCE_CUH
#define MB_KERNELS_CUDA_SOURCE_CUH

#include "cuda/dropout.cuh"
#include "cuda/product.cuh"

// x (B, I) of SOURCE_LINEAR and its update.
struct mb_source {
    const float *values;      // (frames, dimension)
    const int64_t *offsets;   // (N + 1) frames, or NULL: one frame per utterance
    int32_t dimension, width; // width = I; columns [dimension, width) of x are zero
    bool dropped;
    mb_dropout_setting dropout;
};

inline mb_source mb_source_of(const mb_cuda_call *call, int32_t width) {
    const mb_op_params *params = &call->op->params;
    const mb_stream *stream = &call->dataset.streams[params->source.stream];
    mb_source source = {};
    source.values = static_cast<const float *>(stream->values);
    source.offsets = stream->offsets;
    source.dimension = stream->dimension;
    source.width = width;
    source.dropped = params->source.dropped;
    source.dropout = params->source.dropout;
    return source;
}

// The largest batch for which the update begins the next step (source_pass.cu).
enum { MB_SOURCE_ROWS = 32 };

// Whether updates begin the next step. If so, SOURCE_LINEAR sums piece by piece in its workspace.
inline bool mb_source_begins(const mb_plan *plan) {
    return plan->info.trains && plan->info.max_rows <= MB_SOURCE_ROWS;
}

// Launches the update that begins the next step.
void mb_source_pass(const mb_cuda_call *call, const mb_source &source);

// ---- on the device ----------------------------------------------------------------------------

// x of one run in one step.
struct mb_source_rows {
    const float *values;
    const int64_t *offsets;
    const int32_t *indices;
    int32_t rows, dimension, width;
    bool dropped;
    bool grouped; // no dropout group spans two rows
    mb_mask mask;

    // The features of row i, which are the last frame of its utterance. NULL, meaning zeros, if
    // there is no such row or no frame.
    __device__ const float *row(int32_t i) const {
        if (i >= rows)
            return NULL;
        int64_t frame = indices[i];
        if (offsets != NULL) {
            int64_t first = offsets[frame];
            frame = offsets[frame + 1] - 1;
            if (frame < first)
                return NULL;
        }
        return values + frame * dimension;
    }
    // The bits of the counter of (i, p): for all elements of its group whose distance from p is a
    // multiple of 16.
    __device__ uint32_t bits(int32_t i, int32_t p) const {
        uint64_t e = element(i, p);
        return mb_mask_bits(mask,
                            e / MB_DROPOUT_GROUP * MB_DROPOUT_COUNTERS + e % MB_DROPOUT_COUNTERS);
    }
    // The factor of (i, p) from those bits; only if `grouped`.
    __device__ float factor(uint32_t bits, int32_t p) const {
        return is_kept(bits, (uint32_t)p) ? mask.scale : 0.0f;
    }
    // Whether (i, p) is kept; makes its own bits, for any width.
    __device__ bool keeps(int32_t i, int32_t p) const {
        return is_kept(bits(i, p), (uint32_t)element(i, p));
    }

    __device__ uint64_t element(int32_t i, int32_t p) const {
        return (uint64_t)(uint32_t)i * (uint32_t)width + (uint32_t)p;
    }
    __device__ bool is_kept(uint32_t bits, uint32_t e) const {
        uint32_t place = e % MB_DROPOUT_GROUP / MB_DROPOUT_COUNTERS;
        return (bits >> place & 1u) != 0;
    }
};

// ahead: 0 for the batch of the current step, 1 for that of the next step.
__device__ inline mb_source_rows mb_source_rows_of(const mb_source &source, const mb_tables &tables,
                                                   int32_t run, int32_t ahead) {
    mb_source_rows x;
    x.values = source.values;
    x.offsets = source.offsets;
    x.indices = tables.indices[run] + ahead * tables.batch_rows;
    x.rows = ahead == 0 ? tables.rows[run] : tables.next_rows[run];
    x.dimension = source.dimension;
    x.width = source.width;
    x.mask = mb_mask_of(tables, run, source.dropout);
    x.mask.step += (uint32_t)ahead;
    x.dropped = source.dropped && !x.mask.idle();
    x.grouped = source.width % MB_DROPOUT_GROUP == 0;
    return x;
}

#endif
