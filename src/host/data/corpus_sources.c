#include "data/corpus_sources.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGEST = 32, MARK = 24, CHUNK = 1 << 20 }; // a mark is followed by the index of the source

mb_status mb_sources_stand_in(const mb_source *sources, int32_t count, mb_source *standing,
                              mb_error *error) {
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return mb_fail(error, MB_FAILED, "cannot get random numbers: %s", strerror(errno));
    for (int32_t i = 0; i < count; i++) {
        standing[i] = sources[i];
        if (sources[i].digest[0] == '\0')
            snprintf(standing[i].digest, sizeof standing[i].digest, "%016" PRIx64 "%08x%08x",
                     random[0], (unsigned)(random[1] & 0xffffffff), (unsigned)i);
    }
    return MB_OK;
}

typedef struct search {
    int file;
    const char *path;
    const char *mark; // what all standing texts begin with
    const mb_source *standing, *sources;
    int32_t count, left; // texts to replace
    char *chunk;
} search;

static mb_status failed(const search *s, mb_error *error) {
    return mb_fail(error, MB_FAILED, "%s: cannot write the corpus: %s", s->path, strerror(errno));
}

static mb_status replace(search *s, const char *text, int64_t position, mb_error *error) {
    for (int32_t i = 0; i < s->count; i++)
        if (memcmp(s->standing[i].digest, text, DIGEST) == 0) {
            s->left--;
            bool done = pwrite(s->file, s->sources[i].digest, DIGEST, position) == DIGEST;
            return done ? MB_OK : failed(s, error);
        }
    return MB_OK;
}

static mb_status replace_in_range(search *s, int64_t start, int64_t end, mb_error *error) {
    while (end - start >= DIGEST) {
        size_t wanted = end - start < CHUNK ? (size_t)(end - start) : CHUNK;
        ssize_t got = pread(s->file, s->chunk, wanted, start);
        if (got < DIGEST) {
            errno = got >= 0 ? EIO : errno;
            return failed(s, error);
        }
        size_t starts = (size_t)got - DIGEST + 1; // where a whole text can start
        const char *match = memmem(s->chunk, starts + MARK - 1, s->mark, MARK);
        start += match != NULL ? match - s->chunk : (ssize_t)starts;
        if (match == NULL)
            continue;
        mb_status status = replace(s, match, start, error);
        if (status != MB_OK)
            return status;
        start += DIGEST;
    }
    return MB_OK;
}

mb_status mb_sources_complete(int file, const char *path, const mb_source *standing,
                              const mb_source *sources, int32_t count, int64_t start,
                              const mb_extent *extents, int32_t extent_count, mb_error *error) {
    struct stat info;
    search s = {
        .file = file, .path = path, .standing = standing, .sources = sources, .count = count};
    for (int32_t i = 0; i < count; i++)
        if (strcmp(standing[i].digest, sources[i].digest) != 0) {
            s.mark = standing[i].digest;
            s.left++;
        }
    if (s.left == 0)
        return MB_OK;
    s.chunk = malloc(CHUNK);
    if (s.chunk == NULL)
        return mb_out_of_memory(error, path);
    mb_status status = fstat(file, &info) == 0 ? MB_OK : failed(&s, error);
    for (int32_t e = 0; e <= extent_count && status == MB_OK; e++) {
        status =
            replace_in_range(&s, start, e < extent_count ? extents[e].start : info.st_size, error);
        if (e < extent_count)
            start = extents[e].start + extents[e].length;
    }
    free(s.chunk);
    if (status == MB_OK && s.left != 0)
        status =
            mb_fail(error, MB_FAILED, "%s: cannot write the corpus: a digest has no place", path);
    return status;
}
