// Tallies of predictions (merbench/tally.h): of the same predictions the same counts and moments as
// mb_tally_make, bit for bit; losses are equal up to what exp and log differ between the two.
#include "cuda/device.cuh"

#include "base/tally_row.h"

// Integers come to the same sum in any order.
static __device__ void count_row(const mb_row &row, mb_tally *tally) {
    if (row.broken != 0)
        atomicAdd(&tally->broken, row.broken);
    if (row.label >= 0) {
        mb_class_counts *classes = &tally->classes;
        atomicAdd(&classes->total, 1);
        atomicAdd(&classes->labelled[row.label], 1);
        atomicAdd(&classes->predicted[row.prediction], 1);
        if (row.label == row.prediction) {
            atomicAdd(&classes->correct, 1);
            atomicAdd(&classes->hits[row.label], 1);
        }
    }
    if (!isnan(row.valence)) {
        mb_sentiment_counts *sentiments = &tally->sentiments;
        atomicAdd(&sentiments->total, 1);
        if (mb_row_rounded_class(row.valence, 3) == mb_row_rounded_class(row.value, 3))
            atomicAdd(&sentiments->rounded7, 1);
        if (mb_row_rounded_class(row.valence, 2) == mb_row_rounded_class(row.value, 2))
            atomicAdd(&sentiments->rounded5, 1);
        if (mb_row_sims_class(row.valence) == mb_row_sims_class(row.value))
            atomicAdd(&sentiments->sims5, 1);
    }
}

// A block tallies a run, MB_THREADS rows at a time: a thread reads a row, then one thread adds the
// moments and another the losses, in the order of the rows.
static __global__ void tally_kernel(mb_tally_launch launch, mb_resident dataset) {
    enum { MOMENTS = 0, LOSSES = 32 }; // the threads that add
    constexpr int32_t words = sizeof(mb_tally) / sizeof(int32_t);
    __shared__ mb_tally tally;
    __shared__ double losses[MB_THREADS];
    __shared__ float valences[MB_THREADS], values[MB_THREADS];
    int32_t run = (int32_t)blockIdx.y, thread = (int32_t)threadIdx.x;
    mb_tally_rows rows = mb_tally_rows_of(&launch, &dataset, run);
    for (int32_t i = thread; i < words; i += MB_THREADS)
        reinterpret_cast<int32_t *>(&tally)[i] = 0;
    mb_pair_moments moments = {};
    mb_batch_losses sums = {};
    __syncthreads();
    for (int32_t first = 0; first < rows.count; first += MB_THREADS) {
        int32_t left = rows.count - first, count = left < MB_THREADS ? left : MB_THREADS;
        if (thread < count) {
            mb_row row = mb_row_of(&rows, first + thread);
            count_row(row, &tally);
            losses[thread] = row.loss;
            valences[thread] = row.valence;
            values[thread] = row.value;
        }
        __syncthreads();
        for (int32_t i = 0; thread == MOMENTS && i < count; i++)
            if (!isnan(valences[i]))
                mb_row_add_pair(&moments, (double)valences[i], (double)values[i]);
        for (int32_t i = 0; thread == LOSSES && i < count; i++)
            mb_row_add_loss(&sums, losses[i], rows.batch_size, rows.auxiliary);
        __syncthreads();
    }
    if (thread == MOMENTS)
        tally.values = moments;
    if (thread == LOSSES)
        tally.loss = mb_row_mean_loss(&sums, rows.auxiliary);
    __syncthreads();
    for (int32_t i = thread; i < words; i += MB_THREADS)
        reinterpret_cast<int32_t *>(&launch.tallies[run])[i] =
            reinterpret_cast<const int32_t *>(&tally)[i];
}

void mb_cuda_tally(mb_cuda_device *cuda, const mb_tally_launch *launch) {
    MB_LAUNCH(tally_kernel, dim3(1, (unsigned)launch->run_count), dim3(MB_THREADS), 0, cuda->stream,
              *launch, *launch->dataset);
}
