// Messages about unknown names: "did you mean ...?"
#ifndef MB_BASE_SUGGEST_H
#define MB_BASE_SUGGEST_H

#include <stddef.h>

#include "merbench/status.h"

// A name that was given but is not one of the known ones.
typedef struct mb_unknown {
    const char *what; // what it should name: "model"
    const char *name; // as given
    const char *const *known;
    int count;
    const char *prefix; // printed before every name, such as "--", or NULL
    const char *hint;   // printed if no known name is similar; NULL: a list of the known names
    char quote;         // around names; 0: '
} mb_unknown;

// "unknown model 'atention'; did you mean 'attention'?", or the known names.
mb_status mb_fail_unknown(mb_error *error, mb_status status, const mb_unknown *unknown);

// "; did you mean 'attention'?", to be appended to other messages; "" if no known name is similar.
void mb_suggest(const mb_unknown *unknown, char *text, size_t size);

#endif
