// Files that appear complete or not at all. They are written to the same folder under a
// temporary name and renamed when all of the content is on disk, so that a failure leaves an
// existing file untouched.
#ifndef MB_BASE_OUTPUT_H
#define MB_BASE_OUTPUT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "merbench/status.h"

// If SIGINT, SIGTERM or SIGHUP ends the process, the temporary file is removed. Where that cannot
// be (unfinished.h), they are blocked in the writing thread until the output ends.
typedef struct mb_output {
    const char *path; // the caller's
    char *temporary;  // "path.tmp-..."; NULL: not between begin and end
    int descriptor;   // of the temporary file, for reading and writing
    mode_t permissions;
    bool watched;    // a signal removes the temporary file
    sigset_t before; // the signal mask to restore
} mb_output;

// Creates the empty temporary file. It may be written through the descriptor or opened by its name,
// but must not be replaced by another file. After a failure there is nothing to abandon.
mb_status mb_output_begin(mb_output *output, const char *path, mb_error *error);
mb_status mb_output_write(mb_output *output, const char *bytes, size_t count, mb_error *error);
// Brings the file to disk, gives it the permissions of the file that it replaces, and renames it.
// After a failure the temporary file is gone, as after mb_output_abandon.
mb_status mb_output_finish(mb_output *output, mb_error *error);
// Removes the temporary file, if there is one.
void mb_output_abandon(mb_output *output);

// Writes bytes from memory with the three functions above. A device or a pipe is written directly.
mb_status mb_write_file(const char *path, const char *bytes, size_t count, mb_error *error);

#endif
