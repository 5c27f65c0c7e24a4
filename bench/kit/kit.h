// The runner of the GPU kit: what its files share.
#ifndef MB_KIT_KIT_H
#define MB_KIT_KIT_H

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/interrupt.h"
#include "merbench/status.h"

enum { MB_KIT_MOST_STAGES = 64, MB_KIT_MOST_WORDS = 128 };

// How much a stage does. Tiny is for the simulated executor, and measures nothing.
typedef enum mb_kit_size { MB_KIT_FULL, MB_KIT_QUICK, MB_KIT_TINY, MB_KIT_SIZES } mb_kit_size;

typedef enum mb_kit_outcome {
    MB_KIT_PASSED,
    MB_KIT_FAILED,
    MB_KIT_TIMED_OUT,
    MB_KIT_NOT_RUN, // for want of what there should be: a GPU, time
    MB_KIT_LACKS,   // for want of what may be missing: Python, torch, jax, compute-sanitizer
} mb_kit_outcome;

typedef struct mb_kit mb_kit;
typedef struct mb_kit_result mb_kit_result;

typedef struct mb_kit_stage {
    const char *name; // "smoke", or "ops/models": one of the group ops
    double limit;     // seconds, where the whole has nine minutes
    // Does the work; leaves the outcome.
    void (*run)(mb_kit *kit, const char *command, mb_kit_result *result);
    // What the output of a stage that passed says: its figures, or that it failed after all.
    void (*judge)(mb_kit *kit, mb_kit_result *result);
    // NULL: as in the size before.
    const char *commands[MB_KIT_SIZES];
} mb_kit_stage;

struct mb_kit_result {
    const mb_kit_stage *stage;
    bool chosen; // to be run
    mb_kit_outcome outcome;
    char reason[300];    // why it did not pass
    char figures[160];   // what matters of what it measured
    char command[2048];  // its last one
    int exit_code;       // of that; -1: none
    double limit, ended; // seconds it may take; when that time is over
    double seconds;
    cJSON *output; // the JSON documents that it printed
};

// A module of Python that peers need.
typedef struct mb_kit_module {
    bool asked, there;
    char problem[200];
} mb_kit_module;

struct mb_kit {
    // What the command line says.
    const char *home; // the kit's folder
    const char *python;
    char python_path[PATH_MAX];
    bool quick;
    double minutes;

    // The kit: kit.json, and where its packed files are.
    bool simulated;
    char version[64], source[128];
    char place[PATH_MAX]; // removed at the end
    char work[PATH_MAX], log[PATH_MAX], nothing[PATH_MAX];
    char results[PATH_MAX];

    // How its programs are started: natively, or by the kit's own loader.
    char loader[PATH_MAX]; // "": natively
    char libraries[4 * PATH_MAX];
    const char *own_libraries; // LD_LIBRARY_PATH of whoever started the kit, or NULL

    mb_interrupt interrupt;
    double began; // on the clock of mb_bench_seconds
    char date[32];

    // What the stages found.
    bool gpu;
    char device[200], driver[32], runtime[32];
    double rate, weights; // of the training step that the peers are compared with
    mb_kit_module torch, jax;

    int stage_count;
    mb_kit_result stages[MB_KIT_MOST_STAGES];
};

// ---- place.c

// Reads what kind of kit this is.
mb_status mb_kit_read(mb_kit *kit, mb_error *error);
// Unpacks it and finds out how its programs start.
mb_status mb_kit_open(mb_kit *kit, mb_error *error);
void mb_kit_close(mb_kit *kit);

// ---- stages.c

// The stages that `only` names ("ops,pace/..."; NULL: all), and smoke.
mb_status mb_kit_choose(mb_kit *kit, const char *only, mb_error *error);
void mb_kit_run(mb_kit *kit);
void mb_kit_print_stages(FILE *stream);
// The programs that the stages start, one a line.
void mb_kit_print_programs(void);

// ---- run.c

