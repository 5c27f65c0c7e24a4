// The tensor cores. The last lane that arrives multiplies for the whole warp.
#include "cudasim/tensor.h"

#include "block.h"
#include "cudasim/math.h"

namespace cudasim {

// The operands of a lane, which stay on the lane's stack until the product is made.
struct operands {
    const uint32_t *a, *b;
    float *c;
};

enum { ROWS = 16, COLUMNS = 8, DEPTH = 8, BELOW_TF32 = 0x1FFF };

uint32_t tf32(float x) {
    uint32_t bits = bits_as<uint32_t>(x);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return 0x7FFFFFFFu;
    if ((bits & 0x7FFFFFFFu) < 0x7F800000u)
        bits += (BELOW_TF32 + 1) / 2; // may carry into the exponent, up to infinity
    return bits & ~(uint32_t)BELOW_TF32;
}

static float toward_zero(double exact) {
    float nearest = (float)exact;
    return fabs((double)nearest) > fabs(exact) ? nextafterf(nearest, 0.0f) : nearest;
}

void multiply_warp(const uint64_t (&given)[WARP]) {
    float a[ROWS][DEPTH], b[DEPTH][COLUMNS];
    for (int lane = 0; lane < WARP; lane++) {
        auto *part = reinterpret_cast<operands *>(given[lane]);
        int g = lane / 4, t = lane % 4;
        for (int n = 0; n < 4; n++)
            a[g + n % 2 * 8][t + n / 2 * 4] = bits_as<float>(part->a[n]);
        for (int n = 0; n < 2; n++)
            b[t + n * 4][g] = bits_as<float>(part->b[n]);
    }
    for (int lane = 0; lane < WARP; lane++) {
        auto *part = reinterpret_cast<operands *>(given[lane]);
        for (int n = 0; n < 4; n++) {
            int i = lane / 4 + n / 2 * 8, j = lane % 4 * 2 + n % 2;
            double sum = (double)part->c[n]; // products are exact, their sums nearly
            for (int p = 0; p < DEPTH; p++)
                sum += (double)a[i][p] * (double)b[p][j];
            part->c[n] = toward_zero(sum);
        }
    }
}

static void check_rounded(const uint32_t *values, int count, source_line at) {
    for (int n = 0; n < count; n++)
        if (!isnan(bits_as<float>(values[n])) && (values[n] & BELOW_TF32) != 0)
            fail(at, "an operand of a tensor product, 0x%08x, was not rounded to TF32", values[n]);
}

void tf32_product(const uint32_t (&a)[4], const uint32_t (&b)[2], float (&c)[4], const char *file,
                  int line) {
    operands mine = {a, b, c};
    require_kernel("a tensor product", {file, line});
    check_rounded(a, 4, {file, line});
    check_rounded(b, 2, {file, line});
    warp(WARP_TENSOR, 0xFFFFFFFFu, reinterpret_cast<uint64_t>(&mine), 0, {file, line});
}

} // namespace cudasim
