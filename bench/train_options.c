#include "train_options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "clock.h"

// "DIR,COUNT"
static mb_status read_meeting(const char *option, char *text, void *target, mb_error *error) {
    mb_bench_options *o = target;
    char *comma = strrchr(text, ',');
    int64_t count;
    if (comma == NULL || !mb_parse_whole(comma + 1, 1, 100000, &count))
        return mb_fail(error, MB_USAGE, "%s: expected DIR,COUNT, found '%s'", option, text);
    *comma = '\0';
    o->meet = text;
    o->meeting = (int32_t)count;
    return MB_OK;
}

static mb_status parse_line(int argc, char **argv, mb_bench_options *o, int32_t *hidden,
                            bool *help_shown, mb_error *error) {
    mb_command_option settings[MB_BENCH_OPTIONS];
    const mb_command_option options[] = {
        {"models", "A", "models that train at the same time (as many as threads)",
         .whole = &o->models, .least = 1, .most = 65535},
        {"threads", "N", "CPU: divide the models among N threads (1)", .whole = &o->threads,
         .least = 1, .most = MB_MAX_THREADS},
        {"helpers", "N", "CPU: N more threads assist with their steps (0)", .whole = &o->helpers,
         .most = MB_MAX_THREADS},
        mb_bench_hidden_option(hidden),
        {.included = settings},
        mb_bench_launch_option(&o->launch_steps),
        {"steps", "N", "steps of each model in a repeat (200)", .whole = &o->steps, .least = 1,
         .most = 100000000},
        {"milliseconds", "N", "instead of --steps: as many steps as take N ms",
         .whole = &o->milliseconds, .least = 1, .most = 100000},
        {"repeats", "N", "take the median of N measurements (7)", .whole = &o->repeats, .least = 1,
         .most = 10000},
        {"warmup", "N", "steps before the first repeat (20)", .whole = &o->warmup,
         .most = 100000000},
        {"meet", "DIR,COUNT", "begin when COUNT processes have put a file in DIR",
         .read = read_meeting, .target = o},
        {"evaluate", NULL, "then also time evaluations: forward passes without dropout",
         .given = &o->evaluate},
        {"no-ceilings", NULL, "do not measure the machine's limits", .given = &o->no_ceilings},
        {"json", NULL, "print one line of JSON", .given = &o->json},
        {.name = NULL}};
    const mb_command_line line = {
        .program = "bench_train",
        .usage = "usage: bench_train [OPTIONS]\n\n"
                 "Times training steps (gather, forward, loss, backward, Adam) of an array of "
                 "models on\nrandom features.",
        .options = options};
    mb_bench_settings_options(&o->settings, settings);
    mb_operands none;
    mb_status status = mb_command_line_parse(&line, argc, argv, &none, error);
    *help_shown = none.help_shown;
    return status;
}

mb_status mb_bench_parse(int argc, char **argv, mb_bench_options *o, bool *help_shown,
                         mb_error *error) {
    *o = (mb_bench_options){.threads = 1, .steps = 200, .repeats = 7, .warmup = 20};
    mb_bench_settings_start(&o->settings);
    int32_t hidden = 128;
    mb_status status = parse_line(argc, argv, o, &hidden, help_shown, error);
    if (status != MB_OK || *help_shown)
        return status;
    status = mb_bench_settings_finish(&o->settings, hidden, error);
    if (status != MB_OK)
        return status;
    if (o->models == 0)
        o->models = o->threads;
    if (o->settings.backend != &mb_cpu_backend && (o->threads > 1 || o->helpers > 0))
        return mb_fail(error, MB_USAGE, "--threads and --helpers are for --device cpu");
    if (o->models < o->threads)
        return mb_fail(error, MB_USAGE, "--models %d: fewer than --threads %d", o->models,
                       o->threads);
    return MB_OK;
}

mb_status mb_bench_meet(const char *folder, int32_t processes, mb_error *error) {
    char mark[4160];
    int32_t present = 0;
    snprintf(mark, sizeof mark, "%.4096s/%ld", folder, (long)getpid());
    int file = open(mark, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (file < 0)
        return mb_fail(error, MB_FAILED, "%s: %s", mark, strerror(errno));
    close(file);
    for (double began = mb_bench_seconds(); present < processes;) {
        DIR *open_folder = opendir(folder);
        if (open_folder == NULL)
            return mb_fail(error, MB_FAILED, "%s: %s", folder, strerror(errno));
        present = 0;
        for (struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
            present += entry->d_name[0] != '.';
        closedir(open_folder);
        if (mb_bench_seconds() - began > 300.0)
            return mb_fail(error, MB_FAILED, "%s: expected %d processes within 300 s, found %d",
                           folder, processes, present);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return MB_OK;
}
