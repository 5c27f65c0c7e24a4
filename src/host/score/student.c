#include "score/student.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

// The continued fraction of the incomplete beta function I_x(a, b), by Lentz's method (Abramowitz
// and Stegun, 26.5.8). It converges fast for x < (a + 1) / (a + b + 2).
static double beta_fraction(double a, double b, double x) {
    enum { MOST_TERMS = 100000 };
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double result = d;
    for (int m = 1; m <= MOST_TERMS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double factor = 1;
        for (int i = 0; i < 2; i++) {
            double term = i == 0 ? even : odd;
            d = 1 + term * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + term / c;
            c = fabs(c) < tiny ? tiny : c;
            factor = c * d;
            result *= factor;
        }
        if (fabs(factor - 1) < 4 * DBL_EPSILON)
            break;
    }
    return result;
}

// I_x(a, b); y = 1 - x is an argument of its own, since the difference would lose digits.
static double incomplete_beta(double a, double b, double x, double y) {
    if (x <= 0 || y <= 0)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
    bool direct = x < (a + 1) / (a + b + 2);
    return direct ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, y) / b;
}

double mb_student_tail(double t, double df) {
    double square = t * t;
    double half =
        isinf(square)
            ? 0
            : incomplete_beta(df / 2, 0.5, df / (df + square), square / (df + square)) / 2;
    return t < 0 ? 1 - half : half;
}

double mb_student_quantile(double p, double df) {
    if (p < 0.5)
        return -mb_student_quantile(1 - p, df);
    double low = 0, high = 1;
    while (mb_student_tail(high, df) > 1 - p && high < DBL_MAX / 4)
        high *= 2;
    // The tail falls from low to high, so halving ends at the last bit.
    for (double middle; (middle = low + (high - low) / 2) > low && middle < high;)
        if (mb_student_tail(middle, df) > 1 - p)
            low = middle;
        else
            high = middle;
    return high;
}
