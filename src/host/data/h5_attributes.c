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
    htri_t there = H5Aexists_by_name(h5->file, name, attribute, h5->links);
    if (there < 0 && *h5->cause == 0)
        *h5->cause = mb_h5_errno();
    return there > 0;
}

static mb_status open_attribute(const mb_h5 *h5, const char *name, const char *attribute,
                                opened *open, mb_error *error) {
    *open = (opened){-1, -1, -1};
    mb_status status = mb_h5_object(h5, name, H5I_BADID, &open->object, error);
    if (status != MB_OK)
        return status;
    htri_t there = H5Aexists(open->object, attribute);
    if (there > 0)
        open->attribute = H5Aopen(open->object, attribute, H5P_DEFAULT);
    if (there == 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: there is no attribute '%s'", h5->path, name,
                         attribute);
    else if (open->attribute < 0)
        status = mb_h5_fail(h5, error, "%s: there is no attribute '%s'", name, attribute);
    else if ((open->type = H5Aget_type(open->attribute)) < 0)
        status = mb_h5_fail(h5, error, "%s: attribute '%s': unreadable type", name, attribute);
    hid_t space = status == MB_OK ? H5Aget_space(open->attribute) : -1;
    hssize_t elements = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    if (status == MB_OK && elements < 0)
        status = mb_h5_fail(h5, error, "%s: attribute '%s': expected one value", name, attribute);
    else if (status == MB_OK && elements != 1)
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: attribute '%s': expected one value",
                         h5->path, name, attribute);
    if (space >= 0)
        H5Sclose(space);
    if (status != MB_OK)
        close_attribute(open);
    return status;
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
        status = mb_h5_fail(h5, error, "%s: attribute '%s': cannot be read", name, attribute);
    close_attribute(&open);
    return status;
}

static mb_status read_text(const mb_h5 *h5, const char *name, const char *attribute,
                           const opened *open, char **text, mb_error *error) {
    bool variable = H5Tis_variable_str(open->type) > 0;
    size_t size = variable ? 0 : H5Tget_size(open->type);
    char *shared = NULL, *fixed = calloc(size + 1, 1);
    if (fixed == NULL)
        return mb_out_of_memory(error, attribute);
    mb_status status = MB_OK;
    if (H5Aread(open->attribute, open->type, variable ? (void *)&shared : fixed) < 0)
        status = mb_h5_fail(h5, error, "%s: attribute '%s': cannot be read", name, attribute);
    else if (!variable || shared == NULL)
        *text = fixed;
    else if ((*text = strdup(shared)) == NULL)
        status = mb_out_of_memory(error, attribute);
    if (*text != fixed)
        free(fixed);
    if (shared != NULL)
        H5free_memory(shared);
    return status;
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
        status = read_text(h5, name, attribute, &open, text, error);
    }
    close_attribute(&open);
    return status;
}
