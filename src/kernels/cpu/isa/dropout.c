// Dropout: y = x * factor, where the factor is 0 or 1 / (1 - p). Masks are not stored but generated
// again wherever they are needed.
//
// Element e of a dropout site is kept when its 16 random bits are at least round(p * 65536). Groups
// of 128 elements use 16 Philox counters: element e has counter e/128*16 + e%16 and takes half
// (e/16)%2 of word (e/32)%4.
#include "cpu/isa/dropout.h"

#include "cpu/isa/vector.h"

enum { COUNTERS = 16, GROUP = MB_DROPOUT_GROUP };

// Words of COUNTERS successive counters.
typedef struct random_group {
    uint32_t words[4][COUNTERS];
} random_group;

// Philox4x32-10 of several counters at a time, one in each lane. Lanes have 64 bits; only the lower
// half of a lane is the result.
static void philox_group(mb_key key, uint32_t use, uint32_t step, uint64_t first,
                         random_group *group) {
    static const uint64_t places[COUNTERS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    enum { LANES = MB_LANES / 2 };
    for (int begin = 0; begin < COUNTERS; begin += LANES) {
        mb_words c0, c2 = {0}, c3 = {0};
        memcpy(&c0, places + begin, sizeof c0);
        c0 += first;
        mb_words c1 = c0 >> 32;
        c2 += step;
        c3 += use;
        uint32_t k0 = key.words[0], k1 = key.words[1];
        for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
            mb_words p0 = mb_multiply_words(c0, 0xD2511F53u);
            mb_words p1 = mb_multiply_words(c2, 0xCD9E8D57u);
            c0 = (p1 >> 32) ^ c1 ^ k0;
            c2 = (p0 >> 32) ^ c3 ^ k1;
            c1 = p1;
            c3 = p0;
        }
        for (int i = 0; i < LANES; i++) {
            group->words[0][begin + i] = (uint32_t)c0[i];
            group->words[1][begin + i] = (uint32_t)c1[i];
            group->words[2][begin + i] = (uint32_t)c2[i];
            group->words[3][begin + i] = (uint32_t)c3[i];
        }
    }
}

mb_random_mask MB_NAME(random_mask)(const mb_cpu_call *call, const mb_dropout_setting *setting) {
    float p = setting->rate == MB_SLOT_NONE ? setting->constant_rate : call->slots[setting->rate];
    return (mb_random_mask){
        .key = call->key,
        .use = MB_RANDOM_DROPOUT + setting->site,
        .step = call->training_step,
        .threshold = (uint32_t)(p * 65536.0f + 0.5f),
        .scale = 1.0f / (1.0f - p),
    };
}

void MB_NAME(random_factors)(const mb_random_mask *mask, int64_t first, float *factors) {
    random_group group;
    uint32_t threshold = mask->threshold;
    float scale = mask->scale;
    philox_group(mask->key, mask->use, mask->step, (uint64_t)first / 8, &group);
    for (int word = 0; word < 4; word++)
        for (int i = 0; i < COUNTERS; i++) {
            uint32_t bits = group.words[word][i];
            factors[word * 32 + i] = (bits & 0xFFFFu) >= threshold ? scale : 0.0f;
            factors[word * 32 + 16 + i] = (bits >> 16) >= threshold ? scale : 0.0f;
        }
}

// The first and the last group may be incomplete.
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
    const mb_operand *y = &call->op->outputs[0];
    MB_NAME(dropout_apply)
    (call, &call->op->params.dropout, mb_first_element(call, y), mb_elements(call, y),
     call->inputs[0], call->outputs[0]);
}

// The mask (1 keep, 0 drop) comes from the caller.
MB_KERNEL(stored_dropout) {
    MB_NAME(dropout)(call);
}
