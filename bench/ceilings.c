#include "ceilings.h"

#include <stdlib.h>

#include "clock.h"

enum { REPEATS = 5, CHAINS = 12 };

// The functions that measure a vector width.
typedef struct unit {
    float (*multiply_add)(int64_t rounds);
    void (*negate)(float *w, float *m, float *v, int64_t floats);
    int32_t lanes;
} unit;

// multiply_add: CHAINS independent accumulators hide the latency of the multiply-add. The factor is
// below one, so that values neither overflow nor become denormal. negate: Adam's traffic without
// its arithmetic; each element of three arrays is read and written back. `floats` is a multiple of
// the vector.
#define UNIT(bits, attribute)                                                                      \
    typedef float vector_##bits __attribute__((vector_size(bits / 8), may_alias));                 \
    attribute static float multiply_add_##bits(int64_t rounds) {                                   \
        volatile float factor_value = 0.999f, term_value = 0.001f;                                 \
        vector_##bits factor = {0}, term = {0}, chains[CHAINS];                                    \
        factor += factor_value;                                                                    \
        term += term_value;                                                                        \
        for (int c = 0; c < CHAINS; c++)                                                           \
            chains[c] = term * (float)(c + 1);                                                     \
        for (int64_t i = 0; i < rounds; i++)                                                       \
            for (int c = 0; c < CHAINS; c++)                                                       \
                chains[c] = chains[c] * factor + term;                                             \
        for (int c = 1; c < CHAINS; c++)                                                           \
            chains[0] += chains[c];                                                                \
        return chains[0][0];                                                                       \
    }                                                                                              \
    attribute static void negate_##bits(float *w, float *m, float *v, int64_t floats) {            \
        enum { LANES = bits / 32 };                                                                \
        for (int64_t i = 0; i < floats; i += LANES) {                                              \
            vector_##bits *wi = (void *)(w + i), *mi = (void *)(m + i), *vi = (void *)(v + i);     \
            *wi = -*wi;                                                                            \
            *mi = -*mi;                                                                            \
            *vi = -*vi;                                                                            \
        }                                                                                          \
    }                                                                                              \
    static const unit unit_##bits = {multiply_add_##bits, negate_##bits, bits / 32};

UNIT(128, )
#if defined(__x86_64__)
UNIT(256, __attribute__((target("avx2,fma"))))
UNIT(512, __attribute__((target("avx512f"))))
#endif

static const unit *widest_unit(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return &unit_512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &unit_256;
#endif
    return &unit_128;
}

// ---- memory -------------------------------------------------------------------------------------

typedef struct stream {
    float **arrays; // three per thread
    int64_t floats; // a multiple of 16
    int32_t passes;
} stream;

static void stream_thread(void *context, int32_t thread) {
    const stream *work = context;
    float **arrays = work->arrays + 3 * thread;
    const unit *widest = widest_unit();
    for (int32_t pass = 0; pass < work->passes; pass++)
        widest->negate(arrays[0], arrays[1], arrays[2], work->floats);
}

static int measure_memory(int32_t threads, int64_t floats, double *gigabytes_per_second) {
    floats = (floats + 15) / 16 * 16;
    float **arrays = calloc((size_t)threads * 3, sizeof *arrays);
    int status = arrays == NULL ? -1 : 0;
    for (int32_t i = 0; status == 0 && i < threads * 3; i++) {
        arrays[i] = aligned_alloc(64, (size_t)floats * sizeof(float));
        if (arrays[i] == NULL)
            status = -1;
        for (int64_t k = 0; status == 0 && k < floats; k++)
            arrays[i][k] = (float)k;
    }
    // Long enough to be timed: about 4 GB of traffic per thread.
    stream work = {arrays, floats, (int32_t)(4e9 / (24.0 * (double)floats)) + 1};
    double best = 0.0;
    for (int32_t repeat = 0; status == 0 && repeat < REPEATS; repeat++) {
        double seconds = mb_bench_parallel(threads, stream_thread, &work);
        if (seconds <= 0.0)
            status = -1;
        double rate = 24e-9 * (double)floats * work.passes * threads / seconds;
        best = rate > best ? rate : best;
    }
    for (int32_t i = 0; arrays != NULL && i < threads * 3; i++)
        free(arrays[i]);
    free(arrays);
    *gigabytes_per_second = best;
    return status;
}

// ---- arithmetic ---------------------------------------------------------------------------------

enum { SINK_STRIDE = 16 };

typedef struct arithmetic {
    int64_t rounds;
    float *sinks; // one per thread, a cache line apart; keeps the compiler from dropping the work
} arithmetic;

static void arithmetic_thread(void *context, int32_t thread) {
    const arithmetic *work = context;
    work->sinks[thread * SINK_STRIDE] = widest_unit()->multiply_add(work->rounds);
}

static int measure_arithmetic(int32_t threads, double *gigaflops) {
    float *sinks = calloc((size_t)threads * SINK_STRIDE, sizeof *sinks);
    if (sinks == NULL)
        return -1;
    arithmetic work = {20000000, sinks};
    double flops = 2.0 * CHAINS * widest_unit()->lanes * (double)work.rounds * threads, best = 0.0;
    int status = 0;
    for (int32_t repeat = 0; status == 0 && repeat < REPEATS; repeat++) {
        double seconds = mb_bench_parallel(threads, arithmetic_thread, &work);
        if (seconds <= 0.0)
            status = -1;
        best = 1e-9 * flops / seconds > best ? 1e-9 * flops / seconds : best;
    }
    free(sinks);
    *gigaflops = best;
    return status;
}

int mb_bench_ceilings(int32_t threads, int64_t floats, mb_ceilings *ceilings) {
    if (measure_memory(threads, floats, &ceilings->gigabytes_per_second) != 0)
        return -1;
    return measure_arithmetic(threads, &ceilings->gigaflops);
}
