#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char mb_bench_settings_help[] =
    "  --device NAME      cpu or cuda (cpu)\n"
    "  --gpu N            with --device cuda: the GPU, from 0 (the first that can be used)\n"
    "  --model NAME       a fusion model (attention)\n"
    "  --set OPTION=VALUE an option of the model; may be given several times\n"
    "  --dropout P        short for --set dropout=P (0.3)\n"
    "  --dims A,T,V       feature dimensions, 0 = absent (1024,5120,768)\n"
    "  --feature-type T   utt, frm_align or frm_unalign (utt, or frm_align where the model needs "
    "frames)\n"
    "  --frames N         frames of an utterance, frame-level features only (20)\n"
    "  --batch N          rows of a training step (32)\n"
    "  --classes N        C, 0 = no classification head (6)\n"
    "  --values N         R, 0 or 1 (1)\n"
    "  --rows N           utterances of the random data (1024; 256 where they have frames)\n";

void mb_bench_settings_start(mb_bench_settings *s) {
    *s = (mb_bench_settings){.backend = &mb_cpu_backend,
                             .gpu = MB_ANY_GPU,
                             .model = mb_model_find("attention"),
                             .config = {.feature_type = MB_UTT,
                                        .dims = {1024, 5120, 768},
                                        .class_count = 6,
                                        .value_count = 1},
                             .batch = 32,
                             .frames = 20};
}

mb_status mb_bench_number(const char *name, const char *text, long least, long most, int32_t *value,
                          mb_error *error) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < least || number > most)
        return mb_fail(error, MB_USAGE, "--%s: expected a whole number %ld..%ld, found '%s'", name,
                       least, most, text);
    *value = (int32_t)number;
    return MB_OK;
}

mb_status mb_bench_numbers(const char *name, const char *text, long least, long most,
                           int32_t *values, int32_t *count, mb_error *error) {
    mb_status status = MB_OK;
    *count = 0;
    for (const char *at = text; status == MB_OK && at != NULL; (*count)++) {
        char one[32];
        size_t length = strcspn(at, ",");
        if (*count == MB_BENCH_MOST_NUMBERS || length >= sizeof one)
            return mb_fail(error, MB_USAGE, "--%s: expected at most %d numbers, found '%s'", name,
                           MB_BENCH_MOST_NUMBERS, text);
        snprintf(one, sizeof one, "%.*s", (int)length, at);
        status = mb_bench_number(name, one, least, most, &values[*count], error);
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return status;
}

static mb_status take_dims(const char *text, mb_model_config *config, mb_error *error) {
    int32_t dims[MB_BENCH_MOST_NUMBERS], count = 0;
    mb_status status = mb_bench_numbers("dims", text, 0, 1 << 20, dims, &count, error);
    if (status == MB_OK && count != MB_MODALITY_COUNT)
        return mb_fail(error, MB_USAGE, "--dims: expected three numbers A,T,V, found '%s'", text);
    for (int32_t m = 0; status == MB_OK && m < MB_MODALITY_COUNT; m++)
        config->dims[m] = dims[m];
    return status;
}

static mb_status take_device(const char *text, const mb_backend **backend, mb_error *error) {
    bool cuda = strcmp(text, "cuda") == 0;
    if (!cuda && strcmp(text, "cpu") != 0)
        return mb_fail(error, MB_USAGE, "--device: expected cpu or cuda, found '%s'", text);
    *backend = cuda ? mb_cuda_backend() : &mb_cpu_backend;
    return *backend != NULL ? MB_OK
                            : mb_fail(error, MB_UNSUPPORTED, "--device: this build has no CUDA");
}

static mb_status take_feature_type(mb_bench_settings *s, const char *text, mb_error *error) {
    s->type_given = true;
    for (int type = 0; type < 3; type++)
        if (strcmp(mb_feature_type_names[type], text) == 0) {
            s->config.feature_type = (mb_feature_type)type;
            return MB_OK;
        }
    return mb_fail(error, MB_USAGE,
                   "--feature-type: expected utt, frm_align or frm_unalign, found '%s'", text);
}

mb_status mb_bench_settings_take(mb_bench_settings *s, int code, const char *text,
                                 mb_error *error) {
    switch (code) {
    case MB_BENCH_DEVICE:
        return take_device(text, &s->backend, error);
    case MB_BENCH_GPU:
        return mb_bench_number("gpu", text, 0, INT32_MAX, &s->gpu, error);
    case MB_BENCH_MODEL:
        s->model = mb_model_find(text);
        return s->model != NULL ? MB_OK : mb_fail(error, MB_USAGE, "--model: no model '%s'", text);
    case MB_BENCH_DIMS:
        return take_dims(text, &s->config, error);
    case MB_BENCH_FEATURE_TYPE:
        return take_feature_type(s, text, error);
    case MB_BENCH_FRAMES:
        return mb_bench_number("frames", text, 1, 100000, &s->frames, error);
    case MB_BENCH_SET:
        if (s->assigned == MB_BENCH_MOST_ASSIGNMENTS)
            return mb_fail(error, MB_USAGE, "--set: at most %d times", MB_BENCH_MOST_ASSIGNMENTS);
        s->assignments[s->assigned++] = text;
        return MB_OK;
    case MB_BENCH_BATCH:
        return mb_bench_number("batch", text, 1, 65536, &s->batch, error);
    case MB_BENCH_DROPOUT:
        s->dropout = text;
        return MB_OK;
    case MB_BENCH_CLASSES:
        return mb_bench_number("classes", text, 0, 1000, &s->config.class_count, error);
    case MB_BENCH_VALUES:
        return mb_bench_number("values", text, 0, 1, &s->config.value_count, error);
    case MB_BENCH_ROWS:
        return mb_bench_number("rows", text, 1, 10000000, &s->rows, error);
    default:
        return mb_fail(error, MB_USAGE, "wrong option; --help lists them");
    }
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
        char *end = NULL;
        s->config.options[i] = strtod(text, &end);
        if (option->kind == MB_OPTION_CHOICE || end == text || *end != '\0')
            return mb_fail(error, MB_USAGE, "%s: expected %s, found '%s'", option->name,
                           option->kind == MB_OPTION_CHOICE ? "one of its choices" : "a number",
                           text);
        return MB_OK;
    }
    return mb_fail(error, MB_USAGE, "--set: model %s has no option '%.*s'", s->model->name,
                   (int)length, name);
}

