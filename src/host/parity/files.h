// The checks of each kind of fixture file.
#ifndef MB_PARITY_FILES_H
#define MB_PARITY_FILES_H

#include "parity/fixture.h"
#include "parity/report.h"

// One model: inputs, outputs, losses, gradients, Adam steps.
mb_status mb_parity_model_file(mb_device *device, mb_fixture *fixture, mb_parity_report *report,
                               mb_error *error);
// A whole training loop: epochs, folds, selection.
mb_status mb_parity_trainloop_file(mb_device *device, mb_fixture *fixture, mb_parity_report *report,
                                   mb_error *error);

// Data rules: single sequences mapped to other lengths; alignment and compression of ragged
// sequences; folds.
mb_status mb_parity_mapping_file(mb_fixture *fixture, mb_parity_report *report, mb_error *error);
mb_status mb_parity_align_file(mb_fixture *fixture, mb_parity_report *report, mb_error *error);
mb_status mb_parity_splits_file(mb_fixture *fixture, mb_parity_report *report, mb_error *error);
// Scores of given predictions.
mb_status mb_parity_metrics_file(mb_fixture *fixture, mb_parity_report *report, mb_error *error);

#endif
