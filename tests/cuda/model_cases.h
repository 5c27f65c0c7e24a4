// The fusion models, small, in every shape of their graphs: feature types and choices among
// options.
#ifndef TESTS_MODEL_CASES_H
#define TESTS_MODEL_CASES_H

#include "cuda_support.h"

enum { MOST_MODEL_CASES = 64, MODEL_ROWS = 7 };

typedef struct model_case {
    const mb_model *model;
    mb_model_config config;
    bool first; // of its model
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
    mb_model_defaults(model, &config);
    // That of misa is divided further; the outer product of tfn goes to several blocks.
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
    *c = (model_case){.model = model, .config = *config};
    snprintf(c->name, sizeof c->name, "%s, %s%s%s%s%s", model->name,
             mb_feature_type_names[config->feature_type], option[0] != '\0' ? ", " : "", option,
             option[0] != '\0' ? " " : "", choice);
}

// Features wide enough for their dropout to be made in the products that read them, and one that is
// not.
static inline void add_wide_case(model_cases *list, const mb_model *model) {
    mb_model_config config = small_config(model, MB_UTT);
    config.dims[MB_AUDIO] = 128;
    config.dims[MB_VIDEO] = 256;
    add_model_case(list, model, &config, "features", "wide");
}

// Every model in every feature type that it takes; each other choice of each option once.
static inline void list_models(model_cases *list) {
    list->count = 0;
    for (const mb_model *const *model = mb_model_all(); *model != NULL; model++) {
        int before = list->count;
        for (int type = MB_UTT; type <= MB_FRM_UNALIGN; type++) {
            mb_model_config config = small_config(*model, (mb_feature_type)type);
            add_model_case(list, *model, &config, "", "");
        }
        if (list->count == before)
            fail_msg("model %s takes no small configuration", (*model)->name);
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
    add_wide_case(list, mb_model_find("attention"));
}

// What a run of a model starts from: seed, rates and rows of its own.
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
