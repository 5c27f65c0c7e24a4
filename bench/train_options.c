#include "train_options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

void mb_bench_print_help(void) {
    puts("usage: bench_train [OPTIONS]\n\n"
         "Times training steps (gather, forward, loss, backward, Adam) of one model a thread on\n"
         "random utterance-level features.\n\n"
         "  --model NAME       attention\n"
         "  --dims A,T,V       feature dimensions, 0 = absent (1024,5120,768)\n"
         "  --hidden N         hidden_dim (128)\n"
         "  --batch N          rows of a step (32)\n"
         "  --dropout P        rate (0.3)\n"
         "  --classes N        C, 0 = no classification head (6)\n"
         "  --values N         R, 0 or 1 (1)\n"
         "  --rows N           utterances of the random data (1024)\n"
         "  --threads N        models that train at the same time (1)\n"
         "  --steps N          steps of each model a repeat (200)\n"
         "  --repeats N        the median of so many counts (7)\n"
         "  --warmup N         steps before the first repeat (20)\n"
         "  --meet DIR,COUNT   begin when COUNT processes have come to the folder\n"
         "  --no-ceilings      do not measure the machine\n"
         "  --json             one line of JSON");
}

static mb_status parse_number(const char *name, const char *text, long least, long most,
                              int32_t *value, mb_error *error) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < least || number > most)
        return mb_fail(error, MB_USAGE, "--%s: expected a whole number %ld..%ld, found '%s'", name,
                       least, most, text);
    *value = (int32_t)number;
    return MB_OK;
}

static mb_status parse_dims(const char *text, mb_model_config *config, mb_error *error) {
    int consumed = 0;
    int32_t *dims = config->dims;
    if (sscanf(text, "%d,%d,%d%n", &dims[MB_AUDIO], &dims[MB_TEXT], &dims[MB_VIDEO], &consumed) !=
            3 ||
        text[consumed] != '\0')
        return mb_fail(error, MB_USAGE, "--dims: expected three numbers A,T,V, found '%s'", text);
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
        if (dims[m] < 0 || dims[m] > 1 << 20)
            return mb_fail(error, MB_USAGE, "--dims: expected 0..%d, found %d", 1 << 20, dims[m]);
    return MB_OK;
}

static mb_status parse_dropout(const char *text, double *rate, mb_error *error) {
    char *end;
    *rate = strtod(text, &end);
    if (end == text || *end != '\0' || !(*rate >= 0.0 && *rate < 1.0))
        return mb_fail(error, MB_USAGE, "--dropout: expected a number in [0, 1), found '%s'", text);
    return MB_OK;
}

static mb_status find_model(const char *name, const mb_model **model, mb_error *error) {
    *model = mb_model_find(name);
    return *model != NULL ? MB_OK : mb_fail(error, MB_USAGE, "--model: no model '%s'", name);
}

enum { OPTION_HELP = 'h', FIRST_LONG = 256 };
enum {
    OPTION_MODEL = FIRST_LONG,
    OPTION_DIMS,
    OPTION_HIDDEN,
    OPTION_BATCH,
    OPTION_DROPOUT,
    OPTION_CLASSES,
    OPTION_VALUES,
    OPTION_ROWS,
    OPTION_THREADS,
    OPTION_STEPS,
    OPTION_REPEATS,
    OPTION_WARMUP,
    OPTION_MEET,
    OPTION_NO_CEILINGS,
    OPTION_JSON
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"model", required_argument, NULL, OPTION_MODEL},
    {"dims", required_argument, NULL, OPTION_DIMS},
    {"hidden", required_argument, NULL, OPTION_HIDDEN},
    {"batch", required_argument, NULL, OPTION_BATCH},
    {"dropout", required_argument, NULL, OPTION_DROPOUT},
    {"classes", required_argument, NULL, OPTION_CLASSES},
    {"values", required_argument, NULL, OPTION_VALUES},
    {"rows", required_argument, NULL, OPTION_ROWS},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"steps", required_argument, NULL, OPTION_STEPS},
    {"repeats", required_argument, NULL, OPTION_REPEATS},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"meet", required_argument, NULL, OPTION_MEET},
    {"no-ceilings", no_argument, NULL, OPTION_NO_CEILINGS},
    {"json", no_argument, NULL, OPTION_JSON},
    {NULL, 0, NULL, 0},
};

