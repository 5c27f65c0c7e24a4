// The counters are a section of the program. Its ends have names that clang itself uses in files
// that are compiled with coverage, so this one is not.
#include "counters.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

extern uint8_t __start___sancov_cntrs[], __stop___sancov_cntrs[];
static uint8_t *shared;

static size_t count(void) {
    return (size_t)(__stop___sancov_cntrs - __start___sancov_cntrs);
}

void mb_counters_share(void) {
    shared = mmap(NULL, count(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
}

void mb_counters_send(void) {
    memcpy(shared, __start___sancov_cntrs, count());
}

void mb_counters_take(void) {
    memcpy(__start___sancov_cntrs, shared, count());
}
