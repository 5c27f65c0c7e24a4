// Student's t distribution.
#ifndef MB_SCORE_STUDENT_H
#define MB_SCORE_STUDENT_H

// P(T > t) with `df` > 0 degrees of freedom, which need not be whole. For t up to 6 its relative
// error is below 1e-12 for df up to 1000, and below 1e-9 for df up to 1e6.
double mb_student_tail(double t, double df);

// The t with P(T <= t) = p, for 0 < p < 1.
double mb_student_quantile(double p, double df);

#endif
