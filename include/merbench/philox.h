// Philox4x32-10, the counter-based generator behind every random number.
// Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
//
// There is no generator state: a number is a function of (key, counter), so it is the same on every
// device, for a model alone or in an array, in a first run or a resumed one.
#ifndef MERBENCH_PHILOX_H
#define MERBENCH_PHILOX_H

#include <stdint.h>

// Who draws: word 3 of the counter, so that uses never overlap.
typedef enum mb_random_use {
    MB_RANDOM_INITIAL = 1,   // start values; step = parameter index
    MB_RANDOM_SHUFFLE = 2,   // order of the training rows; step = epoch
    MB_RANDOM_FOLDS = 3,     // random folds of a corpus; step = 0
    MB_RANDOM_SEARCH = 4,    // random search; step = draw
    MB_RANDOM_SYNTHETIC = 5, // synthetic corpora; step = what is drawn
    MB_RANDOM_DROPOUT = 16,  // + dropout site; step = training step
    // + place of noise in the graph; step = training steps so far, index = utterance * width +
    // column
    MB_RANDOM_NOISE = 1 << 24,
} mb_random_use;

typedef struct mb_key {
    uint32_t words[2];
} mb_key;

typedef struct mb_random4 {
    uint32_t words[4];
} mb_random4;

// Key of a trial's seed and of one of its folds (0 where nothing is folded).
mb_key mb_key_make(uint32_t seed, uint32_t fold);

// The four words at (index, step, use); counter words 0-1 = index, 2 = step, 3 = use.
mb_random4 mb_random(mb_key key, uint32_t use, uint32_t step, uint64_t index);

// Uniform in [0, 1) with 24 bits: word 0 at `index`.
float mb_random_uniform(mb_key key, uint32_t use, uint32_t step, uint64_t index);

// Standard normal (Box-Muller on words 0 and 1 at `index`, in double).
double mb_random_normal(mb_key key, uint32_t use, uint32_t step, uint64_t index);

// Uniform integer in [0, bound), bound >= 1, without modulo bias (64-bit multiply-high of 64 bits).
uint32_t mb_random_below(mb_key key, uint32_t use, uint32_t step, uint64_t index, uint32_t bound);

// Fisher-Yates over values[0..count).
void mb_random_shuffle(mb_key key, uint32_t use, uint32_t step, int32_t *values, int32_t count);

#endif
