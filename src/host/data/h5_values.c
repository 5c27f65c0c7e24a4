// Reads whole datasets: numbers of any type, strings.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/h5_object.h"

// Stored bytes expand by at most this factor, the best ratio of deflate. A header that claims more
// is damaged, and is refused before memory is allocated for it.
enum { BEST_RATIO = 1100, SMALL = 1 << 16 };

typedef struct opened {
    hid_t dataset, type, space;
    int rank;
    int64_t dims[8], elements;
} opened;

static void close_dataset(opened *open) {
    if (open->space >= 0)
        H5Sclose(open->space);
    if (open->type >= 0)
        H5Tclose(open->type);
    if (open->dataset >= 0)
        H5Oclose(open->dataset);
}

typedef enum value_kind { NUMBERS, INTEGERS, STRINGS } value_kind;

static const char *const kind_names[] = {"numbers", "integers", "strings"};

static const char *class_name(H5T_class_t class) {
    switch (class) {
    case H5T_INTEGER:
    case H5T_ENUM:
        return "integers";
    case H5T_FLOAT:
        return "floating-point numbers";
    case H5T_STRING:
        return "strings";
    case H5T_COMPOUND:
        return "compound values";
    default:
        return "values of another type";
    }
}

static bool suits(H5T_class_t class, value_kind kind) {
    bool integer = class == H5T_INTEGER || class == H5T_ENUM;
    return kind == STRINGS    ? class == H5T_STRING
           : kind == INTEGERS ? integer
                              : integer || class == H5T_FLOAT;
}

// The header of a dataset may claim any size, but no more can be stored than the file has.
static uint64_t stored_bytes(const mb_h5 *h5, hid_t dataset) {
    struct stat info; // HDF5 would tell the size that the file claims
    uint64_t stored = H5Dget_storage_size(dataset);
    return stat(h5->path, &info) == 0 && stored > (uint64_t)info.st_size ? (uint64_t)info.st_size
                                                                         : stored;
}

static mb_status read_shape(const mb_h5 *h5, const char *name, opened *open, mb_error *error) {
    open->rank = H5Sget_simple_extent_ndims(open->space);
    H5S_class_t class = H5Sget_simple_extent_type(open->space);
    if (class != H5S_SCALAR && class != H5S_SIMPLE)
        return mb_fail(error, MB_BAD_INPUT, "%s: %s: the dataset has no values", h5->path, name);
    if (open->rank < 0 || open->rank > 8)
        return mb_fail(error, MB_BAD_INPUT, "%s: %s: expected at most 8 dimensions, found %d",
                       h5->path, name, open->rank);
    hsize_t dims[8] = {0};
    if (open->rank > 0 && H5Sget_simple_extent_dims(open->space, dims, NULL) < 0)
        return mb_h5_fail(h5, error, "%s: unreadable shape", name);
    open->elements = 1;
    for (int i = 0; i < open->rank; i++) {
        int64_t dim = dims[i] > (hsize_t)(INT64_MAX / 64) ? -1 : (int64_t)dims[i];
        if (dim < 0 || __builtin_mul_overflow(open->elements, dim, &open->elements) ||
            open->elements > INT64_MAX / 64)
            return mb_fail(error, MB_BAD_INPUT, "%s: %s: the shape is too large", h5->path, name);
        open->dims[i] = dim;
    }
    uint64_t wanted;
    size_t size = H5Tget_size(open->type); // 0: the type is damaged
    if (size == 0 || __builtin_mul_overflow((uint64_t)open->elements, size, &wanted))
        return mb_fail(error, MB_BAD_INPUT, "%s: %s: the shape is too large", h5->path, name);
    uint64_t stored = stored_bytes(h5, open->dataset);
    bool fits = wanted <= SMALL || wanted / BEST_RATIO <= stored;
    if (h5->corpus && open->elements > 0) // strings have another size in memory than in the file
        fits = H5Tget_class(open->type) == H5T_STRING ? stored > 0 && fits : stored == wanted;
    if (!fits)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: %s: the shape needs %llu bytes, but the file holds only %llu", h5->path,
                       name, (unsigned long long)wanted, (unsigned long long)stored);
    return MB_OK;
}

static mb_status open_dataset(const mb_h5 *h5, const char *name, value_kind kind, opened *open,
                              mb_error *error) {
    *open = (opened){.dataset = -1, .type = -1, .space = -1};
    mb_status status = mb_h5_object(h5, name, H5I_DATASET, &open->dataset, error);
    if (status != MB_OK)
        return status;
    open->type = H5Dget_type(open->dataset);
    open->space = H5Dget_space(open->dataset);
    H5T_class_t class = open->type >= 0 ? H5Tget_class(open->type) : H5T_NO_CLASS;
    if (open->type < 0 || open->space < 0)
        status = mb_h5_fail(h5, error, "%s: damaged dataset", name);
    else if (!suits(class, kind))
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: expected %s, found %s", h5->path, name,
                         kind_names[kind], class_name(class));
    else
        status = mb_h5_storage(h5, name, open->dataset, open->type, error);
    if (status == MB_OK)
        status = read_shape(h5, name, open, error);
    if (status != MB_OK)
        close_dataset(open);
    return status;
}

static mb_status read_numbers(const mb_h5 *h5, const char *name, value_kind kind, hid_t type,
                              size_t size, void **values, int *rank, int64_t dims[8],
                              mb_error *error) {
    *values = NULL, *rank = 0;
    opened open;
    mb_status status = open_dataset(h5, name, kind, &open, error);
    if (status != MB_OK)
        return status;
    void *read = malloc(open.elements > 0 ? (size_t)open.elements * size : 1);
    if (read == NULL) {
        status = mb_out_of_memory(error, name);
    } else if (open.elements > 0 &&
               H5Dread(open.dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, read) < 0) {
        status = mb_h5_fail(h5, error, "%s: cannot read the values: damaged or truncated", name);
        free(read);
    } else {
        *values = read;
        *rank = open.rank;
        memcpy(dims, open.dims, (size_t)open.rank * sizeof *dims);
    }
    close_dataset(&open);
    return status;
}

