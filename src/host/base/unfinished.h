// Removes an unfinished file when SIGINT, SIGTERM or SIGHUP ends the process.
#ifndef MB_BASE_UNFINISHED_H
#define MB_BASE_UNFINISHED_H

#include <stdbool.h>

// From here on a signal that ends the process removes the file before. The path must stay valid
// until mb_unfinished_end. The signals must be blocked in the calling thread during both calls.
// False: the file is not watched, because there is another one or because signals do not end the
// process while an interrupt is active (interrupt.h).
bool mb_unfinished_begin(const char *path);
// Returns false if the process is ending: then another thread still reads the path.
bool mb_unfinished_end(void);

#endif
