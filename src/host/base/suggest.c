#include "base/suggest.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { LONGEST = 64 };

static int smallest(int a, int b) {
    return a < b ? a : b;
}

// Optimal string alignment distance, letters compared without case.
static int distance(const char *a, const char *b) {
    int rows[3][LONGEST + 1], m = (int)strlen(a), n = (int)strlen(b);
    if (m > LONGEST || n > LONGEST)
        return 2 * LONGEST;
    for (int j = 0; j <= n; j++)
        rows[0][j] = j;
    for (int i = 1; i <= m; i++) {
        int *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= n; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = smallest(smallest(now[j - 1], last[j]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                now[j] = smallest(now[j], before[j - 2] + 1);
        }
    }
    return rows[m % 3][n];
}

const char *mb_nearest_name(const char *name, const char *const *candidates, int count) {
    const char *nearest = NULL;
    int best = (int)strlen(name) / 3 + 2;
    for (int i = 0; i < count; i++) {
        int d = distance(name, candidates[i]);
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}
