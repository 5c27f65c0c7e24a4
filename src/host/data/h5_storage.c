// Where and how the values of datasets are stored. A file from a stranger must not make the library
// read another file, and the values of a corpus are read without any work of the library on them:
// no conversion, no filter, no index of chunks.
#include "data/h5_object.h"

static mb_status refuse(const mb_h5 *h5, const char *name, const char *what, mb_error *error) {
    return mb_fail(error, MB_BAD_INPUT, "%s: %s: %s", h5->path, name, what);
}

static mb_status check_creation(const mb_h5 *h5, const char *name, hid_t creation,
                                mb_error *error) {
    H5D_layout_t layout = H5Pget_layout(creation);
    int filters = H5Pget_nfilters(creation);
    if (layout == H5D_VIRTUAL || H5Pget_external_count(creation) != 0)
        return refuse(h5, name, "the values are in another file, which is not allowed", error);
    if (h5->corpus && filters != 0) {
        char filter[64] = "";
        unsigned flags = 0, config = 0;
        size_t parameters = 0;
        if (filters > 0)
            H5Pget_filter2(creation, 0, &flags, &parameters, NULL, sizeof filter, filter, &config);
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: %s: the values have a filter (%s); a corpus has none", h5->path, name,
                       filter[0] != '\0' ? filter : "unknown");
    }
    if (h5->corpus && layout != H5D_CONTIGUOUS)
        return refuse(h5, name,
                      layout == H5D_CHUNKED
                          ? "expected contiguous values, found chunks"
                          : "expected contiguous values, found values in the object's header",
                      error);
    return MB_OK;
}

// The types that the corpus format has.
static bool of_the_format(hid_t type) {
    return H5Tis_variable_str(type) > 0 || H5Tequal(type, H5T_STD_I32LE) > 0 ||
           H5Tequal(type, H5T_STD_I64LE) > 0 || H5Tequal(type, H5T_IEEE_F32LE) > 0;
}

mb_status mb_h5_storage(const mb_h5 *h5, const char *name, hid_t dataset, hid_t type,
                        mb_error *error) {
    hid_t creation = H5Dget_create_plist(dataset);
    if (creation < 0)
        return refuse(h5, name, "damaged dataset", error);
    mb_status status = check_creation(h5, name, creation, error);
    H5Pclose(creation);
    if (status == MB_OK && h5->corpus && !of_the_format(type))
        status = refuse(h5, name,
                        "expected int32, int64, float32 (little-endian) or strings of variable "
                        "length, found another type",
                        error);
    return status;
}
