// Unpacks the files of a kit.
#ifndef MB_KIT_UNPACK_H
#define MB_KIT_UNPACK_H

#include "merbench/status.h"

// Unpacks every FILE.gz in the folder `from` to the same path in the folder `to`, as an executable
// file.
mb_status mb_kit_unpack(const char *from, const char *to, mb_error *error);

// Removes a folder and its contents; ignores errors.
void mb_kit_remove(const char *folder);

#endif
