// Fixtures in JSON.
#ifndef MB_PARITY_JSON_FILE_H
#define MB_PARITY_JSON_FILE_H

#include "base/json.h"
#include "parity/report.h"

// Whether a file begins as a JSON object does. Also false if it cannot be read.
bool mb_parity_is_json(const char *path);
mb_status mb_parity_json_file(const char *path, mb_parity_report *report, mb_error *error);

// A number; "nan", "inf" and "-inf" are strings in these files.
mb_status mb_parity_json_value(const mb_json *at, double *value, mb_error *error);

// ---- the kinds --------------------------------------------------------------------------------

// Verdicts beside published numbers (score/verdict.h).
mb_status mb_parity_published_cases(const mb_json *cases, double tolerance,
                                    mb_parity_report *report, mb_error *error);

#endif
