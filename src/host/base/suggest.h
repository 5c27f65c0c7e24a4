// "Did you mean ...?"
#ifndef MB_BASE_SUGGEST_H
#define MB_BASE_SUGGEST_H

#include <stddef.h>

#include "merbench/status.h"

// A name that is none of those that are known.
typedef struct mb_unknown {
    const char *what; // what it should name: "model"
    const char *name; // as given
    const char *const *known;
    int count;
    const char *before;    // stands before every name in the message, as "--"; NULL: nothing
    const char *otherwise; // what is said where no known name is near; NULL: which are known
    char quote;            // around names; 0: a single one
} mb_unknown;

// "unknown model 'atention'; did you mean 'attention'?", or what is known.
mb_status mb_fail_unknown(mb_error *error, mb_status status, const mb_unknown *unknown);

// "; did you mean 'attention'?", for messages of another form; "" where no known name is near.
void mb_suggest(const mb_unknown *unknown, char *text, size_t size);

#endif
