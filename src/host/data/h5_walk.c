// Reads a whole file, to find out whether the HDF5 library gets through it.
#include <stdio.h>
#include <stdlib.h>

#include "data/h5_object.h"

enum {
    DEEPEST = 16,          // groups within groups; a group may contain itself
    MOST_OBJECTS = 100000, // of a file
    BULK = 1 << 20,        // bytes of contiguous numbers that are not read: a copy needs no trial
    LONGEST_NAME = 1024,
};

typedef struct walk {
    const mb_h5 *h5;
    int objects;
    mb_error *error;
} walk;

static bool is_number(H5T_class_t class) {
    return class == H5T_INTEGER || class == H5T_FLOAT || class == H5T_ENUM;
}

// ---- attributes -------------------------------------------------------------------------------

static mb_status read_attribute(const walk *w, const char *name, hid_t attribute) {
    char attribute_name[LONGEST_NAME], *text = NULL;
    double number = 0;
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    H5T_class_t class = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    bool single = space >= 0 && H5Sget_simple_extent_npoints(space) == 1;
    ssize_t length = H5Aget_name(attribute, sizeof attribute_name, attribute_name);
    mb_status status = MB_OK;
    if (single && length > 0 && length < LONGEST_NAME && is_number(class))
        status = mb_h5_attribute_number(w->h5, name, attribute_name, &number, w->error);
    else if (single && length > 0 && length < LONGEST_NAME && class == H5T_STRING)
        status = mb_h5_attribute_text(w->h5, name, attribute_name, &text, w->error);
    free(text);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return status;
}

static mb_status read_attributes(const walk *w, const char *name, hid_t object) {
    H5O_info_t info;
    mb_status status = MB_OK;
    if (H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS) < 0)
        return mb_fail(w->error, MB_BAD_INPUT, "%s: %s: damaged object", w->h5->path, name);
    for (hsize_t i = 0; i < info.num_attrs && i < MOST_OBJECTS && status == MB_OK; i++) {
        hid_t attribute =
            H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
        if (attribute < 0)
            return mb_fail(w->error, MB_BAD_INPUT, "%s: %s: an attribute is damaged", w->h5->path,
                           name);
        status = read_attribute(w, name, attribute);
        H5Aclose(attribute);
    }
    return status;
}

// ---- datasets ---------------------------------------------------------------------------------

// Whether the values are many and are copied as they are.
static bool is_bulk(hid_t dataset, hid_t type) {
    hid_t creation = H5Dget_create_plist(dataset);
    bool contiguous = creation >= 0 && H5Pget_layout(creation) == H5D_CONTIGUOUS;
    if (creation >= 0)
        H5Pclose(creation);
    bool standard = H5Tequal(type, H5T_IEEE_F32LE) > 0 || H5Tequal(type, H5T_STD_I64LE) > 0;
    return contiguous && standard && H5Dget_storage_size(dataset) > BULK;
}

static mb_status read_dataset(const walk *w, const char *name, hid_t dataset) {
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    H5T_class_t class = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    int rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
    int64_t dims[8], *integers = NULL;
    float *floats = NULL;
    char **texts = NULL;
    int count = 0;
    mb_status status = MB_OK;
    if (is_number(class) && is_bulk(dataset, type))
        status = mb_h5_shape(w->h5, name, &rank, dims, w->error);
    else if (class == H5T_FLOAT)
        status = mb_h5_read_floats(w->h5, name, &floats, &rank, dims, w->error);
    else if (is_number(class))
        status = mb_h5_read_integers(w->h5, name, &integers, &rank, dims, w->error);
    else if (class == H5T_STRING && rank == 1)
        status = mb_h5_read_texts(w->h5, name, &texts, &count, w->error);
    free(integers);
    free(floats);
    mb_h5_free_names(texts, count);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return status;
}

// ---- groups -----------------------------------------------------------------------------------

static mb_status visit(walk *w, const char *name, int depth);

static mb_status visit_members(walk *w, const char *group, int depth) {
    char **names = NULL, path[LONGEST_NAME];
    int count = 0;
    mb_status status = mb_h5_list(w->h5, group, &names, &count, w->error);
    for (int i = 0; i < count && status == MB_OK; i++) {
        int length = snprintf(path, sizeof path, "%s/%s", depth == 0 ? "" : group, names[i]);
        if (length < LONGEST_NAME) // no function reads an object with a longer name
            status = visit(w, path, depth + 1);
    }
    mb_h5_free_names(names, count);
    return status;
}

static mb_status visit(walk *w, const char *name, int depth) {
    if (depth > DEEPEST || ++w->objects > MOST_OBJECTS)
        return mb_fail(w->error, MB_BAD_INPUT,
                       "%s: %s: expected at most %d objects, at most %d groups deep", w->h5->path,
                       name, MOST_OBJECTS, DEEPEST);
    hid_t object;
    mb_status status = mb_h5_object(w->h5, name, H5I_BADID, &object, w->error);
    if (status != MB_OK)
        return status;
    status = read_attributes(w, name, object);
    bool group = H5Iget_type(object) == H5I_GROUP;
    if (status == MB_OK && !group)
        status = read_dataset(w, name, object);
    H5Oclose(object);
    return status == MB_OK && group ? visit_members(w, name, depth) : status;
}

mb_status mb_h5_walk(const char *path, mb_error *error) {
    mb_h5 *h5;
    mb_status status = mb_h5_open(path, &h5, error);
    if (status == MB_OK)
        status = visit(&(walk){.h5 = h5, .error = error}, "/", 0);
    mb_h5_close(h5);
    return status;
}
