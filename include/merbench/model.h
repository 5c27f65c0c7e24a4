// Fusion models: their options, and how their graphs are built. A program looks a model up by name,
// fills in a configuration, checks it, and trains it (train.h) or compiles it itself. One model is
// one file in src/host/models and one line in models.def.
#ifndef MERBENCH_MODEL_H
#define MERBENCH_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/plan.h"
#include "merbench/stream.h"
#include "merbench/terms.h"

#define MB_MAX_OPTIONS 16
#define MB_MAX_GRID 8

typedef enum mb_option_kind { MB_OPTION_INTEGER, MB_OPTION_REAL, MB_OPTION_CHOICE } mb_option_kind;

// One hyper-parameter of a model. An option that changes no shape has a slot, the table entry from
// which ops read its value; runs that differ only in slots can train in one array.
typedef struct mb_option {
    const char *name; // key in a plan: "hidden_dim"
    mb_option_kind kind;
    double initial, minimum, maximum; // of a choice: its index
    bool corrected;                   // whether protocol strict has another initial value,
    double corrected_initial;         // because the reference has a defect here
    const char *choices[6];           // names of an MB_OPTION_CHOICE, NULL-terminated
    mb_slot slot;                     // MB_SLOT_NONE: the option changes shapes
    double grid[MB_MAX_GRID];         // the toolkit's search space
    int32_t grid_count;               // 0: the toolkit does not search it
    const char *help;
} mb_option;

// Everything a graph depends on.
typedef struct mb_model_config {
    mb_feature_type feature_type;
    // By stream. Streams are the modalities, MB_AUDIO ..., but for models with most_streams.
    int32_t dims[MB_MAX_STREAMS];   // 0 = absent
    int32_t steps[MB_MAX_STREAMS];  // T, frames after padding; 1 for MB_UTT
    int32_t class_count;            // C
    int32_t value_count;            // R
    double options[MB_MAX_OPTIONS]; // in the order of mb_model.options
} mb_model_config;

typedef struct mb_model {
    const char *name;
    const char *paper;
    const mb_option *options; // (option_count), including hidden_dim and dropout
    int32_t option_count;
    bool couples_rows; // whether the outputs or losses of a row depend on the other rows
    bool any_modality; // whether one or two modalities may be absent
    // 0: the streams are the modalities. Otherwise any streams 0 ... M - 1, M <= most_streams.
    int32_t most_streams;
    // NULL, or a check that refuses configurations that the model cannot use; the message names the
    // key of the plan.
    mb_status (*check)(const mb_model_config *config, mb_error *error);
    // NULL, or whether the gradients of a training batch of one row are not finite, so that a run
    // with such a batch breaks in its first epoch. Needs only the options of the configuration.
    bool (*breaks_on_one_row)(const mb_model_config *config);
    // NULL, or how many times the reference's tree of modules has a module, for counting as thop
    // does. Modules are named as in the state_dict: "attn1.v". 0: it is not called, or it is of a
    // type of its own. NULL: every module once.
    int32_t (*reference_places)(const char *module);
    // Builds the graph up to the outputs. The graph keeps shape errors.
    void (*build)(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs);
} mb_model;

// mb_model_find returns NULL for an unknown name; the list is NULL-terminated.
const mb_model *mb_model_find(const char *name);
const mb_model *const *mb_model_all(void);

// The number of streams that a configuration can have: those of the modalities, also absent ones,
// or those before the first that has no dimension.
int32_t mb_model_streams(const mb_model *model, const mb_model_config *config);

// The index of an option of this name, or -1.
int32_t mb_model_option(const mb_model *model, const char *option_name);

// Checks feature type, streams and option ranges, then the model's own rules.
mb_status mb_model_check(const mb_model *model, const mb_model_config *config, mb_error *error);

// Sets every option to its initial value.
void mb_model_defaults(const mb_model *model, mb_model_config *config);

// Builds the model's graph and compiles it for at most `max_rows` rows (mb_plan_compile).
mb_status mb_model_compile(const mb_model *model, const mb_model_config *config, mb_plan_mode mode,
                           mb_dropout_mode dropout, int32_t max_rows, mb_plan **plan,
                           mb_error *error);

#endif
