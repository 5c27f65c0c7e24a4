// Tallies of predictions (merbench/tally.h). Counts and moments have the same bits as those of
// mb_tally_make; losses differ only as exp and log differ between host and device.
#include "cuda/device.cuh"

#include "tally_launch.h"

// Integer sums do not depend on the order, so atomics are safe here.
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

// ---- sums in the order of the rows ------------------------------------------------------------
//
// Only what depends on the previous row is done row by row: the means, and then the sums of terms
// that all threads compute from the means. Each mean and each sum belongs to the first thread of a
// warp of its own, so that they are computed side by side. A pair is the label and the prediction
// of a row that has both.

enum { TALLY_WARPS = MB_THREADS / 32 };
enum { LABEL, PREDICTION, MEANS };
enum { LABEL_SQUARES, PREDICTION_SQUARES, PRODUCTS, SQUARED_ERRORS, ABSOLUTE_ERRORS, SUMS };
static_assert((int)MEANS < (int)TALLY_WARPS && (int)SUMS <= (int)TALLY_WARPS,
              "each mean and each sum needs a warp");

// Shared memory of a block, for MB_THREADS rows at a time.
struct tally_memory {
    mb_tally tally;
    double losses[MB_THREADS];
    int32_t pairs[TALLY_WARPS];          // number of pairs in the rows of each warp
    double values[MEANS][MB_THREADS];    // labels and predictions of the pairs, one after the other
    double reciprocals[MB_THREADS];      // of the number of pairs up to and including each pair
    double means[MEANS][MB_THREADS + 1]; // before the first pair, and after each
    double terms[SUMS][MB_THREADS];
};

// Returns the position of the thread's pair among those of the block; `all` is the number of these.
static __device__ int32_t place_of(bool is_pair, int32_t (&pairs)[TALLY_WARPS], int32_t &all) {
    int32_t warp = (int32_t)threadIdx.x / 32, lane = (int32_t)threadIdx.x % 32;
    unsigned lanes = __ballot_sync(0xFFFFFFFFu, is_pair);
    int32_t place = __popc(lanes & ((1u << lane) - 1u));
    if (lane == 0)
        pairs[warp] = __popc(lanes);
    __syncthreads();
    all = 0;
    for (int32_t w = 0; w < TALLY_WARPS; w++) {
        place += w < warp ? pairs[w] : 0;
        all += pairs[w];
    }
    return place;
}

// Each thread reads one of the `count` rows from `first` on. `before`: number of pairs in the rows
// before them. Returns the number of pairs in these rows.
static __device__ int32_t read_rows(const mb_tally_rows &rows, int32_t first, int32_t count,
                                    int32_t before, tally_memory &memory) {
    int32_t thread = (int32_t)threadIdx.x, all;
    mb_row row = {};
    row.valence = NAN;
    if (thread < count) {
        row = mb_row_of(&rows, first + thread);
        count_row(row, &memory.tally);
        memory.losses[thread] = row.loss;
    }
    bool is_pair = !isnan(row.valence);
    int32_t place = place_of(is_pair, memory.pairs, all);
    if (is_pair) {
        memory.values[LABEL][place] = (double)row.valence;
        memory.values[PREDICTION][place] = (double)row.value;
    }
    memory.reciprocals[thread] = 1.0 / (double)(before + thread + 1);
    return all;
}

// Extends a mean of `before` values by `count` more; means[0] is the mean so far. The operands of
// one value are loaded while the previous value is added.
static __device__ double add_to_mean(const double *values, const double *reciprocals,
                                     int32_t before, int32_t count, double *means) {
    double mean = means[0], n = before, value = values[0], reciprocal = reciprocals[0];
    bool divides = true;
#pragma unroll 4
    for (int32_t i = 0; i < count; i++) {
        int32_t next = i + 1 < count ? i + 1 : i;
        double next_value = values[next], next_reciprocal = reciprocals[next];
        double from_mean = value - mean;
        n += 1.0;
        divides &= mb_row_divides(from_mean);
        mean += mb_row_quotient(from_mean, n, reciprocal);
        means[i + 1] = mean;
        value = next_value;
        reciprocal = next_reciprocal;
    }
    if (divides)
        return mean;
    mean = means[0];
#pragma unroll 1
    for (int32_t i = 0; i < count; i++) { // again, with divisions: some predictions are not finite
        mean += (values[i] - mean) / (double)(before + i + 1);
        means[i + 1] = mean;
    }
    return mean;
}

