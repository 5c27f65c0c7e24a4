// Files that appear complete or not at all. They are written to the same folder under a
// temporary name and renamed when all of the content is on disk, so that a failure leaves an
// existing file untouched. A file that exists is replaced only if the caller says so.
//
// If the name is a symbolic link, the file that it leads to is written, and the link stays; a link
// that leads nowhere creates the file. A new file has the permissions that the umask leaves, one
// that is replaced keeps its own.
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
    const char *path;   // the caller's
    char *target;       // the file itself, which is not a link
    char *temporary;    // "TARGET.tmp-..."; NULL: not between begin and end
    int descriptor;     // of the temporary file, for reading and writing
    bool replace;       // a file that exists may be replaced
    bool replaces;      // there is one
    mode_t permissions; // that it has
    bool watched;       // a signal removes the temporary file
    sigset_t before;    // the signal mask to restore
} mb_output;

// Checks, before any long work, that `path` can be written. MB_BAD_INPUT: the file exists and
// `force`, the option of this name, is false; `path` is a folder, or a device while `devices` is
// false; or its folder is missing or not writable.
mb_status mb_output_check(const char *path, bool force, bool devices, mb_error *error);

// Creates the empty temporary file, and removes those that killed processes left of the same file.
// It may be written through the descriptor or opened by its name, but must not be replaced by
// another file. After a failure there is nothing to abandon.
mb_status mb_output_begin(mb_output *output, const char *path, bool replace, mb_error *error);
mb_status mb_output_write(mb_output *output, const char *bytes, size_t count, mb_error *error);
// Brings the file to disk, gives it its permissions, and renames it. MB_BAD_INPUT: without
// `replace`, another file has got the name meanwhile. After a failure the temporary file is gone,
// as after mb_output_abandon.
mb_status mb_output_finish(mb_output *output, mb_error *error);
// Removes the temporary file, if there is one.
void mb_output_abandon(mb_output *output);

// Writes bytes from memory with the three functions above. A device or a pipe is written directly.
mb_status mb_write_file(const char *path, bool replace, const char *bytes, size_t count,
                        mb_error *error);

#endif
