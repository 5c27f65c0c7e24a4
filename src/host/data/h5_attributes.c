// Reads attributes that hold a single value.
#include <stdlib.h>
#include <string.h>

#include "data/h5_object.h"

typedef struct opened {
    hid_t object, attribute, type;
} opened;

static void close_attribute(opened *open) {
    if (open->type >= 0)
        H5Tclose(open->type);
    if (open->attribute >= 0)
        H5Aclose(open->attribute);
    if (open->object >= 0)
        H5Oclose(open->object);
}

bool mb_h5_has_attribute(const mb_h5 *h5, const char *name, const char *attribute) {
    return H5Aexists_by_name(h5->file, name, attribute, h5->links) > 0;
}

static mb_status open_attribute(const mb_h5 *h5, const char *name, const char *attribute,
                                opened *open, mb_error *error) {
    *open = (opened){-1, -1, -1};
    mb_status status = mb_h5_object(h5, name, H5I_BADID, &open->object, error);
    if (status != MB_OK)
        return status;
    if (H5Aexists(open->object, attribute) > 0)
        open->attribute = H5Aopen(open->object, attribute, H5P_DEFAULT);
    if (open->attribute < 0) {
        close_attribute(open);
        return mb_fail(error, MB_BAD_INPUT, "%s: %s: there is no attribute '%s'", h5->path, name,
                       attribute);
    }
    open->type = H5Aget_type(open->attribute);
    hid_t space = H5Aget_space(open->attribute);
    hssize_t elements = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    if (space >= 0)
        H5Sclose(space);
    if (open->type < 0 || elements != 1) {
        close_attribute(open);
        return mb_fail(error, MB_BAD_INPUT, "%s: %s: attribute '%s': expected one value", h5->path,
                       name, attribute);
    }
    return MB_OK;
}

mb_status mb_h5_attribute_number(const mb_h5 *h5, const char *name, const char *attribute,
                                 double *value, mb_error *error) {
    opened open;
    mb_status status = open_attribute(h5, name, attribute, &open, error);
    if (status != MB_OK)
        return status;
    H5T_class_t class = H5Tget_class(open.type);
    if (class != H5T_INTEGER && class != H5T_FLOAT && class != H5T_ENUM)
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: attribute '%s': expected a number", h5->path,
                         name, attribute);
    else if (H5Aread(open.attribute, H5T_NATIVE_DOUBLE, value) < 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: attribute '%s': cannot be read", h5->path,
                         name, attribute);
    close_attribute(&open);
    return status;
}

static mb_status read_text(const opened *open, char **text) {
    *text = NULL;
    if (H5Tis_variable_str(open->type) > 0) {
        char *shared = NULL;
        if (H5Aread(open->attribute, open->type, &shared) < 0)
            return MB_BAD_INPUT;
        *text = strdup(shared != NULL ? shared : "");
        H5free_memory(shared);
    } else {
        size_t size = H5Tget_size(open->type);
        *text = calloc(size + 1, 1);
        if (*text != NULL && H5Aread(open->attribute, open->type, *text) < 0) {
            free(*text);
            *text = NULL;
            return MB_BAD_INPUT;
        }
    }
    return *text != NULL ? MB_OK : MB_FAILED;
}

mb_status mb_h5_attribute_text(const mb_h5 *h5, const char *name, const char *attribute,
                               char **text, mb_error *error) {
    *text = NULL;
    opened open;
    mb_status status = open_attribute(h5, name, attribute, &open, error);
    if (status != MB_OK)
        return status;
    if (H5Tget_class(open.type) != H5T_STRING) {
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: attribute '%s': expected a string", h5->path,
                         name, attribute);
    } else {
        status = read_text(&open, text);
        if (status == MB_BAD_INPUT)
            mb_fail(error, status, "%s: %s: attribute '%s': cannot be read", h5->path, name,
                    attribute);
        else if (status == MB_FAILED)
            mb_out_of_memory(error, attribute);
    }
    close_attribute(&open);
    return status;
}