mb_status mb_h5_shape(const mb_h5 *h5, const char *name, int *rank, int64_t dims[8],
                      mb_error *error) {
    *rank = 0;
    opened open;
    mb_status status = open_dataset(h5, name, NUMBERS, &open, error);
    if (status != MB_OK)
        return status;
    *rank = open.rank;
    memcpy(dims, open.dims, (size_t)open.rank * sizeof *dims);
    close_dataset(&open);
    return MB_OK;
}

mb_status mb_h5_read_floats(const mb_h5 *h5, const char *name, float **values, int *rank,
                            int64_t dims[8], mb_error *error) {
    void *read;
    mb_status status = read_numbers(h5, name, NUMBERS, H5T_NATIVE_FLOAT, sizeof **values, &read,
                                    rank, dims, error);
    *values = read;
    return status;
}

mb_status mb_h5_read_integers(const mb_h5 *h5, const char *name, int64_t **values, int *rank,
                              int64_t dims[8], mb_error *error) {
    void *read;
    mb_status status = read_numbers(h5, name, INTEGERS, H5T_NATIVE_INT64, sizeof **values, &read,
                                    rank, dims, error);
    *values = read;
    return status;
}

// ---- rows, some at a time ---------------------------------------------------------------------

struct mb_h5_rows {
    const mb_h5 *h5;
    char *name;
    opened open;
};

mb_status mb_h5_rows_open(const mb_h5 *h5, const char *name, mb_h5_rows **rows, int64_t dims[2],
                          mb_error *error) {
    *rows = NULL;
    mb_h5_rows *made = calloc(1, sizeof *made);
    if (made == NULL || (made->name = strdup(name)) == NULL) {
        free(made);
        return mb_out_of_memory(error, name);
    }
    made->h5 = h5;
    mb_status status = open_dataset(h5, name, NUMBERS, &made->open, error);
    if (status == MB_OK && made->open.rank != 2) {
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: expected two dimensions, found %d", h5->path,
                         name, made->open.rank);
        close_dataset(&made->open);
    }
    if (status != MB_OK) {
        free(made->name);
        free(made);
        return status;
    }
    memcpy(dims, made->open.dims, 2 * sizeof *dims);
    *rows = made;
    return MB_OK;
}

mb_status mb_h5_rows_read(const mb_h5_rows *rows, int64_t first, int64_t count, float *values,
                          mb_error *error) {
    hsize_t start[2] = {(hsize_t)first, 0};
    hsize_t part[2] = {(hsize_t)count, (hsize_t)rows->open.dims[1]};
    hid_t memory = H5Screate_simple(2, part, NULL);
    mb_status status = MB_OK;
    if (memory < 0 ||
        H5Sselect_hyperslab(rows->open.space, H5S_SELECT_SET, start, NULL, part, NULL) < 0 ||
        H5Dread(rows->open.dataset, H5T_NATIVE_FLOAT, memory, rows->open.space, H5P_DEFAULT,
                values) < 0)
        status = mb_h5_fail(rows->h5, error, "%s: cannot read the values: damaged or truncated",
                            rows->name);
    if (memory >= 0)
        H5Sclose(memory);
    return status;
}

void mb_h5_rows_close(mb_h5_rows *rows) {
    if (rows == NULL)
        return;
    close_dataset(&rows->open);
    free(rows->name);
    free(rows);
}

// ---- strings ----------------------------------------------------------------------------------

// Variable-length strings belong to HDF5 and are copied; fixed-length ones may lack a terminating
// zero, which the copy adds.
static char **copy_texts(const opened *open, const char *bytes, bool variable, size_t size) {
    char **texts = calloc((size_t)open->elements + 1, sizeof *texts);
    for (int64_t i = 0; texts != NULL && i < open->elements; i++) {
        if (variable) {
            const char *text = ((char *const *)(const void *)bytes)[i];
            texts[i] = strdup(text != NULL ? text : "");
        } else {
            texts[i] = strndup(bytes + (size_t)i * size, size);
        }
        if (texts[i] == NULL) {
            mb_h5_free_names(texts, (int)i);
            return NULL;
        }
    }
    return texts;
}

mb_status mb_h5_read_texts(const mb_h5 *h5, const char *name, char ***texts, int *count,
                           mb_error *error) {
    *texts = NULL, *count = 0;
    opened open;
    mb_status status = open_dataset(h5, name, STRINGS, &open, error);
    if (status != MB_OK)
        return status;
    bool variable = H5Tis_variable_str(open.type) > 0;
    size_t size = H5Tget_size(open.type);
    char *bytes = NULL;
    if (open.rank != 1 || open.elements > INT32_MAX)
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: expected one dimension, found %d", h5->path,
                         name, open.rank);
    else if ((bytes = calloc((size_t)open.elements + 1, size)) == NULL)
        status = mb_out_of_memory(error, name);
    else if (open.elements > 0 &&
             H5Dread(open.dataset, open.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0)
        status = mb_h5_fail(h5, error, "%s: cannot read the strings: damaged or truncated", name);
    if (status == MB_OK) {
        *texts = copy_texts(&open, bytes, variable, size);
        *count = (int)open.elements;
        if (*texts == NULL)
            status = mb_out_of_memory(error, name);
        if (variable && open.elements > 0)
            H5Dvlen_reclaim(open.type, open.space, H5P_DEFAULT, bytes);
    }
    free(bytes);
    close_dataset(&open);
    return status;
}
