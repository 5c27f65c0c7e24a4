#include "parity/parity.h"

#include <stdio.h>

#include "parity/files.h"

mb_status mb_parity_file(mb_device *device, const char *path, mb_parity_report *report,
                         mb_error *error) {
    *report = (mb_parity_report){.group_count = 0};
    mb_fixture fixture;
    mb_status status = mb_fixture_open(path, &fixture, error);
    if (fixture.model != NULL)
        snprintf(report->model, sizeof report->model, "%s", fixture.model->name);
    if (status == MB_OK && mb_h5_has(fixture.h5, "/fold_0"))
        status = mb_parity_trainloop_file(device, &fixture, report, error);
    else if (status == MB_OK)
        status = mb_parity_model_file(device, &fixture, report, error);
    mb_fixture_close(&fixture);
    return status;
}
