#include "data/h5.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/h5_object.h"

static herr_t refuse_external_link(const char *parent_file, const char *parent_group,
                                   const char *child_file, const char *child_object,
                                   unsigned *access, hid_t file_access, void *unused) {
    (void)parent_file, (void)parent_group, (void)child_file, (void)child_object;
    (void)access, (void)file_access, (void)unused;
    return -1;
}

// Checks that the path is a readable HDF5 file: the errors of HDF5 itself do not name a cause.
static mb_status check_path(const char *path, mb_error *error) {
    struct stat info;
    if (stat(path, &info) != 0)
        return mb_fail_errno(error, errno, "%s: cannot open", path);
    if (!S_ISREG(info.st_mode))
        return mb_fail(error, MB_BAD_INPUT, "%s: expected an HDF5 file, found %s", path,
                       S_ISDIR(info.st_mode) ? "a folder" : "something other than a regular file");
    htri_t recognised = H5Fis_hdf5(path);
    int code = recognised < 0 ? mb_h5_errno() : 0;
    if (code != 0)
        return mb_h5_fail_errno(code, path, error);
    if (recognised <= 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected an HDF5 file, found another format%s",
                       path, info.st_size == 0 ? " (the file is empty)" : "");
    return MB_OK;
}

mb_status mb_h5_start(const char *path, mb_error *error) {
    // HDF5 1.10 crashes if there is no memory for its tables of types, or for the cache of a file,
    // which is half a megabyte.
    enum { ENOUGH = 4 << 20 };
    void *memory = malloc(ENOUGH);
    if (memory == NULL)
        return mb_out_of_memory(error, path);
    free(memory);
    H5dont_atexit(); // HDF5 1.10 crashes at exit if a file could not be closed (disk full)
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0); // a file must not be able to make HDF5 load a plugin
    return MB_OK;
}

mb_status mb_h5_open(const char *path, mb_h5 **h5, mb_error *error) {
    *h5 = NULL;
    mb_status status = mb_h5_start(path, error);
    if (status == MB_OK)
        status = check_path(path, error);
    if (status != MB_OK)
        return status;
    mb_h5 *opened = calloc(1, sizeof *opened);
    if (opened == NULL || (opened->path = strdup(path)) == NULL ||
        (opened->cause = calloc(1, sizeof *opened->cause)) == NULL) {
        if (opened != NULL)
            free(opened->path);
        free(opened);
        return mb_out_of_memory(error, path);
    }
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_file_locking(access, 0, 1); // file systems of shared folders often do not support locks
    opened->links = H5Pcreate(H5P_LINK_ACCESS);
    H5Pset_elink_cb(opened->links, refuse_external_link, NULL);
    opened->file = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (opened->file < 0)
        status =
            mb_h5_fail(opened, error, "the HDF5 file cannot be opened: it is truncated or damaged");
    H5Pclose(access);
    if (status != MB_OK)
        mb_h5_close(opened);
    else
        *h5 = opened;
    return status;
}

mb_status mb_h5_open_corpus(const char *path, mb_h5 **h5, mb_error *error) {
    mb_status status = mb_h5_open(path, h5, error);
    if (status == MB_OK)
        (*h5)->corpus = true;
    return status;
}

void mb_h5_close(mb_h5 *h5) {
    if (h5 == NULL)
        return;
    if (h5->file >= 0)
        H5Fclose(h5->file);
    if (h5->links >= 0)
        H5Pclose(h5->links);
    free(h5->cause);
    free(h5->path);
    free(h5);
}

bool mb_h5_has(const mb_h5 *h5, const char *name) {
    htri_t exists = H5Lexists(h5->file, name, h5->links);
    if (exists < 0 && *h5->cause == 0)
        *h5->cause = mb_h5_errno();
    return exists > 0;
}

mb_status mb_h5_check(const mb_h5 *h5, mb_error *error) {
    return *h5->cause == 0 ? MB_OK : mb_h5_fail_errno(*h5->cause, h5->path, error);
}

