// Fixtures in JSON.
#ifndef MB_PARITY_JSON_FILE_H
#define MB_PARITY_JSON_FILE_H

#include "base/json.h"
#include "parity/report.h"

// Whether a file begins as a JSON object does. Also false if it cannot be read.
bool mb_parity_is_json(const char *path);
mb_status mb_parity_json_file(const char *path, mb_parity_report *report, mb_error *error);

// The list "cases" of a document, which is not empty.
mb_status mb_parity_json_cases(const mb_json *root, mb_json *cases, mb_error *error);
// The limit of "tolerance": "relative 1e-9; ...".
mb_status mb_parity_json_tolerance(const mb_json *root, double *tolerance, mb_error *error);
// A number; "nan", "inf" and "-inf" are strings in these files.
mb_status mb_parity_json_value(const mb_json *at, double *value, mb_error *error);

// ---- the kinds --------------------------------------------------------------------------------

// Verdicts beside published numbers (score/verdict.h).
mb_status mb_parity_published(const mb_json *root, mb_parity_report *report, mb_error *error);
// Labels on a common scale (data/harmonise.h).
mb_status mb_parity_harmonise(const mb_json *root, mb_parity_report *report, mb_error *error);

#endif
