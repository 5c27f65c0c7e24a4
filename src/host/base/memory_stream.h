// Texts that are written to a stream made with open_memstream.
#ifndef MB_BASE_MEMORY_STREAM_H
#define MB_BASE_MEMORY_STREAM_H

#include <stdbool.h>
#include <stdio.h>

// Closes the stream; *text must be freed. False: out of memory, and *text is NULL.
bool mb_memory_stream_end(FILE *stream, char **text);

#endif
