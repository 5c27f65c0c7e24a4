#include "train_options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

void mb_bench_print_help(void) {
    fputs("usage: bench_train [OPTIONS]\n\n"
          "Times training steps (gather, forward, loss, backward, Adam) of an array of models on\n"
          "random features.\n\n"
          "  --models A         models that train at the same time (as many as threads)\n"
          "  --threads N        CPU: the models are dealt out to so many threads (1)\n"
          "  --helpers N        CPU: so many threads besides take part in their steps (0)\n"
          "  --hidden N         hidden_dim (128)\n",
          stdout);
    fputs(mb_bench_settings_help, stdout);
    puts("  --launch-steps N   steps that are handed to the device at once (as the device "
         "suggests)\n"
         "  --steps N          steps of each model a repeat (200)\n"
         "  --milliseconds N   instead of --steps: as many steps a repeat as take so long\n"
         "  --repeats N        the median of so many counts (7)\n"
         "  --warmup N         steps before the first repeat (20)\n"
         "  --meet DIR,COUNT   begin when COUNT processes have come to the folder\n"
         "  --evaluate         then time evaluations, too: forward passes without dropout\n"
         "  --no-ceilings      do not measure the machine\n"
         "  --json             one line of JSON");
}

enum {
    OPTION_HELP = 'h',
    OPTION_HIDDEN = MB_BENCH_OWN_OPTIONS,
    OPTION_MODELS,
    OPTION_THREADS,
    OPTION_HELPERS,
    OPTION_LAUNCH_STEPS,
    OPTION_STEPS,
    OPTION_MILLISECONDS,
    OPTION_REPEATS,
    OPTION_WARMUP,
    OPTION_MEET,
    OPTION_EVALUATE,
    OPTION_NO_CEILINGS,
    OPTION_JSON
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"hidden", required_argument, NULL, OPTION_HIDDEN},
    {"models", required_argument, NULL, OPTION_MODELS},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"helpers", required_argument, NULL, OPTION_HELPERS},
    {"launch-steps", required_argument, NULL, OPTION_LAUNCH_STEPS},
    {"steps", required_argument, NULL, OPTION_STEPS},
    {"milliseconds", required_argument, NULL, OPTION_MILLISECONDS},
    {"repeats", required_argument, NULL, OPTION_REPEATS},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"meet", required_argument, NULL, OPTION_MEET},
    {"evaluate", no_argument, NULL, OPTION_EVALUATE},
    {"no-ceilings", no_argument, NULL, OPTION_NO_CEILINGS},
    {"json", no_argument, NULL, OPTION_JSON},
    MB_BENCH_SETTING_OPTIONS,
    {NULL, 0, NULL, 0},
};

static mb_status parse_option(int code, mb_bench_options *o, int32_t *hidden, mb_error *error) {
    switch (code) {
    case OPTION_HIDDEN:
        return mb_bench_number("hidden", optarg, 1, 4096, hidden, error);
    case OPTION_MODELS:
        return mb_bench_number("models", optarg, 1, 65535, &o->models, error);
    case OPTION_THREADS:
        return mb_bench_number("threads", optarg, 1, 4096, &o->threads, error);
    case OPTION_HELPERS:
        return mb_bench_number("helpers", optarg, 0, 4096, &o->helpers, error);
    case OPTION_LAUNCH_STEPS:
        return mb_bench_number("launch-steps", optarg, 1, 100000, &o->launch_steps, error);
    case OPTION_STEPS:
        return mb_bench_number("steps", optarg, 1, 100000000, &o->steps, error);
    case OPTION_MILLISECONDS:
        return mb_bench_number("milliseconds", optarg, 1, 100000, &o->milliseconds, error);
    case OPTION_REPEATS:
        return mb_bench_number("repeats", optarg, 1, 10000, &o->repeats, error);
    case OPTION_WARMUP:
        return mb_bench_number("warmup", optarg, 0, 100000000, &o->warmup, error);
    case OPTION_MEET:
        o->meet = optarg;
        return MB_OK;
    case OPTION_EVALUATE:
        o->evaluate = true;
        return MB_OK;
    case OPTION_NO_CEILINGS:
        o->no_ceilings = true;
        return MB_OK;
    case OPTION_JSON:
        o->json = true;
        return MB_OK;
    default:
        return mb_bench_settings_take(&o->settings, code, optarg, error);
    }
}

mb_status mb_bench_parse(int argc, char **argv, mb_bench_options *o, bool *help, mb_error *error) {
    *o = (mb_bench_options){.threads = 1, .steps = 200, .repeats = 7, .warmup = 20};
    mb_bench_settings_start(&o->settings);
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
    if (o->models == 0)
        o->models = o->threads;
    if (o->settings.backend != &mb_cpu_backend && (o->threads > 1 || o->helpers > 0))
        return mb_fail(error, MB_USAGE, "--threads and --helpers are for --device cpu");
    if (o->models < o->threads)
        return mb_fail(error, MB_USAGE, "--models %d: fewer than --threads %d", o->models,
                       o->threads);
    return mb_bench_settings_finish(&o->settings, hidden, error);
}

mb_status mb_bench_meet(const char *place, mb_error *error) {
    const char *comma = strrchr(place, ',');
    int32_t wanted = 0, present = 0;
    if (comma == NULL || mb_bench_number("meet", comma + 1, 1, 100000, &wanted, NULL) != MB_OK)
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
