#include "settings.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

void mb_bench_settings_start(mb_bench_settings *s) {
    *s = (mb_bench_settings){.backend = &mb_cpu_backend,
                             .gpu = MB_ANY_GPU,
                             .model = mb_model_find("attention"),
                             .config = {.feature_type = MB_UTT, .class_count = 6, .value_count = 1},
                             .dims = {MB_MODALITY_COUNT, {1024, 5120, 768}},
                             .batch = 32,
                             .frames = 20};
}

static mb_status read_model(const char *option, char *text, void *target, mb_error *error) {
    const mb_model **model = target;
    const char *names[32];
    int count = 0;
    *model = mb_model_find(text);
    if (*model != NULL)
        return MB_OK;
    for (const mb_model *const *known = mb_model_all(); *known != NULL && count < 32; known++)
        names[count++] = (*known)->name;
    mb_status status = mb_fail_unknown(
        error, MB_USAGE,
        &(mb_unknown){.what = "model", .name = text, .known = names, .count = count});
    return mb_fail_in(error, status, "%s: ", option);
}

mb_command_option mb_bench_hidden_option(int32_t *hidden) {
    return (mb_command_option){"hidden",        "N",        "hidden_dim (128)",
                               .whole = hidden, .least = 1, .most = 4096};
}

mb_command_option mb_bench_launch_option(int32_t *launch_steps) {
    return (mb_command_option){
        "launch-steps",        "N",        "steps of one launch (as the device suggests)",
        .whole = launch_steps, .least = 1, .most = 100000};
}

void mb_bench_settings_options(mb_bench_settings *s, mb_command_option options[MB_BENCH_OPTIONS]) {
    static const char *const devices[] = {"cpu", "cuda"};
    const mb_command_option all[MB_BENCH_OPTIONS] = {
        {"device", "NAME", "{} (cpu)", .choice = &s->device, .choices = devices, .choice_count = 2},
        {"gpu", "N", "with --device cuda: the GPU, from 0 (the first that can be used)",
         .whole = &s->gpu, .most = INT32_MAX, .expected = "the number of a GPU, from 0"},
        {"model", "NAME", "a fusion model (attention)", .read = read_model, .target = &s->model},
        {"set", "OPTION=VALUE", "an option of the model; may be given several times",
         .texts = &s->assignments},
        {"dropout", "P", "short for --set dropout=P (0.3)", .text = &s->dropout},
        {"dims", "A,T,V", "feature dimensions, 0 = absent (1024,5120,768)", .wholes = &s->dims,
         .most = 1 << 20},
        {"feature-type", "TYPE", "{} (utt, or frm_align where the model needs frames)",
         .given = &s->type_given, .choice = &s->feature_type, .choices = mb_feature_type_names,
         .choice_count = 3},
        {"frames", "N", "frames of an utterance, frame-level features only (20)",
         .whole = &s->frames, .least = 1, .most = 100000},
        {"batch", "N", "rows of a training step (32)", .whole = &s->batch, .least = 1,
         .most = 65536},
        {"classes", "N", "C, 0 = no classification head (6)", .whole = &s->config.class_count,
         .most = 1000},
        {"values", "N", "R, {} (1)", .whole = &s->config.value_count, .most = 1},
        {"rows", "N", "utterances of the random data (1024; 256 where they have frames)",
         .whole = &s->rows, .least = 1, .most = 10000000},
        {.name = NULL}};
    memcpy(options, all, sizeof all);
}

static mb_status assign(mb_bench_settings *s, const char *name, size_t length, const char *text,
                        mb_error *error) {
    for (int32_t i = 0; i < s->model->option_count; i++) {
        const mb_option *option = &s->model->options[i];
        if (strlen(option->name) != length || strncmp(option->name, name, length) != 0)
            continue;
        for (int c = 0; option->kind == MB_OPTION_CHOICE && option->choices[c] != NULL; c++)
            if (strcmp(option->choices[c], text) == 0)
                return s->config.options[i] = c, MB_OK;
        if (option->kind == MB_OPTION_CHOICE || !mb_parse_real(text, &s->config.options[i]))
            return mb_fail(error, MB_USAGE, "%s: expected %s, found '%s'", option->name,
                           option->kind == MB_OPTION_CHOICE ? "one of its choices" : "a number",
                           text);
        return MB_OK;
    }
    char unknown[64];
    const char *names[MB_MAX_OPTIONS];
    for (int32_t i = 0; i < s->model->option_count; i++)
        names[i] = s->model->options[i].name;
    snprintf(unknown, sizeof unknown, "%.*s", (int)length, name);
    mb_status status = mb_fail_unknown(
        error, MB_USAGE,
        &(mb_unknown){
            .what = "option", .name = unknown, .known = names, .count = s->model->option_count});
    return mb_fail_in(error, status, "--set: model %s: ", s->model->name);
}

