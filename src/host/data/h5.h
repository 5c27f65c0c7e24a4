// The few things that the project does with HDF5, with errors that name the file and the object.
// The one header through which other folders read reference files; none of HDF5's types shows.
#ifndef MB_DATA_H5_H
#define MB_DATA_H5_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/status.h"

typedef struct mb_h5 mb_h5;

// Opens for reading. MB_BAD_INPUT: no such file, no HDF5 file, truncated. HDF5's own error stack is
// never printed.
mb_status mb_h5_open(const char *path, mb_h5 **h5, mb_error *error);
void mb_h5_close(mb_h5 *h5);

bool mb_h5_has(const mb_h5 *h5, const char *name);

// Reads a whole dataset, converted to the type asked for; *values is malloc'ed. `rank` dimensions
// are written to dims[0..*rank), at most 8. A scalar has rank 0.
mb_status mb_h5_read_floats(const mb_h5 *h5, const char *name, float **values, int *rank,
                            int64_t dims[8], mb_error *error);
mb_status mb_h5_read_integers(const mb_h5 *h5, const char *name, int64_t **values, int *rank,
                              int64_t dims[8], mb_error *error);

// A one-dimensional dataset of strings, fixed or variable length; free with mb_h5_free_names.
mb_status mb_h5_read_texts(const mb_h5 *h5, const char *name, char ***texts, int *count,
                           mb_error *error);

// Names of the members of a group, sorted; free with mb_h5_free_names.
mb_status mb_h5_list(const mb_h5 *h5, const char *group, char ***names, int *count,
                     mb_error *error);
void mb_h5_free_names(char **names, int count);

// Attributes of the object `name` ("/" for the root). Numbers of any type; strings fixed or
// variable length, *text malloc'ed.
bool mb_h5_has_attribute(const mb_h5 *h5, const char *name, const char *attribute);
mb_status mb_h5_attribute_number(const mb_h5 *h5, const char *name, const char *attribute,
                                 double *value, mb_error *error);
mb_status mb_h5_attribute_text(const mb_h5 *h5, const char *name, const char *attribute,
                               char **text, mb_error *error);

#endif
