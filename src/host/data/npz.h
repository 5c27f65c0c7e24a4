// Reads pickled objects from the members of an .npz file (a zip of .npy files).
#ifndef MB_DATA_NPZ_H
#define MB_DATA_NPZ_H

#include "data/pickle.h"

typedef struct mb_npz mb_npz;

// Reads the whole file into memory and computes its digest. MB_BAD_INPUT: the file is missing, not
// a zip, truncated, or too large.
mb_status mb_npz_open(const char *path, mb_npz **npz, mb_error *error);
void mb_npz_close(mb_npz *npz);

const char *mb_npz_digest(const mb_npz *npz);
int mb_npz_count(const mb_npz *npz);
// The name of a member without ".npy".
const char *mb_npz_name(const mb_npz *npz, int member);

// Reads a member that holds one pickled object. *pickle owns *value; free it with mb_pickle_free.
// The members that were read may be larger than the file, if it is compressed, but only by a factor
// that labels have.
mb_status mb_npz_read_object(mb_npz *npz, int member, mb_pickle **pickle, const mb_python **value,
                             mb_error *error);

#endif
