// Dropout masks and noise that a fixture stores.
#ifndef MB_PARITY_MASKS_H
#define MB_PARITY_MASKS_H

#include "parity/runner.h"

// Uploads the masks of /noise/dropout, found by the names of their sites. Every site needs a mask,
// and every mask a site. Noise that is part of the model comes from the group `noise`.
mb_status mb_parity_load_masks(const mb_fixture *fixture, const char *noise, mb_runner *runner,
                               mb_error *error);

#endif
