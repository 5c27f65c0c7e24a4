// Philox4x32-10, the counter-based generator of all random numbers. A program makes a key from a
// seed and draws numbers by their position.
//
// Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
//
// There is no generator state: a number is a function of (key, counter). It is the same on every
// device, for a model alone or in an array, in a first run or a resumed one.
#ifndef MERBENCH_PHILOX_H
#define MERBENCH_PHILOX_H

#include <stdint.h>

// What a number is used for: word 3 of the counter, so that uses never overlap. What words 0 to 2,
// index and step, mean depends on the use.
typedef enum mb_random_use {
    MB_RANDOM_INITIAL = 1,          // start values; step = index of the parameter
    MB_RANDOM_SHUFFLE = 2,          // order of the training rows; step = epoch
    MB_RANDOM_FOLDS = 3,            // random folds of a corpus; step = 0
    MB_RANDOM_SEARCH = 4,           // random search; step = number of the draw
    MB_RANDOM_SYNTHETIC = 5,        // synthetic corpora; step = kind of value
    MB_RANDOM_EVALUATION_ORDER = 6, // order of the selection part; step = epoch
    MB_RANDOM_DROPOUT = 16,         // + dropout site; step = training step
    // + site of noise in the graph; step = training steps done, index = utterance * width + column
    MB_RANDOM_NOISE = 1 << 24,
} mb_random_use;

typedef struct mb_key {
    uint32_t words[2];
} mb_key;

typedef struct mb_random4 {
    uint32_t words[4];
} mb_random4;

// The key of a trial's seed and one of its folds (0 where there are no folds).
mb_key mb_key_make(uint32_t seed, uint32_t fold);

// The four words at (index, step, use): counter words 0 and 1 are the index, 2 the step, 3 the use.
mb_random4 mb_random(mb_key key, uint32_t use, uint32_t step, uint64_t index);

// A standard normal number (Box-Muller on words 0 and 1 at `index`, in double).
double mb_random_normal(mb_key key, uint32_t use, uint32_t step, uint64_t index);

// A uniform integer in [0, bound), bound >= 1, without modulo bias (multiply-high of 64 bits).
uint32_t mb_random_below(mb_key key, uint32_t use, uint32_t step, uint64_t index, uint32_t bound);

// Shuffles values[0 ... count - 1] (Fisher-Yates).
void mb_random_shuffle(mb_key key, uint32_t use, uint32_t step, int32_t *values, int32_t count);

#endif