// The terms that pair i adds to the sums: see mb_row_add_pair.
static __device__ void make_terms(tally_memory &memory, int32_t i) {
    double label = memory.values[LABEL][i], prediction = memory.values[PREDICTION][i];
    double from_label = label - memory.means[LABEL][i];
    double from_prediction = prediction - memory.means[PREDICTION][i];
    double label_after = label - memory.means[LABEL][i + 1];
    double prediction_after = prediction - memory.means[PREDICTION][i + 1];
    double difference = label - prediction;
    memory.terms[LABEL_SQUARES][i] = from_label * label_after;
    memory.terms[PREDICTION_SQUARES][i] = from_prediction * prediction_after;
    memory.terms[PRODUCTS][i] = from_label * prediction_after;
    memory.terms[SQUARED_ERRORS][i] = difference * difference;
    memory.terms[ABSOLUTE_ERRORS][i] = fabs(difference);
}

static __device__ double add_terms(const double *terms, int32_t count, double sum) {
#pragma unroll 8
    for (int32_t i = 0; i < count; i++)
        sum += terms[i];
    return sum;
}

// The same as mb_row_add_loss, for many rows.
static __device__ void add_losses(const mb_tally_rows &rows, const double *terms, int32_t count,
                                  mb_batch_losses &losses) {
    for (int32_t i = 0; i < count;) {
        int32_t left = rows.batch_size - losses.rows, added = count - i < left ? count - i : left;
        losses.batch = add_terms(terms + i, added, losses.batch);
        losses.rows += added;
        if (losses.rows == rows.batch_size)
            mb_row_close_batch(&losses, rows.auxiliary);
        i += added;
    }
}

// The results of the first thread of warp w: mean w and sum w. Warp MEANS also has the loss.
struct tally_share {
    double mean, sum;
    mb_batch_losses losses;
};

static __device__ void put_share(const tally_share &share, int32_t w, mb_pair_moments &moments) {
    if (w == LABEL)
        moments.mean_label = share.mean;
    if (w == PREDICTION)
        moments.mean_prediction = share.mean;
    if (w == LABEL_SQUARES)
        moments.label_squares = share.sum;
    if (w == PREDICTION_SQUARES)
        moments.prediction_squares = share.sum;
    if (w == PRODUCTS)
        moments.products = share.sum;
    if (w == SQUARED_ERRORS)
        moments.squared_errors = share.sum;
    if (w == ABSOLUTE_ERRORS)
        moments.absolute_errors = share.sum;
}

// A block tallies the predictions of one run, MB_THREADS rows at a time.
static __global__ void tally_kernel(const __grid_constant__ mb_tally_launch launch) {
    constexpr int32_t words = sizeof(mb_tally) / sizeof(int32_t);
    __shared__ tally_memory memory;
    int32_t run = (int32_t)blockIdx.y, thread = (int32_t)threadIdx.x, pairs = 0;
    int32_t w = thread % 32 == 0 ? thread / 32 : (int32_t)TALLY_WARPS; // TALLY_WARPS: has no share
    mb_tally_rows rows = mb_tally_rows_of(&launch, run);
    tally_share share = {};
    for (int32_t i = thread; i < words; i += MB_THREADS)
        reinterpret_cast<int32_t *>(&memory.tally)[i] = 0;
    __syncthreads();
    for (int32_t first = 0; first < rows.count; first += MB_THREADS) {
        int32_t left = rows.count - first, count = left < MB_THREADS ? left : MB_THREADS;
        int32_t added = read_rows(rows, first, count, pairs, memory);
        __syncthreads();
        if (w < MEANS && added > 0) {
            memory.means[w][0] = share.mean;
            share.mean =
                add_to_mean(memory.values[w], memory.reciprocals, pairs, added, memory.means[w]);
        }
        if (w == MEANS)
            add_losses(rows, memory.losses, count, share.losses);
        __syncthreads();
        if (thread < added)
            make_terms(memory, thread);
        __syncthreads();
        if (w < SUMS)
            share.sum = add_terms(memory.terms[w], added, share.sum);
        pairs += added;
    }
    put_share(share, w, memory.tally.values);
    if (w == 0)
        memory.tally.values.count = pairs;
    if (w == MEANS)
        memory.tally.loss = mb_row_mean_loss(&share.losses, rows.auxiliary);
    __syncthreads();
    for (int32_t i = thread; i < words; i += MB_THREADS)
        reinterpret_cast<int32_t *>(&launch.tallies[run])[i] =
            reinterpret_cast<const int32_t *>(&memory.tally)[i];
}

void mb_cuda_tally(mb_cuda_device *cuda, const mb_tally_launch *launch) {
    MB_LAUNCH(tally_kernel, dim3(1, (unsigned)launch->run_count), dim3(MB_THREADS), 0, cuda->stream,
              *launch);
}
