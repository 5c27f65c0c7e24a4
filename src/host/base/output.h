// Files of text that appear whole or not at all.
#ifndef MB_BASE_OUTPUT_H
#define MB_BASE_OUTPUT_H

#include <stddef.h>

#include "merbench/status.h"

// Writes `path` through a file beside it that takes its name when everything is on disk, so that a
// failure leaves an older file as it was. A device or a pipe is written directly.
mb_status mb_write_file(const char *path, const char *bytes, size_t count, mb_error *error);

#endif
