// What the benchmarks train: a model, its options, the shape of its features. The programs
// take these options by the same names.
#ifndef MB_BENCH_SETTINGS_H
#define MB_BENCH_SETTINGS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "merbench/device.h"
#include "merbench/model.h"
#include "merbench/status.h"

enum { MB_BENCH_MOST_ASSIGNMENTS = 32, MB_BENCH_MOST_NUMBERS = 32 };

typedef struct mb_bench_settings {
    const mb_backend *backend;
    int32_t gpu; // or MB_ANY_GPU
    const mb_model *model;
    mb_model_config config;
    int32_t rows, batch; // utterances of the random data, and of a step
    int32_t frames;      // of every modality; frame-level features only
    const char *dropout; // text of --dropout, or NULL
    bool type_given;     // --feature-type
    int32_t assigned;    // --set, in order
    const char *assignments[MB_BENCH_MOST_ASSIGNMENTS];
} mb_bench_settings;

// Codes of the shared options for getopt_long; those of a program begin at MB_BENCH_OWN_OPTIONS.
enum {
    MB_BENCH_DEVICE = 256,
    MB_BENCH_GPU,
    MB_BENCH_MODEL,
    MB_BENCH_DIMS,
    MB_BENCH_FEATURE_TYPE,
    MB_BENCH_FRAMES,
    MB_BENCH_SET,
    MB_BENCH_BATCH,
    MB_BENCH_DROPOUT,
    MB_BENCH_CLASSES,
    MB_BENCH_VALUES,
    MB_BENCH_ROWS,
    MB_BENCH_OWN_OPTIONS
};

// Rows of a table for getopt_long.
#define MB_BENCH_SETTING_OPTIONS                                                                   \
    {"device", required_argument, NULL, MB_BENCH_DEVICE},                                          \
        {"gpu", required_argument, NULL, MB_BENCH_GPU},                                            \
        {"model", required_argument, NULL, MB_BENCH_MODEL},                                        \
        {"dims", required_argument, NULL, MB_BENCH_DIMS},                                          \
        {"feature-type", required_argument, NULL, MB_BENCH_FEATURE_TYPE},                          \
        {"frames", required_argument, NULL, MB_BENCH_FRAMES},                                      \
        {"set", required_argument, NULL, MB_BENCH_SET},                                            \
        {"batch", required_argument, NULL, MB_BENCH_BATCH},                                        \
        {"dropout", required_argument, NULL, MB_BENCH_DROPOUT},                                    \
        {"classes", required_argument, NULL, MB_BENCH_CLASSES},                                    \
        {"values", required_argument, NULL, MB_BENCH_VALUES}, {                                    \
        "rows", required_argument, NULL, MB_BENCH_ROWS                                             \
    }

// Their lines in a help text.
extern const char mb_bench_settings_help[];

void mb_bench_settings_start(mb_bench_settings *settings);

// Takes one of the shared options; the text must outlive the settings.
mb_status mb_bench_settings_take(mb_bench_settings *settings, int code, const char *text,
                                 mb_error *error);

// After the last option: fills in the model's options, hidden_dim first (0 = the model's own start
// value), and checks the whole. May be called again with another hidden_dim.
mb_status mb_bench_settings_finish(mb_bench_settings *settings, int32_t hidden, mb_error *error);

mb_status mb_bench_open(const mb_bench_settings *settings, mb_device **device, mb_error *error);

// Value of an option of the model by name; `absent` where the model has none.
double mb_bench_option(const mb_bench_settings *settings, const char *name, double absent);

// The model's options as a JSON object, to stdout.
void mb_bench_print_options(const mb_bench_settings *settings);

// Numbers on a command line; `name` is that of the option, without dashes.
mb_status mb_bench_number(const char *name, const char *text, long least, long most, int32_t *value,
                          mb_error *error);
// "1,8,24": at most MB_BENCH_MOST_NUMBERS of them.
mb_status mb_bench_numbers(const char *name, const char *text, long least, long most,
                           int32_t *values, int32_t *count, mb_error *error);

#endif
