// What the benchmarks train: a model, its options, the shape of its features. All programs have
// these options, with the same names.
#ifndef MB_BENCH_SETTINGS_H
#define MB_BENCH_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/command_line.h"
#include "merbench/device.h"
#include "merbench/model.h"
#include "merbench/status.h"

typedef struct mb_bench_settings {
    const mb_backend *backend; // set by mb_bench_settings_finish
    int32_t device;            // position among the choices of --device
    int32_t gpu;               // or MB_ANY_GPU
    const mb_model *model;
    mb_model_config config;
    mb_wholes dims;      // audio, text, video
    int32_t rows, batch; // utterances of the random data, and of a training step
    int32_t frames;      // of every modality; frame-level features only
    const char *dropout; // text of --dropout, or NULL
    int32_t feature_type;
    bool type_given;      // --feature-type
    mb_texts assignments; // --set, in order
} mb_bench_settings;

// The table of these options, with its end, for the tables of programs.
enum { MB_BENCH_OPTIONS = 13 };
void mb_bench_settings_options(mb_bench_settings *settings,
                               mb_command_option options[MB_BENCH_OPTIONS]);

void mb_bench_settings_start(mb_bench_settings *settings);

// To be called after the options were read: fills in the model's options, hidden_dim first (0: the
// model's default), and checks them. May be called again with another hidden_dim.
mb_status mb_bench_settings_finish(mb_bench_settings *settings, int32_t hidden, mb_error *error);

mb_status mb_bench_open(const mb_bench_settings *settings, mb_device **device, mb_error *error);

// Value of an option of the model by name; `absent` if the model has no such option.
double mb_bench_option(const mb_bench_settings *settings, const char *name, double absent);

// The model's options as a JSON object, to stdout.
void mb_bench_print_options(const mb_bench_settings *settings);

// --hidden and --launch-steps, for the programs that have them.
mb_command_option mb_bench_hidden_option(int32_t *hidden);
mb_command_option mb_bench_launch_option(int32_t *launch_steps);

#endif
