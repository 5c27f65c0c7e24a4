// "Did you mean ...?"
#ifndef MB_BASE_SUGGEST_H
#define MB_BASE_SUGGEST_H

// The candidate with the smallest edit distance (insertions, deletions, substitutions, swaps of
// neighbours) to `name`, or NULL when none is near: more than a third of the letters differ.
const char *mb_nearest_name(const char *name, const char *const *candidates, int count);

#endif
