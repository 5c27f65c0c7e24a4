// The few things that the project does with HDF5. Errors name the file and the object. Other
// folders read HDF5 files through this header alone; it does not expose any types of the library.
#ifndef MB_DATA_H5_H
#define MB_DATA_H5_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/status.h"

typedef struct mb_h5 mb_h5;

// Asks the guard of the program, if there is one (mb_set_file_guard), whether the HDF5 library may
// open a file. Not asked by mb_h5_open, since a corpus is opened several times.
mb_status mb_h5_guard(const char *path, bool corpus, mb_error *error);

// Opens a file for reading. MB_BAD_INPUT: the file is missing, not HDF5, or truncated. HDF5 does
// not print its own errors. As everywhere here, MB_FAILED is the machine's failure: a disk that
// cannot be read, no memory.
mb_status mb_h5_open(const char *path, mb_h5 **h5, mb_error *error);
// The same, with the rules of docs/corpus-format.md: datasets are contiguous, of the types that the
// format has, and without filters; so are groups.
mb_status mb_h5_open_corpus(const char *path, mb_h5 **h5, mb_error *error);
void mb_h5_close(mb_h5 *h5);

// Whether there is a link of this name, also one that leads nowhere. Also false if the machine
// fails; mb_h5_check tells.
bool mb_h5_has(const mb_h5 *h5, const char *name);

// MB_FAILED: something could not be read because the machine failed. Asked at the end, it covers
// mb_h5_has and mb_h5_has_attribute, which can only say no.
mb_status mb_h5_check(const mb_h5 *h5, mb_error *error);

// Reads a whole dataset and converts it to float or, of integers, to int64_t; *values is malloc'ed.
// The shape is written to dims[0..*rank), with at most 8 dimensions. A scalar has rank 0.
mb_status mb_h5_read_floats(const mb_h5 *h5, const char *name, float **values, int *rank,
                            int64_t dims[8], mb_error *error);
mb_status mb_h5_read_integers(const mb_h5 *h5, const char *name, int64_t **values, int *rank,
                              int64_t dims[8], mb_error *error);

// Makes the same checks and returns the shape, without reading the values.
mb_status mb_h5_shape(const mb_h5 *h5, const char *name, int *rank, int64_t dims[8],
                      mb_error *error);

// A dataset of two dimensions that is read some rows at a time, and not held as a whole. `h5` must
// stay open.
typedef struct mb_h5_rows mb_h5_rows;
mb_status mb_h5_rows_open(const mb_h5 *h5, const char *name, mb_h5_rows **rows, int64_t dims[2],
                          mb_error *error);
mb_status mb_h5_rows_read(const mb_h5_rows *rows, int64_t first, int64_t count, float *values,
                          mb_error *error);
void mb_h5_rows_close(mb_h5_rows *rows); // NULL is fine

// Reads a one-dimensional dataset of strings of fixed or variable length; free with
// mb_h5_free_names.
mb_status mb_h5_read_texts(const mb_h5 *h5, const char *name, char ***texts, int *count,
                           mb_error *error);

// Lists the names of the members of a group, sorted; free with mb_h5_free_names.
mb_status mb_h5_list(const mb_h5 *h5, const char *group, char ***names, int *count,
                     mb_error *error);
void mb_h5_free_names(char **names, int count);

// Read the attributes of the object `name` ("/" is the root): numbers of any type, strings of fixed
// or variable length. *text is malloc'ed.
bool mb_h5_has_attribute(const mb_h5 *h5, const char *name, const char *attribute);
mb_status mb_h5_attribute_number(const mb_h5 *h5, const char *name, const char *attribute,
                                 double *value, mb_error *error);
mb_status mb_h5_attribute_text(const mb_h5 *h5, const char *name, const char *attribute,
                               char **text, mb_error *error);

// Opens a file and reads all of its objects and attributes, of values those that the library does
// more with than copy them. Objects of types that the functions above do not read are left out.
mb_status mb_h5_walk(const char *path, mb_error *error);

#endif
