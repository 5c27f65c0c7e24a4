#include "parity/parity.h"

#include <stdio.h>

#include "parity/files.h"
#include "parity/json_file.h"

static mb_status check_model(mb_device *device, mb_fixture *fixture, mb_parity_report *report,
                             mb_error *error) {
    mb_status status = mb_fixture_configure(fixture, error);
    if (fixture->model != NULL)
        snprintf(report->model, sizeof report->model, "%s", fixture->model->name);
    if (status != MB_OK)
        return status;
    if (mb_h5_has(fixture->h5, "/fold_0"))
        return mb_parity_trainloop_file(device, fixture, report, error);
    return mb_parity_model_file(device, fixture, report, error);
}

// The contents of a file tell its kind.
static mb_status check(mb_device *device, mb_fixture *fixture, mb_parity_report *report,
                       mb_error *error) {
    const mb_h5 *h5 = fixture->h5;
    if (mb_h5_has_attribute(h5, "/", "model"))
        return check_model(device, fixture, report, error);
    if (mb_h5_has_attribute(h5, "/", "op"))
        return mb_parity_mapping_file(fixture, report, error);
    if (mb_h5_has(h5, "/pipeline_utt"))
        return mb_parity_align_file(fixture, report, error);
    if (mb_h5_has(h5, "/iemocap"))
        return mb_parity_splits_file(fixture, report, error);
    if (mb_h5_has(h5, "/fold_average"))
        return mb_parity_metrics_file(fixture, report, error);
    return mb_fail(error, MB_UNSUPPORTED,
                   "%s: expected a fixture of a model, of data rules or of metrics", fixture->path);
}

mb_status mb_parity_file(mb_device *device, const char *path, mb_parity_report *report,
                         mb_error *error) {
    *report = (mb_parity_report){.group_count = 0};
    if (mb_parity_is_json(path))
        return mb_parity_json_file(path, report, error);
    mb_fixture fixture;
    mb_status status = mb_fixture_open(path, &fixture, error);
    if (device->precision == MB_PRECISION_TF32)
        fixture.least_limit = MB_PARITY_TF32_LIMIT;
    if (status == MB_OK)
        status = check(device, &fixture, report, error);
    if (fixture.h5 != NULL && mb_h5_check(fixture.h5, NULL) != MB_OK) // whatever else was found
        status = mb_h5_check(fixture.h5, error);
    mb_fixture_close(&fixture);
    return status;
}
