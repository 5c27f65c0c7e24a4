// Inputs that never reach memory: features that a linear map reads straight from the resident
// dataset, with their dropout made on the way.
#ifndef MB_KERNELS_CUDA_SOURCES_CUH
#define MB_KERNELS_CUDA_SOURCES_CUH

#include "cuda/dropout.cuh"
#include "cuda/product.cuh"

// Finds the steps of a plan whose output needs no memory: a gather of one vector an utterance, and
// a dropout of it, that only linear maps and gradients of their weights read. sources: (step_count,
// MB_MAX_INPUTS), filled for the steps that read them; omitted: (step_count), steps that need not
// run.
void mb_find_sources(const mb_plan *plan, const mb_resident *dataset, mb_source *sources,
                     bool *omitted);

// ---- on the device ----------------------------------------------------------------------------

// Row i of the batch, column p: values[indices[i]][p] times the mask's factor.
struct mb_source_rows {
    const float *values;
    const int32_t *indices;
    int32_t width;
    bool dropped;
    mb_mask mask;

    __device__ float value(int32_t i, int32_t p) const {
        return values[(int64_t)indices[i] * width + p];
    }
    // Counter that decides on (i, p); width is a multiple of MB_DROPOUT_GROUP.
    __device__ uint64_t counter(int32_t i, int32_t p) const {
        int64_t group = ((int64_t)i * width + p) / MB_DROPOUT_GROUP;
        return (uint64_t)(group * MB_DROPOUT_COUNTERS + p % MB_DROPOUT_COUNTERS);
    }
    __device__ float kept(float value, uint32_t bits, int32_t p) const {
        int32_t place = p % MB_DROPOUT_GROUP / MB_DROPOUT_COUNTERS;
        return value * ((bits >> place & 1u) != 0 ? mask.scale : 0.0f);
    }
};

__device__ inline mb_source_rows mb_source_of(const mb_source &source, const mb_tables &tables,
                                              int32_t run) {
    mb_source_rows rows;
    rows.values = source.values;
    rows.indices = tables.indices[run];
    rows.width = source.width;
    rows.mask = mb_mask_of(tables, run, source.dropout);
    rows.dropped = source.dropped && rows.mask.threshold > 0;
    return rows;
}

// A strip of A whose neighbours along p lie together, for the forward product: a thread stays on
// one place of every 16 along p, so that the bits of one counter serve it for 8 strips.
struct mb_source_along_p {
    mb_source_rows x;
    uint32_t bits[MB_TILE_M * MB_TILE_K / MB_PRODUCT_THREADS];

    __device__ void fetch(int32_t m, int32_t k, int32_t i0, int32_t p0,
                          mb_strip<MB_TILE_M, true> &strip) {
        static_assert((int)MB_TILE_K == (int)MB_DROPOUT_COUNTERS,
                      "a strip is one place of a group");
#pragma unroll
        for (int e = 0; e < strip.COUNT; e++) {
            int p, i;
            strip.place(e, p, i);
            p += p0;
            i += i0;
            if (x.dropped && p0 % MB_DROPOUT_GROUP == 0 && i < m)
                bits[e] = mb_mask_bits(x.mask, x.counter(i, p));
            float value = i < m && p < k ? x.value(i, p) : 0.0f;
            strip.values[e] = x.dropped ? x.kept(value, bits[e], p) : value;
        }
    }
};

// A strip of A = x^T, for the weight gradient: i goes through the columns of x, p through its rows.
struct mb_source_along_i {
    mb_source_rows x;

    __device__ void fetch(int32_t m, int32_t k, int32_t i0, int32_t p0,
                          mb_strip<MB_TILE_M, false> &strip) {
#pragma unroll
        for (int e = 0; e < strip.COUNT; e++) {
            int p, i;
            strip.place(e, p, i);
            p += p0;
            i += i0;
            float value = 0.0f;
            if (i < m && p < k) {
                value = x.value(p, i);
                if (x.dropped)
                    value = x.kept(value, mb_mask_bits(x.mask, x.counter(p, i)), i);
            }
            strip.values[e] = value;
        }
    }
};

#endif