// A command line. Words that do not fit, or have no memory, are counted all the same; then it is
// not started.
typedef struct mb_kit_words {
    bool ours;       // takes the libraries of the kit
    int told, count; // the first that is told; those before stand before every program
    char *words[MB_KIT_MOST_WORDS + 1]; // malloc'ed
} mb_kit_words;

void mb_kit_add_word(mb_kit_words *words, const char *word);
// The words of a command. One with a * stands for all files with such a path.
void mb_kit_add(mb_kit_words *words, const char *command);
// What stands in front of a program with the kit's libraries, and of one of gpu_programs.
void mb_kit_add_loader(const mb_kit *kit, mb_kit_words *words);
void mb_kit_add_programs(const mb_kit *kit, mb_kit_words *words);

// Starts the words and frees them. `output`: a file for stdout, or NULL: the log. Whether it ended
// with exit code 0 and in the time of the stage; if not, the result says what went wrong.
bool mb_kit_start(mb_kit *kit, mb_kit_words *words, const char *output, mb_kit_result *result);
// The same for a program of the kit.
bool mb_kit_start_program(mb_kit *kit, const char *command, const char *output,
                          mb_kit_result *result);

void mb_kit_set(mb_kit_result *result, mb_kit_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Ways of running a stage.
void mb_kit_run_programs(mb_kit *kit, const char *command, mb_kit_result *result);
void mb_kit_run_sanitizer(mb_kit *kit, const char *command, mb_kit_result *result);
void mb_kit_run_torch(mb_kit *kit, const char *command, mb_kit_result *result);
void mb_kit_run_jax(mb_kit *kit, const char *command, mb_kit_result *result);
void mb_kit_run_sweep(mb_kit *kit, const char *command, mb_kit_result *result); // sweep.c

// ---- figures.c

// A file as text, from which the middle is cut when it is longer than `most`; NULL when there is
// none. Free it.
char *mb_kit_text(const char *path, size_t most);
// The documents in a text: each begins a line with {. What is none is left out and told in `error`.
cJSON *mb_kit_documents(const char *text, mb_error *error);

void mb_kit_judge_nothing(mb_kit *kit, mb_kit_result *result);
// Of what the doctor says: also when the stage has failed.
void mb_kit_judge_smoke(mb_kit *kit, mb_kit_result *result);
void mb_kit_judge_tests(mb_kit *kit, mb_kit_result *result);
void mb_kit_judge_fixtures(mb_kit *kit, mb_kit_result *result);
void mb_kit_judge_alone(mb_kit *kit, mb_kit_result *result);
void mb_kit_judge_pace(mb_kit *kit, mb_kit_result *result);
void mb_kit_judge_training(mb_kit *kit, mb_kit_result *result);
void mb_kit_judge_profile(mb_kit *kit, mb_kit_result *result);
void mb_kit_judge_peer(mb_kit *kit, mb_kit_result *result);

// ---- csv.c

typedef struct mb_kit_difference {
    int lines;       // in both
    double largest;  // between two numbers
    char place[200]; // where texts differ, or numbers by more than the limit; "": nowhere
} mb_kit_difference;

// Compares two tables: texts are equal, numbers are to `limit`.
mb_status mb_kit_compare(const char *path, const char *other, double limit,
                         mb_kit_difference *difference, mb_error *error);

// ---- report.c

// Adds the log of a stage to stages.log.
void mb_kit_keep_log(const mb_kit *kit, const mb_kit_result *result);
// What is known so far, to results.json.
mb_status mb_kit_write_results(const mb_kit *kit, mb_error *error);
// A line a stage, to stdout and table.txt.
mb_status mb_kit_print_table(const mb_kit *kit, mb_error *error);
// 1 when a stage failed, ran out of time or was not run though it should have been.
int mb_kit_exit_code(const mb_kit *kit);
const char *mb_kit_outcome_text(mb_kit_outcome outcome);

#endif
