// The packed files of a kit.
#ifndef MB_KIT_UNPACK_H
#define MB_KIT_UNPACK_H

#include "merbench/status.h"

// Unpacks every FILE.gz below `from` to the same place below `to`, as an executable; both are
// folders.
mb_status mb_kit_unpack(const char *from, const char *to, mb_error *error);

// Removes a folder and all that is in it; what cannot be removed stays.
void mb_kit_remove(const char *folder);

#endif
