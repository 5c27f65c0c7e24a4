// Stored dropout masks.
#ifndef MB_PARITY_MASKS_H
#define MB_PARITY_MASKS_H

#include "parity/runner.h"

// Gives the runner's plan the masks of /noise/dropout, found by the names of the sites. Every site
// needs its mask, and every mask its site.
mb_status mb_parity_load_masks(const mb_fixture *fixture, mb_runner *runner, mb_error *error);

#endif
