// Runs the stages of a GPU kit; started by the kit's run.sh.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/command_line.h"
#include "clock.h"
#include "kit/child.h"
#include "kit/kit.h"

static const char usage[] =
    "usage: run.sh [--quick] [--minutes N] [--only STAGE,...] [--python PYTHON]\n\n"
    "Checks and measures merbench on the GPU of this machine. Needs Linux and an NVIDIA\n"
    "driver; the peers need Python with torch and jax.";

static const char notes[] =
    "Writes results.json, table.txt and stages.log to $OUT_DIR (results, in the kit).\n\n"
    "exit codes: 0 nothing failed, 1 a stage failed or ran out of time, or there is no GPU,\n"
    "            2 wrong usage\n\n"
    "stages, in this order:";

typedef struct request {
    bool help_shown, programs;
    const char *only;
} request;

static mb_status parse(int argc, char **argv, mb_kit *kit, request *r, mb_error *error) {
    const mb_command_option options[] = {
        {"quick", NULL, "fewer and smaller sizes: about two minutes (3 at most)",
         .given = &kit->quick},
        {"minutes", "N", "time limit of the whole run (9); each stage gets a share of it",
         .real = &kit->minutes, .above = true, .most = 1440},
        {"only", "STAGE,...", "run these stages or groups of stages, and smoke", .text = &r->only},
        {"python", "PYTHON", "Python for the peers ($PYTHON, else python3)", .text = &kit->python},
        {"kit", "DIR", NULL, .text = &kit->home},        // from run.sh
        {"programs", NULL, NULL, .given = &r->programs}, // for gpu-kit.sh
        {.name = NULL}};
    const mb_command_line line = {.program = "run.sh",
                                  .usage = usage,
                                  .notes = notes,
                                  .print_more = mb_kit_print_stages,
                                  .options = options};
    kit->python = getenv("PYTHON");
    mb_operands none;
    mb_status status = mb_command_line_parse(&line, argc, argv, &none, error);
    r->help_shown = none.help_shown;
    if (kit->python == NULL || kit->python[0] == '\0')
        kit->python = "python3";
    if (kit->minutes == 0.0)
        kit->minutes = kit->quick ? 3.0 : 9.0;
    return status;
}

// Makes the path of Python absolute, because the working directory will change. Links are not
// resolved, because they tell Python where its packages are.
static mb_status find_python(mb_kit *kit, mb_error *error) {
    char here[PATH_MAX / 2];
    if (kit->python[0] == '/' || strchr(kit->python, '/') == NULL)
        return MB_OK;
    if (getcwd(here, sizeof here) == NULL)
        return mb_fail(error, MB_FAILED, "%s: %s", kit->python, strerror(errno));
    snprintf(kit->python_path, sizeof kit->python_path, "%s/%.2000s", here, kit->python);
    kit->python = kit->python_path;
    return MB_OK;
}

// Creates $OUT_DIR, or a folder in the kit, and makes its path absolute.
static mb_status make_results(mb_kit *kit, mb_error *error) {
    const char *wanted = getenv("OUT_DIR");
    char path[PATH_MAX];
    if (wanted != NULL && wanted[0] != '\0')
        snprintf(path, sizeof path, "%s", wanted);
    else
        snprintf(path, sizeof path, "%.4000s/results", kit->home);
    if ((mkdir(path, 0777) != 0 && errno != EEXIST) || realpath(path, kit->results) == NULL)
        return mb_fail(error, MB_FAILED, "%.1000s: %s", path, strerror(errno));
    return MB_OK;
}

static mb_status run(mb_kit *kit, mb_error *error) {
    time_t now = time(NULL);
    struct tm utc;
    kit->began = mb_bench_seconds();
    strftime(kit->date, sizeof kit->date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    kit->caller_libraries =
        getenv("MERBENCH_KIT_LIBRARY_PATH"); // run.sh has replaced LD_LIBRARY_PATH
    if (kit->caller_libraries != NULL && kit->caller_libraries[0] == '\0')
        kit->caller_libraries = NULL;
    mb_kit_children_begin(&kit->interrupt);
    mb_status status = mb_kit_read(kit, error);
    if (status == MB_OK)
        status = find_python(kit, error);
    if (status == MB_OK)
        status = make_results(kit, error);
    if (status == MB_OK)
        status = mb_kit_open(kit, error);
    if (status == MB_OK) {
        mb_kit_run(kit);
        status = mb_kit_print_table(kit, error);
    }
    mb_kit_close(kit);
    return status;
}

int main(int argc, char **argv) {
    mb_kit kit = {.home = NULL};
    request r = {.help_shown = false};
    mb_error error = {.message = ""};
    mb_status status = parse(argc, argv, &kit, &r, &error);
    if (r.help_shown)
        return MB_OK;
    if (status == MB_OK)
        status = mb_kit_choose(&kit, r.only, &error);
    if (status == MB_OK && r.programs) {
        mb_kit_print_programs();
        return MB_OK;
    }
    if (status == MB_OK && kit.home == NULL)
        status = mb_fail(&error, MB_USAGE, "expected to be started by run.sh of a kit");
    if (status == MB_OK)
        status = run(&kit, &error);
    if (status != MB_OK) {
        fprintf(stderr, "gpu_kit: %s\n", error.message);
        return status == MB_USAGE ? MB_USAGE : MB_FAILED;
    }
    return mb_kit_exit_code(&kit);
}
