// Opens HDF5 files in a child process first. The HDF5 library crashes or does not end on some
// files, and the seal of a corpus does not protect against somebody who seals such a file again.
// The child makes the calls that this process would make, with limits of memory and time; only a
// file that it gets through is opened here.
#ifndef MB_CLI_PROBE_H
#define MB_CLI_PROBE_H

#include "merbench/status.h"

// Has every HDF5 file opened by a child first, from now on.
void mb_probe_start(void);

#endif
