// Where an output goes. Used by output.c only.
#ifndef MB_BASE_OUTPUT_TARGET_H
#define MB_BASE_OUTPUT_TARGET_H

// Follows symbolic links to a file that exists or can be created. malloc'ed; NULL with errno.
char *mb_output_target(const char *path);

#endif
