// The list of stages, and the loop that runs them.
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "kit/kit.h"

#define SAME NULL
static const mb_kit_stage stages[] = {
#define KIT_STAGE(name, limit, run, judge, ...)                                                    \
    {name, limit, mb_kit_run_##run, mb_kit_judge_##judge, {__VA_ARGS__}},
#include "kit/stages.def"
#undef KIT_STAGE
};
enum { STAGE_COUNT = sizeof stages / sizeof *stages };
static_assert((int)STAGE_COUNT <= (int)MB_KIT_MOST_STAGES, "MB_KIT_MOST_STAGES is too small");

static const char *command_of(const mb_kit_stage *stage, mb_kit_size size) {
    while (stage->commands[size] == NULL)
        size--;
    return stage->commands[size];
}

void mb_kit_print_stages(FILE *stream) {
    for (int i = 0; i < STAGE_COUNT; i++)
        fprintf(stream, "  %s\n", stages[i].name);
}

void mb_kit_print_programs(void) {
    for (int i = 0; i < STAGE_COUNT; i++) {
        const char *command = stages[i].commands[MB_KIT_FULL];
        if (stages[i].run == mb_kit_run_programs || stages[i].run == mb_kit_run_sweep)
            printf("%.*s\n", (int)strcspn(command, " "), command);
    }
}

// Whether the name is that of the stage or of its group.
static bool is_named(const mb_kit_stage *stage, const char *name, size_t length) {
    return strncmp(stage->name, name, length) == 0 &&
           (stage->name[length] == '\0' || stage->name[length] == '/');
}

mb_status mb_kit_choose(mb_kit *kit, const char *only, mb_error *error) {
    kit->stage_count = STAGE_COUNT;
    for (int i = 0; i < STAGE_COUNT; i++)
        kit->stages[i] =
            (mb_kit_result){.stage = &stages[i], .chosen = only == NULL || i == 0, .exit_code = -1};
    for (const char *at = only; at != NULL;) {
        size_t length = strcspn(at, ",");
        bool known = false;
        for (int i = 0; i < STAGE_COUNT; i++)
            if (is_named(&stages[i], at, length))
                kit->stages[i].chosen = known = true;
        if (!known)
            return mb_fail(error, MB_USAGE, "--only: there is no stage '%.*s'", (int)length, at);
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return MB_OK;
}

// ---- running ------------------------------------------------------------------------------------

static void read_output(const mb_kit *kit, mb_kit_result *result) {
    char *log = mb_kit_text(kit->log, 1 << 19);
    mb_error error = {.message = ""};
    if (log != NULL)
        result->output = mb_kit_documents(log, &error);
    if (error.message[0] != '\0')
        fprintf(stderr, "gpu_kit: %s: %s\n", result->stage->name, error.message);
    free(log);
}

static void run_stage(mb_kit *kit, mb_kit_result *result) {
    const mb_kit_stage *stage = result->stage;
    mb_kit_size size = kit->simulated ? MB_KIT_TINY : kit->quick ? MB_KIT_QUICK : MB_KIT_FULL;
    double began = mb_bench_seconds(), end = kit->began + 60.0 * kit->minutes;
    unlink(kit->log);
    result->limit = fmax(1.0, stage->limit * kit->minutes / 9.0);
    result->ended = fmin(began + result->limit, end);
    if (kit->interrupt.signal != 0)
        mb_kit_set(result, MB_KIT_NOT_RUN, "interrupted");
    else if (stage != &stages[0] && !kit->gpu)
        mb_kit_set(result, MB_KIT_NOT_RUN, "no GPU");
    else if (result->ended - began < 0.5)
        mb_kit_set(result, MB_KIT_NOT_RUN, "no time left");
    else {
        result->limit = result->ended - began;
        stage->run(kit, command_of(stage, size), result);
        read_output(kit, result);
        if (result->outcome == MB_KIT_PASSED || stage == &stages[0])
            stage->judge(kit, result);
    }
    result->seconds = mb_bench_seconds() - began;
}

void mb_kit_run(mb_kit *kit) {
    for (int i = 0; i < kit->stage_count; i++) {
        mb_kit_result *result = &kit->stages[i];
        mb_error error = {.message = ""};
        if (!result->chosen)
            continue;
        run_stage(kit, result);
        mb_kit_keep_log(kit, result);
        fprintf(stderr, "%s: %s, %.1f s%s%s\n", result->stage->name,
                mb_kit_outcome_text(result->outcome), result->seconds,
                result->reason[0] != '\0' ? ": " : "", result->reason);
        // Written after every stage, so that a run that is killed leaves results.
        if (mb_kit_write_results(kit, &error) != MB_OK)
            fprintf(stderr, "gpu_kit: %s\n", error.message);
    }
}
