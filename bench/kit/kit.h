// The runner of the GPU kit: types and functions that its files share.
#ifndef MB_KIT_KIT_H
#define MB_KIT_KIT_H

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/interrupt.h"
#include "merbench/status.h"

enum { MB_KIT_MOST_STAGES = 64, MB_KIT_MOST_WORDS = 128 };

// How much a stage does. Tiny is for the simulated executor; its figures mean nothing.
typedef enum mb_kit_size { MB_KIT_FULL, MB_KIT_QUICK, MB_KIT_TINY, MB_KIT_SIZES } mb_kit_size;

typedef enum mb_kit_outcome {
    MB_KIT_PASSED,
    MB_KIT_FAILED,
    MB_KIT_TIMED_OUT,
    MB_KIT_NOT_RUN,     // no GPU, or no time left: counts as a failure
    MB_KIT_UNAVAILABLE, // needs what is optional: Python, torch, jax, compute-sanitizer
} mb_kit_outcome;

typedef struct mb_kit mb_kit;
typedef struct mb_kit_result mb_kit_result;

typedef struct mb_kit_stage {
    const char *name; // "smoke", or "ops/models": a stage of the group "ops"
    double limit;     // seconds, if the whole run has nine minutes
    // Does the work and sets the outcome.
    void (*run)(mb_kit *kit, const char *command, mb_kit_result *result);
    // Reads the output of a stage that has passed so far: sets its figures, or finds that it
    // failed.
    void (*judge)(mb_kit *kit, mb_kit_result *result);
    // NULL: the same as for the size before.
    const char *commands[MB_KIT_SIZES];
} mb_kit_stage;

struct mb_kit_result {
    const mb_kit_stage *stage;
    bool chosen; // whether it is run
    mb_kit_outcome outcome;
    char reason[300];    // why it did not pass
    char figures[160];   // its main results, as text
    char command[2048];  // its last command
    int exit_code;       // of that command; -1: none
    double limit, ended; // seconds that it may take; the time when they are over
    double seconds;
    cJSON *output; // the JSON documents that it printed
};

// A Python module that peers need.
typedef struct mb_kit_module {
    bool checked, available;
    char problem[200];
} mb_kit_module;

struct mb_kit {
    // From the command line.
    const char *home; // the kit's folder
    const char *python;
    char python_path[PATH_MAX];
    bool quick;
    double minutes;

    // From kit.json, and the folders that are used.
    bool simulated;
    char version[64], source[128];
    char unpacked[PATH_MAX]; // the folder with the unpacked files; removed at the end
    char work[PATH_MAX], log[PATH_MAX], empty_file[PATH_MAX];
    char results[PATH_MAX];

    // How programs are started: natively, or with the kit's own loader.
    char loader[PATH_MAX]; // "": natively
    char libraries[4 * PATH_MAX];
    const char *caller_libraries; // LD_LIBRARY_PATH of the caller, or NULL

    mb_interrupt interrupt;
    double began; // on the clock of mb_bench_seconds
    char date[32];

    // Results of stages that others need.
    bool gpu;
    char device[200], driver[32], runtime[32];
    double rate, weights; // of the training step that the peers are compared with
    mb_kit_module torch, jax;

    int stage_count;
    mb_kit_result stages[MB_KIT_MOST_STAGES];
};

// ---- setup.c

// Reads kit.json.
mb_status mb_kit_read(mb_kit *kit, mb_error *error);
// Unpacks the kit and finds out how its programs can be started.
mb_status mb_kit_open(mb_kit *kit, mb_error *error);
void mb_kit_close(mb_kit *kit);

// ---- stages.c

// Chooses the stages that `only` names ("ops,training/lmf"; NULL: all), and smoke.
mb_status mb_kit_choose(mb_kit *kit, const char *only, mb_error *error);
void mb_kit_run(mb_kit *kit);
void mb_kit_print_stages(FILE *stream);
// Prints the programs that the stages start, one per line.
void mb_kit_print_programs(void);

// ---- run.c

// A command line. Words that do not fit, or for which memory is lacking, are still counted, and
// then the command cannot be started.
typedef struct mb_kit_words {
    bool ours;                          // a program that needs the libraries of the kit
    int shown, count;                   // the first word that is shown in results: not the loader
    char *words[MB_KIT_MOST_WORDS + 1]; // malloc'ed
} mb_kit_words;

void mb_kit_add_word(mb_kit_words *words, const char *word);
// Adds the words of a command. A word with a * stands for all matching files.
void mb_kit_add(mb_kit_words *words, const char *command);
// Add what must come before a program that uses the kit's libraries, or before the name of a
// program in gpu_programs.
void mb_kit_add_loader(const mb_kit *kit, mb_kit_words *words);
void mb_kit_add_programs(const mb_kit *kit, mb_kit_words *words);

// Runs the command and frees its words. `output`: a file for stdout, or NULL: the log. Returns
// whether it ended with exit code 0 and within the time of the stage; if not, the result says what
// went wrong.
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

// Reads a file as text; if it is longer than `most`, its middle is cut out. NULL if it cannot be
// read. The caller frees it.
char *mb_kit_text(const char *path, size_t most);
// The JSON documents in a text: each begins with { at the start of a line. What is not valid is
// left out, with a message in `error`.
cJSON *mb_kit_documents(const char *text, mb_error *error);

void mb_kit_judge_nothing(mb_kit *kit, mb_kit_result *result);
// Reads the output of merbench doctor, even if the stage has failed.
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
    int lines;       // compared so far
    double largest;  // between two numbers
    char where[200]; // the first difference beyond the limit; "": none
} mb_kit_difference;

// Compares two tables: texts must be equal, numbers must agree to `limit`.
mb_status mb_kit_compare(const char *path, const char *other, double limit,
                         mb_kit_difference *difference, mb_error *error);

// ---- report.c

// Appends the log of a stage to stages.log.
void mb_kit_keep_log(const mb_kit *kit, const mb_kit_result *result);
// Writes what is known so far to results.json.
mb_status mb_kit_write_results(const mb_kit *kit, mb_error *error);
// Prints one line per stage, to stdout and to table.txt.
mb_status mb_kit_print_table(const mb_kit *kit, mb_error *error);
// 1 if a stage failed, timed out, or could not be run without a good reason; else 0.
int mb_kit_exit_code(const mb_kit *kit);
const char *mb_kit_outcome_text(mb_kit_outcome outcome);

#endif