static mb_status assign_all(mb_bench_settings *s, int32_t hidden, mb_error *error) {
    mb_status status = MB_OK;
    int32_t at_hidden = mb_model_option(s->model, "hidden_dim");
    if (at_hidden >= 0 && hidden > 0)
        s->config.options[at_hidden] = hidden;
    // The labels are random and get memorised, so that a norm which the toolkit divides by becomes
    // zero in the end; and narrow encodings may be all zeros.
    static const char *const guards[] = {"zero_norm", "zero_rows"};
    for (int i = 0; i < 2 && status == MB_OK; i++)
        if (mb_model_option(s->model, guards[i]) >= 0)
            status = assign(s, guards[i], strlen(guards[i]), "zero", error);
    if (status == MB_OK && s->dropout != NULL)
        status = assign(s, "dropout", strlen("dropout"), s->dropout, error);
    for (int32_t i = 0; status == MB_OK && i < s->assignments.count; i++) {
        const char *text = s->assignments.items[i], *equals = strchr(text, '=');
        if (equals == NULL)
            return mb_fail(error, MB_USAGE, "--set: expected OPTION=VALUE, found '%s'", text);
        status = assign(s, text, (size_t)(equals - text), equals + 1, error);
    }
    return status;
}

static mb_status choose_device(mb_bench_settings *s, mb_error *error) {
    s->backend = s->device == 0 ? &mb_cpu_backend : mb_cuda_backend();
    if (s->gpu != MB_ANY_GPU && s->device == 0)
        return mb_fail(error, MB_USAGE, "--gpu goes with --device cuda");
    if (s->backend == NULL)
        return mb_fail(error, MB_UNSUPPORTED, "--device: this build has no CUDA");
    return MB_OK;
}

mb_status mb_bench_settings_finish(mb_bench_settings *s, int32_t hidden, mb_error *error) {
    mb_status status = choose_device(s, error);
    if (status != MB_OK)
        return status;
    if (s->dims.count != MB_MODALITY_COUNT)
        return mb_fail(error, MB_USAGE, "--dims: expected three numbers A,T,V, found %d",
                       s->dims.count);
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
        s->config.dims[m] = s->dims.items[m];
    if (s->type_given)
        s->config.feature_type = (mb_feature_type)s->feature_type;
    mb_model_defaults(s->model, &s->config);
    status = assign_all(s, hidden, error);
    if (status != MB_OK)
        return status;
    for (int attempt = 0; attempt < 2; attempt++) {
        for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
            s->config.steps[m] =
                s->config.feature_type == MB_UTT || s->config.dims[m] == 0 ? 1 : s->frames;
        status = mb_model_check(s->model, &s->config, error);
        if (status == MB_OK || s->type_given)
            break;
        s->config.feature_type = MB_FRM_ALIGN; // for models that need frames
    }
    if (s->rows == 0)
        s->rows = s->config.feature_type == MB_UTT ? 1024 : 256;
    if (status == MB_OK && s->rows < s->batch)
        return mb_fail(error, MB_USAGE, "--rows %d is smaller than --batch %d", s->rows, s->batch);
    return status == MB_OK ? MB_OK : MB_USAGE;
}

mb_status mb_bench_open(const mb_bench_settings *s, mb_device **device, mb_error *error) {
    mb_cuda_options options = {.precision = MB_PRECISION_FLOAT32, .gpu = s->gpu};
    return s->backend == &mb_cpu_backend ? s->backend->open(device, error)
                                         : mb_cuda_open(&options, device, error);
}

double mb_bench_option(const mb_bench_settings *s, const char *name, double absent) {
    int32_t at = mb_model_option(s->model, name);
    return at >= 0 ? s->config.options[at] : absent;
}

void mb_bench_print_options(const mb_bench_settings *s) {
    putchar('{');
    for (int32_t i = 0; i < s->model->option_count; i++) {
        const mb_option *option = &s->model->options[i];
        printf("%s\"%s\": ", i > 0 ? ", " : "", option->name);
        if (option->kind == MB_OPTION_CHOICE)
            printf("\"%s\"", option->choices[(int)s->config.options[i]]);
        else
            printf("%g", s->config.options[i]);
    }
    putchar('}');
}
