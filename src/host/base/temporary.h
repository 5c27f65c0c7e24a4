// Temporary files next to the file that they will become. One that is left behind by a process that
// was killed is removed when the same file is written the next time. While its owner lives, it is
// locked. Its name tells which boot of which machine it belongs to: only there the lock proves
// anything, because hosts that share a folder need not see each other's locks.
#ifndef MB_BASE_TEMPORARY_H
#define MB_BASE_TEMPORARY_H

#include <sys/types.h>

// Creates "TARGET.tmp-..." with these permissions, less those that the umask takes, and opens it
// for reading and writing. Returns the descriptor, which holds the lock, or -1 with errno. *name is
// malloc'ed.
int mb_temporary_create(const char *target, mode_t permissions, char **name);

// Removes the temporary files of this target that nobody owns any more, as far as that is certain.
void mb_temporary_clean(const char *target);

#endif
