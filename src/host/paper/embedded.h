// Files that the build puts into the program (cmake/embed.cmake), so that it finds them anywhere.
#ifndef MB_PAPER_EMBEDDED_H
#define MB_PAPER_EMBEDDED_H

#include <stddef.h>

typedef struct mb_embedded_text {
    const char *text; // ends with a zero, which does not count
    size_t length;
} mb_embedded_text;

extern const mb_embedded_text
    mb_paper_texts[]; // features.json, then the published tables from 1 on

#endif
