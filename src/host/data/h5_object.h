// Shared by the files of data/ that call HDF5 themselves. No other file includes this.
#ifndef MB_DATA_H5_OBJECT_H
#define MB_DATA_H5_OBJECT_H

#include <hdf5.h>

#include "data/h5.h"

struct mb_h5 {
    hid_t file;
    hid_t links; // link access properties: no link may lead out of the file
    bool corpus; // whether the rules of corpora hold
    char *path;
};

// Sets the library up. Must be called before any other use of HDF5; repeated calls do no harm.
void mb_h5_start(void);

// Opens an object and checks that it is a dataset, a group, or (H5I_BADID) either of them, and that
// no soft or external link leads to it. Close it with H5Oclose.
mb_status mb_h5_object(const mb_h5 *h5, const char *name, H5I_type_t kind, hid_t *object,
                       mb_error *error);

// h5_storage.c: checks where and how the values of a dataset are stored, and, in a corpus, of which
// type they are.
mb_status mb_h5_storage(const mb_h5 *h5, const char *name, hid_t dataset, hid_t type,
                        mb_error *error);

#endif
