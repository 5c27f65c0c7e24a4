// Our scores beside a published mean and deviation: the same, different, or undecided.
#ifndef MB_SCORE_VERDICT_H
#define MB_SCORE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum mb_verdict {
    MB_VERDICT_SAME,      // an equivalence test (two one-sided tests) says so
    MB_VERDICT_DIFFERENT, // Welch's test says so, and equivalence is not shown
    MB_VERDICT_UNDECIDED, // too few runs, or scores that are too wide
    MB_VERDICT_NONE,      // no deviation published, or none of ours
} mb_verdict;

// "same", "different", "undecided", "".
extern const char *const mb_verdict_names[];

// A mean over runs. Scores are in points: WAF in percent.
typedef struct mb_mean {
    double mean, deviation; // deviation: NaN = unknown
    int32_t count;          // of runs
} mb_mean;

typedef struct mb_comparison {
    double difference; // ours - published
    double error;      // standard error of it, and below: NaN if there is no verdict
    double df;         // degrees of freedom, by Welch and Satterthwaite
    double t, p;       // two-sided
    double low, high;  // interval of 95 % of the difference
    double distance;   // |difference| / sqrt(ours^2 + published^2), in deviations
    double p_equal;    // of the equivalence test
    mb_verdict verdict;
} mb_comparison;

enum { MB_ASSUMED_DDOF = 0 };
#define MB_VERDICT_MARGIN 1.0

// Compares. The deviation of ours divides by n - 1, the published one by n - ddof; it is taken to
// be at least the rounding of two decimals, since "0.00" is printed. Means that differ by less than
// `margin` count as equal; both tests are at the level 0.05.
mb_comparison mb_compare_published(const mb_mean *ours, const mb_mean *published, int ddof,
                                   double margin);

#endif
