// Small configurations of all fusion models, in every form of their graphs: with every feature type
// and every choice of options.
#ifndef TESTS_MODEL_CASES_H
#define TESTS_MODEL_CASES_H

#include "cuda_support.h"

enum { MOST_MODEL_CASES = 64, MODEL_ROWS = 7 };

typedef struct model_case {
    const mb_model *model;
    mb_model_config config;
    mb_model_config
        features; // of the dataset, which may have fewer columns or frames than the plan
    bool first;   // whether it is the first case of its model
    char name[96];
} model_case;

typedef struct model_cases {
    int count;
    model_case cases[MOST_MODEL_CASES];
} model_cases;

static inline void set_option(const mb_model *model, mb_model_config *config, const char *name,
                              double value) {
    int32_t option = mb_model_option(model, name);
    if (option >= 0)
        config->options[option] = value;
}

static inline mb_model_config small_config(const mb_model *model, mb_feature_type type) {
    mb_model_config config = {.feature_type = type,
                              .dims = {5, 9, 7},
                              .steps = {1, 1, 1},
                              .class_count = 4,
                              .value_count = 1};
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        config.steps[m] = type == MB_UTT ? 1 : type == MB_FRM_ALIGN ? 4 : 3 + m;
    for (int i = 0; i < model->most_streams; i++) {
        config.dims[i] = 3 + i % 5;
        config.steps[i] = 1;
    }
    mb_model_defaults(model, &config);
    // misa divides its hidden_dim further; the outer product of tfn needs several CUDA blocks.
    int hidden = strcmp(model->name, "misa") == 0 ? 16 : strcmp(model->name, "tfn") == 0 ? 12 : 8;
    set_option(model, &config, "hidden_dim", hidden);
    set_option(model, &config, "mem_dim", 5);
    set_option(model, &config, "num_heads", 2);
    set_option(model, &config, "layers", 2);
    return config;
}

static inline void add_model_case(model_cases *list, const mb_model *model,
                                  const mb_model_config *config, const char *option,
                                  const char *choice) {
    if (mb_model_check(model, config, NULL) != MB_OK)
        return;
    assert_true(list->count < MOST_MODEL_CASES);
    model_case *c = &list->cases[list->count++];
    *c = (model_case){.model = model, .config = *config, .features = *config};
    snprintf(c->name, sizeof c->name, "%s, %s%s%s%s%s", model->name,
             mb_feature_type_names[config->feature_type], option[0] != '\0' ? ", " : "", option,
             option[0] != '\0' ? " " : "", choice);
}

// Features wide enough that first layers are summed in several pieces, with whole dropout groups
// and without; hidden layers wide enough for several CUDA blocks. In the dataset, audio has fewer
// columns, and video frames.
static inline void add_wide_case(model_cases *list, const mb_model *model, double hidden,
                                 const char *name) {
    mb_model_config config = small_config(model, MB_UTT);
    config.dims[MB_AUDIO] = 600;
    config.dims[MB_TEXT] = 640;
    config.dims[MB_VIDEO] = 128;
    set_option(model, &config, "hidden_dim", hidden);
    add_model_case(list, model, &config, "features", name);
    model_case *c = &list->cases[list->count - 1];
    c->first = true;
    c->features.feature_type = MB_FRM_UNALIGN;
    c->features.dims[MB_AUDIO] -= 3;
    c->features.steps[MB_VIDEO] = 3;
}

// Every model with every feature type that it supports; every other choice of each option once.
static inline void list_models(model_cases *list) {
    list->count = 0;
    for (const mb_model *const *model = mb_model_all(); *model != NULL; model++) {
        int before = list->count;
        for (int type = MB_UTT; type <= MB_FRM_UNALIGN; type++) {
            mb_model_config config = small_config(*model, (mb_feature_type)type);
            add_model_case(list, *model, &config, "", "");
        }
        if (list->count == before)
            fail_msg("model %s accepts no small configuration", (*model)->name);
        list->cases[before].first = true;
        mb_model_config start = list->cases[before].config;
        for (int32_t i = 0; i < (*model)->option_count; i++) {
            const mb_option *option = &(*model)->options[i];
            for (int choice = 0; option->kind == MB_OPTION_CHOICE && option->choices[choice];
                 choice++) {
                mb_model_config config = start;
                config.options[i] = choice;
                if (choice != (int)start.options[i])
                    add_model_case(list, *model, &config, option->name, option->choices[choice]);
            }
        }
    }
    add_wide_case(list, mb_model_find("attention"), 66, "wide");
    add_wide_case(list, mb_model_find("lmf"), 36, "wide");
}

// Random features for a case. If a model of utterance features gets frames, some utterances have
// none.
static inline void case_samples_open(sample_set *set, const model_case *c) {
    samples_open(set, &c->features);
    samples_vary(set, &c->features);
    for (int m = 0; c->config.feature_type == MB_UTT && m < set->dataset.stream_count; m++) {
        for (int64_t i = 0; set->offsets[m] != NULL && i < SAMPLES; i++)
            set->offsets[m][i + 1] = set->offsets[m][i] + i % (c->features.steps[m] + 1);
        if (c->features.steps[m] == 1) {
            free(set->offsets[m]);
            set->offsets[m] = NULL;
            set->dataset.streams[m].offsets = NULL;
        }
    }
}

// The seed, rates and rows of one run of a model.
static inline run_setting setting_of(const model_case *c, int32_t run) {
    run_setting setting = {
        .seed = 40 + 3 * (uint32_t)run, .first_step = 5 * (uint32_t)run, .first = 23 * run};
    set_slots(&setting, c->model, &c->config);
    setting.slots[MB_SLOT_LEARNING_RATE] = 1e-3f * (float)(run + 1);
    setting.slots[MB_SLOT_WEIGHT_DECAY] = run == 2 ? 1e-2f : 1e-5f;
    setting.slots[MB_SLOT_GRAD_CLIP] = run == 1 ? 0.05f : -1.0f;
    setting.slots[MB_SLOT_DROPOUT] = run == 3 ? 0.0f : 0.2f + 0.1f * (float)run;
    return setting;
}

#endif
