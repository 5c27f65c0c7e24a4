// Dropout with masks that are made again wherever they are needed.
//
// Element e of a site is kept when 16 random bits reach round(p * 65536). Groups of 128 elements
// use 16 Philox counters: element e has counter e/128*16 + e%16 and takes half (e/16)%2 of word
// (e/32)%4.
#include "cpu/isa/dropout.h"

enum { COUNTERS = 16, GROUP = MB_DROPOUT_GROUP };

// Words of COUNTERS successive counters, each word for itself so that the loops vectorise.
typedef struct random_group {
    uint32_t words[4][COUNTERS];
} random_group;

static inline void philox_round(uint32_t *restrict c0, uint32_t *restrict c1, uint32_t *restrict c2,
                                uint32_t *restrict c3, uint32_t k0, uint32_t k1) {
    for (int i = 0; i < COUNTERS; i++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0[i], p1 = (uint64_t)0xCD9E8D57u * c2[i];
        uint32_t x0 = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0, x2 = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
        c0[i] = x0;
        c1[i] = (uint32_t)p1;
        c2[i] = x2;
        c3[i] = (uint32_t)p0;
    }
}

static void philox_group(mb_key key, uint32_t stream, uint32_t step, uint64_t first,
                         random_group *group) {
    uint32_t k0 = key.words[0], k1 = key.words[1];
    for (int i = 0; i < COUNTERS; i++) {
        group->words[0][i] = (uint32_t)(first + (uint64_t)i);
        group->words[1][i] = (uint32_t)((first + (uint64_t)i) >> 32);
        group->words[2][i] = step;
        group->words[3][i] = stream;
    }
    for (int round = 0; round < 10; round++) {
        philox_round(group->words[0], group->words[1], group->words[2], group->words[3], k0, k1);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

mb_random_mask MB_NAME(random_mask)(const mb_cpu_call *call, const mb_dropout_setting *setting) {
    float p = setting->rate == MB_SLOT_NONE ? setting->constant_rate : call->slots[setting->rate];
    return (mb_random_mask){
        .key = call->key,
        .stream = MB_STREAM_DROPOUT + setting->site,
        .step = call->training_step,
        .threshold = (uint32_t)(p * 65536.0f + 0.5f),
        .scale = 1.0f / (1.0f - p),
    };
}

void MB_NAME(random_factors)(const mb_random_mask *mask, int64_t first, float *factors) {
    random_group group;
    uint32_t threshold = mask->threshold;
    float scale = mask->scale;
    philox_group(mask->key, mask->stream, mask->step, (uint64_t)first / 8, &group);
    for (int word = 0; word < 4; word++)
        for (int i = 0; i < COUNTERS; i++) {
            uint32_t bits = group.words[word][i];
            factors[word * 32 + i] = (bits & 0xFFFFu) >= threshold ? scale : 0.0f;
            factors[word * 32 + 16 + i] = (bits >> 16) >= threshold ? scale : 0.0f;
        }
}

// The groups at both ends may be cut.
void MB_NAME(random_apply)(const mb_random_mask *mask, int64_t begin, int64_t count, const float *x,
                           float *y) {
    for (int64_t first = begin / GROUP * GROUP; first < begin + count; first += GROUP) {
        float factors[GROUP];
        MB_NAME(random_factors)(mask, first, factors);
        int64_t from = first < begin ? begin - first : 0, left = begin + count - first;
        int64_t to = left < GROUP ? left : GROUP, at = first - begin;
        for (int64_t i = from; i < to; i++)
            y[at + i] = x[at + i] * factors[i];
    }
}

void MB_NAME(dropout_apply)(const mb_cpu_call *call, const mb_dropout_setting *setting,
                            int64_t begin, int64_t count, const float *x, float *y) {
    mb_random_mask mask = MB_NAME(random_mask)(call, setting);
    if (setting->mode == MB_DROPOUT_STORED) {
        const float *stored = call->masks + setting->mask_offset + begin;
        for (int64_t i = 0; i < count; i++)
            y[i] = x[i] * (stored[i] * mask.scale);
    } else if (setting->mode == MB_DROPOUT_RANDOM && mask.threshold > 0) {
        MB_NAME(random_apply)(&mask, begin, count, x, y);
    } else if (x != y) {
        memcpy(y, x, (size_t)count * sizeof *y);
    }
}

MB_KERNEL(dropout) {
    MB_NAME(dropout_apply)
    (call, &call->step->params.dropout, 0, mb_elements(call, &call->step->outputs[0]),
     call->inputs[0], call->outputs[0]);
}

// The mask (1 keep, 0 drop) was given from outside.
MB_KERNEL(stored_dropout) {
    MB_NAME(dropout)(call);
}