static mb_status parse_option(int code, mb_bench_options *o, int32_t *hidden, mb_error *error) {
    switch (code) {
    case OPTION_MODEL:
        return find_model(optarg, &o->model, error);
    case OPTION_DIMS:
        return parse_dims(optarg, &o->config, error);
    case OPTION_HIDDEN:
        return parse_number("hidden", optarg, 1, 4096, hidden, error);
    case OPTION_BATCH:
        return parse_number("batch", optarg, 1, 65536, &o->batch, error);
    case OPTION_DROPOUT:
        return parse_dropout(optarg, &o->dropout, error);
    case OPTION_CLASSES:
        return parse_number("classes", optarg, 0, 1000, &o->config.class_count, error);
    case OPTION_VALUES:
        return parse_number("values", optarg, 0, 1, &o->config.value_count, error);
    case OPTION_ROWS:
        return parse_number("rows", optarg, 1, 10000000, &o->rows, error);
    case OPTION_THREADS:
        return parse_number("threads", optarg, 1, 4096, &o->threads, error);
    case OPTION_STEPS:
        return parse_number("steps", optarg, 1, 100000000, &o->steps, error);
    case OPTION_REPEATS:
        return parse_number("repeats", optarg, 1, 10000, &o->repeats, error);
    case OPTION_WARMUP:
        return parse_number("warmup", optarg, 0, 100000000, &o->warmup, error);
    case OPTION_MEET:
        o->meet = optarg;
        return MB_OK;
    case OPTION_NO_CEILINGS:
        o->no_ceilings = true;
        return MB_OK;
    case OPTION_JSON:
        o->json = true;
        return MB_OK;
    default:
        return mb_fail(error, MB_USAGE, "wrong option; bench_train --help lists them");
    }
}

mb_status mb_bench_parse(int argc, char **argv, mb_bench_options *o, bool *help, mb_error *error) {
    *o = (mb_bench_options){.model = mb_model_find("attention"),
                            .config = {.feature_type = MB_UTT,
                                       .dims = {1024, 5120, 768},
                                       .steps = {1, 1, 1},
                                       .class_count = 6,
                                       .value_count = 1},
                            .rows = 1024,
                            .batch = 32,
                            .threads = 1,
                            .steps = 200,
                            .repeats = 7,
                            .warmup = 20,
                            .dropout = 0.3};
    int32_t hidden = 128;
    mb_status status = MB_OK;
    for (int code;
         status == MB_OK && (code = getopt_long(argc, argv, "h", long_options, NULL)) >= 0;)
        if (code == OPTION_HELP)
            return *help = true, MB_OK;
        else
            status = parse_option(code, o, &hidden, error);
    if (status != MB_OK)
        return status;
    if (optind < argc)
        return mb_fail(error, MB_USAGE, "unexpected argument '%s'", argv[optind]);
    if (o->rows < o->batch)
        return mb_fail(error, MB_USAGE, "--rows %d is smaller than --batch %d", o->rows, o->batch);
    mb_model_defaults(o->model, &o->config);
    int32_t at_hidden = mb_model_option(o->model, "hidden_dim");
    int32_t at_dropout = mb_model_option(o->model, "dropout");
    if (at_hidden >= 0)
        o->config.options[at_hidden] = hidden;
    if (at_dropout >= 0)
        o->config.options[at_dropout] = o->dropout;
    return mb_model_check(o->model, &o->config, error) == MB_OK ? MB_OK : MB_USAGE;
}

mb_status mb_bench_meet(const char *place, mb_error *error) {
    const char *comma = strrchr(place, ',');
    int32_t wanted = 0, present = 0;
    if (comma == NULL || parse_number("meet", comma + 1, 1, 100000, &wanted, NULL) != MB_OK)
        return mb_fail(error, MB_USAGE, "--meet: expected DIR,COUNT, found '%s'", place);
    char folder[4096], mark[4160];
    snprintf(folder, sizeof folder, "%.*s", (int)(comma - place), place);
    snprintf(mark, sizeof mark, "%s/%ld", folder, (long)getpid());
    int file = open(mark, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (file < 0)
        return mb_fail(error, MB_FAILED, "%s: %s", mark, strerror(errno));
    close(file);
    for (double began = mb_bench_seconds(); present < wanted;) {
        DIR *open_folder = opendir(folder);
        if (open_folder == NULL)
            return mb_fail(error, MB_FAILED, "%s: %s", folder, strerror(errno));
        present = 0;
        for (struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
            present += entry->d_name[0] != '.';
        closedir(open_folder);
        if (mb_bench_seconds() - began > 300.0)
            return mb_fail(error, MB_FAILED, "%s: %d of %d processes came", folder, present,
                           wanted);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return MB_OK;
}
