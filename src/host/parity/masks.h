// Stored dropout masks and noise.
#ifndef MB_PARITY_MASKS_H
#define MB_PARITY_MASKS_H

#include "parity/runner.h"

// Gives the runner's plan the masks of /noise/dropout, found by the names of the sites. Every site
// needs its mask, and every mask its site. Noise that is part of a model comes from the group
// `noise`.
mb_status mb_parity_load_masks(const mb_fixture *fixture, const char *noise, mb_runner *runner,
                               mb_error *error);

#endif
