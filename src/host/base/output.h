// Files that appear whole or not at all. They are written beside their place under another name,
// and take their own when everything is on disk, so that a failure leaves an older file as it was.
#ifndef MB_BASE_OUTPUT_H
#define MB_BASE_OUTPUT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "merbench/status.h"

// SIGINT, SIGTERM and SIGHUP wait in the thread that writes until it is done; they come then.
typedef struct mb_output {
    const char *path; // the caller's
    char *temporary;  // "path.tmp-...", NULL: nothing is under way
    int descriptor;   // of the temporary file, for reading and writing
    mode_t permissions;
    sigset_t before; // the signals that were held back already
} mb_output;

// Makes the temporary file, empty. It may be written through the descriptor or by its name, as long
// as the name stays with the file. On failure nothing is under way.
mb_status mb_output_begin(mb_output *output, const char *path, mb_error *error);
mb_status mb_output_write(mb_output *output, const char *bytes, size_t count, mb_error *error);
// Brings the file to disk and gives it its name, with the permissions of the one that it replaces,
// and ends. A failure is like mb_output_abandon.
mb_status mb_output_finish(mb_output *output, mb_error *error);
// Removes the temporary file; does nothing where nothing is under way.
void mb_output_abandon(mb_output *output);

// All of it, for bytes that are known. A device or a pipe is written directly.
mb_status mb_write_file(const char *path, const char *bytes, size_t count, mb_error *error);

#endif
