#include "score/verdict.h"

#include <math.h>

#include "score/student.h"

const char *const mb_verdict_names[] = {"same", "different", "undecided", ""};

static const double level = 0.05;

mb_comparison mb_compare_published(const mb_mean *ours, const mb_mean *published, int ddof,
                                   double margin) {
    double d = ours->mean - published->mean, n1 = ours->count, n2 = published->count;
    mb_comparison c = {.difference = d, .error = NAN, .df = NAN, .t = NAN, .p = NAN, .low = NAN};
    c.high = c.distance = c.p_equal = NAN;
    c.verdict = MB_VERDICT_NONE;
    if (isnan(ours->deviation) || isnan(published->deviation) || n1 < 2 || n2 < 2)
        return c;
    double s1 = ours->deviation, s2 = fmax(published->deviation, 0.005 / sqrt(3));
    if (ddof == 0)
        s2 *= sqrt(n2 / (n2 - 1));
    double v1 = s1 * s1 / n1, v2 = s2 * s2 / n2;
    c.error = sqrt(v1 + v2);
    c.df = (v1 + v2) * (v1 + v2) / (v1 * v1 / (n1 - 1) + v2 * v2 / (n2 - 1));
    c.t = d / c.error;
    c.p = 2 * mb_student_tail(fabs(c.t), c.df);
    double reach = mb_student_quantile(1 - level / 2, c.df) * c.error;
    c.low = d - reach;
    c.high = d + reach;
    c.distance = fabs(d) / sqrt(s1 * s1 + s2 * s2);
    c.p_equal = fmax(mb_student_tail((d + margin) / c.error, c.df),
                     mb_student_tail((margin - d) / c.error, c.df));
    c.verdict = c.p_equal < level ? MB_VERDICT_SAME
                : c.p < level     ? MB_VERDICT_DIFFERENT
                                  : MB_VERDICT_UNDECIDED;
    return c;
}
