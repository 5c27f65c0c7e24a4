// Dynamic shared memory, and asynchronous copies to shared memory, which arrive when they are
// waited for.
#include "block.h"
#include "cudasim/memory.h"

#include <string.h>

namespace cudasim {

void *dynamic_shared() {
    return block.shared;
}

void async_copy(void *shared, const void *global, size_t bytes, const char *file, int line) {
    source_line at = {file, line};
    require_kernel("an asynchronous copy", at);
    if ((uintptr_t)shared % bytes || (uintptr_t)global % bytes)
        fail(at, "an asynchronous copy of %zu bytes from %p to %p, which are not aligned to it",
             bytes, global, shared);
    thread_state *me = &block.threads[block.now];
    memset(shared, 0xFF, bytes);
    me->copies.push_back({shared, global, bytes, me->groups});
}

void async_commit() {
    block.threads[block.now].groups++;
}

void async_wait(int newest_still_open) {
    thread_state *me = &block.threads[block.now];
    size_t kept = 0;
    for (size_t i = 0; i < me->copies.size(); i++) {
        const open_copy &copy = me->copies[i];
        if (copy.group < me->groups - newest_still_open)
            memcpy(copy.to, copy.from, copy.bytes);
        else
            me->copies[kept++] = copy;
    }
    me->copies.resize(kept);
}

} // namespace cudasim
