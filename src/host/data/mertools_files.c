#include "data/mertools_files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/plural.h"
#include "data/file_bytes.h"
#include "data/h5.h"

static const size_t largest_file = (size_t)1 << 32;

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_entry(char ***names, int *count, int *capacity, const char *name) {
    if (*count == *capacity) {
        int larger = *capacity == 0 ? 256 : 2 * *capacity;
        char **moved = realloc(*names, (size_t)larger * sizeof *moved);
        if (moved == NULL)
            return false;
        *names = moved;
        *capacity = larger;
    }
    (*names)[*count] = strdup(name);
    return (*names)[*count] != NULL && ++*count > 0;
}

mb_status mb_list_folder(const char *folder, char ***names, int *count, mb_error *error) {
    *names = NULL, *count = 0;
    int capacity = 0;
    DIR *open = opendir(folder);
    if (open == NULL)
        return mb_fail_errno(error, errno, "%s: cannot open the folder", folder);
    const struct dirent *entry;
    *names = calloc(1, sizeof **names); // not NULL even if the folder is empty
    mb_status status = *names != NULL ? MB_OK : mb_out_of_memory(error, folder);
    while (status == MB_OK && (errno = 0, entry = readdir(open)) != NULL)
        if (entry->d_name[0] != '.' &&
            (*count == INT_MAX / 4 || !add_entry(names, count, &capacity, entry->d_name)))
            status = mb_out_of_memory(error, folder);
    if (status == MB_OK && errno != 0)
        status = mb_fail_errno(error, errno, "%s: cannot read the folder", folder);
    closedir(open);
    if (status != MB_OK) {
        mb_h5_free_names(*names, *count);
        *names = NULL, *count = 0;
    } else if (*count > 0) {
        qsort(*names, (size_t)*count, sizeof **names, compare_names);
    }
    return status;
}

mb_status mb_read_frame_file(const char *path, mb_frames *frames, char digest[33],
                             mb_error *error) {
    mb_file_bytes file;
    *frames = (mb_frames){0};
    mb_status status = mb_file_read(path, largest_file, &file, error);
    if (status != MB_OK)
        return status;
    mb_hash(file.bytes, file.size, digest);
    status = mb_npy_frames(file.bytes, file.size, path, frames, error);
    free(file.bytes);
    return status;
}

// Reads a file, which must hold one frame, and adds it to those of its folder.
static mb_status add_frame(const char *path, mb_frames *all, int capacity, mb_hasher *hasher,
                           mb_error *error) {
    mb_frames one;
    char digest[33];
    mb_status status = mb_read_frame_file(path, &one, digest, error);
    if (status != MB_OK)
        return status;
    mb_hasher_add_string(hasher, digest);
    if (one.count != 1)
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s: expected one frame in a file of a folder, found %" PRId64, path,
                         one.count);
    else if (all->count > 0 && one.dimension != all->dimension)
        status = mb_fail(
            error, MB_BAD_INPUT, "%s: the frame has %d %s, the frames before it have %d", path,
            one.dimension, mb_plural(one.dimension, "value", "values"), all->dimension);
    if (status == MB_OK && all->count == 0) {
        all->dimension = one.dimension;
        all->values = calloc((size_t)capacity, (size_t)one.dimension * sizeof(float));
        if (all->values == NULL)
            status = mb_out_of_memory(error, path);
    }
    if (status == MB_OK)
        memcpy(all->values + all->count++ * all->dimension, one.values,
               (size_t)one.dimension * sizeof(float));
    free(one.values);
    return status;
}

mb_status mb_read_frame_folder(const char *folder, mb_frames *frames, char digest[33],
                               mb_error *error) {
    char **names, path[PATH_MAX];
    int count;
    *frames = (mb_frames){0};
    mb_status status = mb_list_folder(folder, &names, &count, error);
    if (status == MB_OK && count == 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: the folder holds no frames", folder);
    if (status != MB_OK) {
        mb_h5_free_names(names, count);
        return status;
    }
    mb_hasher *hasher = mb_hasher_create();
    if (hasher == NULL)
        status = mb_out_of_memory(error, folder);
    for (int i = 0; i < count && status == MB_OK; i++) {
        int length = snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        size_t name_length = strlen(names[i]);
        if (length < 0 || (size_t)length >= sizeof path)
            status = mb_fail(error, MB_BAD_INPUT, "%s: the path is too long", folder);
        else if (name_length < 5 || strcmp(names[i] + name_length - 4, ".npy") != 0)
            status = mb_fail(error, MB_BAD_INPUT, "%s: expected an .npy file", path);
        else
            status = add_frame(path, frames, count, hasher, error);
    }
    if (hasher != NULL)
        mb_hasher_finish(hasher, digest);
    mb_h5_free_names(names, count);
    return status;
}
