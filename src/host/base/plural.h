// Words that follow a number.
#ifndef MB_BASE_PLURAL_H
#define MB_BASE_PLURAL_H

// printf("%d %s", count, mb_plural(count, "run", "runs"))
static inline const char *mb_plural(long long count, const char *one, const char *many) {
    return count == 1 ? one : many;
}

#endif