static mb_status assign_all(mb_bench_settings *s, int32_t hidden, mb_error *error) {
    mb_status status = MB_OK;
    int32_t at_hidden = mb_model_option(s->model, "hidden_dim");
    if (at_hidden >= 0 && hidden > 0)
        s->config.options[at_hidden] = hidden;
    // Labels are noise and learnt by heart: what the toolkit divides by comes to zero in the end.
    if (mb_model_option(s->model, "zero_norm") >= 0)
        status = assign(s, "zero_norm", strlen("zero_norm"), "zero", error);
    if (status == MB_OK && s->dropout != NULL)
        status = assign(s, "dropout", strlen("dropout"), s->dropout, error);
    for (int32_t i = 0; status == MB_OK && i < s->assigned; i++) {
        const char *text = s->assignments[i], *equals = strchr(text, '=');
        if (equals == NULL)
            return mb_fail(error, MB_USAGE, "--set: expected OPTION=VALUE, found '%s'", text);
        status = assign(s, text, (size_t)(equals - text), equals + 1, error);
    }
    return status;
}

mb_status mb_bench_settings_finish(mb_bench_settings *s, int32_t hidden, mb_error *error) {
    if (s->gpu != MB_ANY_GPU && s->backend == &mb_cpu_backend)
        return mb_fail(error, MB_USAGE, "--gpu goes with --device cuda");
    mb_model_defaults(s->model, &s->config);
    mb_status status = assign_all(s, hidden, error);
    if (status != MB_OK)
        return status;
    for (int attempt = 0; attempt < 2; attempt++) {
        for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
            s->config.steps[m] =
                s->config.feature_type == MB_UTT || s->config.dims[m] == 0 ? 1 : s->frames;
        status = mb_model_check(s->model, &s->config, error);
        if (status == MB_OK || s->type_given)
            break;
        s->config.feature_type = MB_FRM_ALIGN; // what models that need frames take
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
