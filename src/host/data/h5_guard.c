#include <stdatomic.h>
#include <stddef.h>

#include "data/h5.h"
#include "merbench/corpus.h"

// The one thing that the library keeps between calls. As an argument, it would have to run through
// every function that leads to a corpus, and one that forgets it would open files unguarded.
static _Atomic mb_file_guard current;

void mb_set_file_guard(mb_file_guard guard) {
    atomic_store(&current, guard);
}

mb_status mb_h5_guard(const char *path, bool corpus, mb_error *error) {
    mb_file_guard guard = atomic_load(&current);
    return guard != NULL ? guard(path, corpus, error) : MB_OK;
}