static mb_status check_link(const mb_h5 *h5, const char *path, const char *name, mb_error *error) {
    H5L_info_t info;
    if (H5Lget_info(h5->file, path, &info, h5->links) < 0)
        return mb_h5_fail(h5, error, "there is no object %s", name);
    if (info.type != H5L_TYPE_HARD)
        return mb_fail(error, MB_BAD_INPUT, "%s: %s is %s link, which is not allowed", h5->path,
                       path, info.type == H5L_TYPE_SOFT ? "a soft" : "an external");
    return MB_OK;
}

// Checks the links of a path, from the root on: only hard ones are followed.
static mb_status check_links(const mb_h5 *h5, const char *name, mb_error *error) {
    char *path = strdup(name);
    if (path == NULL)
        return mb_out_of_memory(error, name);
    mb_status status = MB_OK;
    size_t length = strcmp(name, "/") == 0 ? 0 : strlen(name);
    for (size_t end = 1; status == MB_OK && end <= length; end++)
        if (name[end] == '/' || name[end] == '\0') {
            path[end] = '\0';
            status = check_link(h5, path, name, error);
            path[end] = name[end];
        }
    free(path);
    return status;
}

static bool has_filter(hid_t group) {
    hid_t creation = H5Gget_create_plist(group);
    bool has = creation < 0 || H5Pget_nfilters(creation) != 0;
    if (creation >= 0)
        H5Pclose(creation);
    return has;
}

mb_status mb_h5_object(const mb_h5 *h5, const char *name, H5I_type_t kind, hid_t *object,
                       mb_error *error) {
    *object = -1;
    mb_status status = check_links(h5, name, error);
    if (status != MB_OK)
        return status;
    *object = H5Oopen(h5->file, name, h5->links);
    if (*object < 0)
        return mb_h5_fail(h5, error, "%s: the object cannot be opened: it is damaged", name);
    H5I_type_t found = H5Iget_type(*object);
    if (kind != H5I_BADID ? found != kind : found != H5I_DATASET && found != H5I_GROUP)
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: expected a %s, found a %s", h5->path, name,
                         kind == H5I_DATASET ? "dataset" : "group",
                         found == H5I_DATASET ? "dataset"
                         : found == H5I_GROUP ? "group"
                                              : "named type");
    else if (h5->corpus && found == H5I_GROUP && has_filter(*object))
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: the group has a filter; a corpus has none",
                         h5->path, name);
    if (status != MB_OK) {
        H5Oclose(*object);
        *object = -1;
    }
    return status;
}

typedef struct listing {
    char **names;
    int count, capacity;
    bool out_of_memory;
} listing;

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *data) {
    (void)group, (void)info;
    listing *list = data;
    if (list->count >= list->capacity)
        return -1; // more links than the group claims to have: the file is damaged
    char *copy = strdup(name);
    list->out_of_memory = copy == NULL;
    if (copy != NULL)
        list->names[list->count++] = copy;
    return copy == NULL ? -1 : 0;
}

mb_status mb_h5_list(const mb_h5 *h5, const char *group, char ***names, int *count,
                     mb_error *error) {
    enum { MOST_MEMBERS = 1 << 20 };
    *names = NULL, *count = 0;
    hid_t object;
    mb_status status = mb_h5_object(h5, group, H5I_GROUP, &object, error);
    if (status != MB_OK)
        return status;
    H5G_info_t info;
    listing list = {.names = NULL};
    if (H5Gget_info(object, &info) < 0)
        status = mb_h5_fail(h5, error, "%s: the group is damaged", group);
    else if (info.nlinks > MOST_MEMBERS)
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: the group is damaged", h5->path, group);
    else if ((list.names = calloc(info.nlinks + 1, sizeof *list.names)) == NULL)
        status = mb_out_of_memory(error, group);
    if (status == MB_OK) {
        hsize_t position = 0;
        list.capacity = (int)info.nlinks;
        if (H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, &position, add_name, &list) < 0)
            status = list.out_of_memory ? mb_out_of_memory(error, group)
                                        : mb_h5_fail(h5, error, "%s: cannot list the group", group);
    }
    H5Oclose(object);
    if (status != MB_OK) {
        mb_h5_free_names(list.names, list.count);
        return status;
    }
    *names = list.names;
    *count = list.count;
    return MB_OK;
}

void mb_h5_free_names(char **names, int count) {
    if (names == NULL)
        return;
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}
