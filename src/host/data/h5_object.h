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
    int *cause; // errno of the first failure of the system, or 0
};

// Sets the library up. Must be called before a file is opened or created; repeated calls do no
// harm. `path` is for the message.
mb_status mb_h5_start(const char *path, mb_error *error);

// Why the call of HDF5 that has just failed did: the errno that its error stack tells, ENOMEM if an
// allocation failed, 0 if the file is to blame. Any other call of HDF5 clears the stack.
int mb_h5_errno(void);

// Fails because the call of HDF5 before has: with the system's error if there is one, otherwise
// with MB_BAD_INPUT and the message that is given.
mb_status mb_h5_fail(const mb_h5 *h5, mb_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
mb_status mb_h5_fail_errno(int code, const char *path, mb_error *error);

// Opens an object and checks that it is a dataset, a group, or (H5I_BADID) either of them, and that
// no soft or external link leads to it. Close it with H5Oclose.
mb_status mb_h5_object(const mb_h5 *h5, const char *name, H5I_type_t kind, hid_t *object,
                       mb_error *error);

// h5_storage.c: checks where and how the values of a dataset are stored, and, in a corpus, of which
// type they are.
mb_status mb_h5_storage(const mb_h5 *h5, const char *name, hid_t dataset, hid_t type,
                        mb_error *error);

#endif
