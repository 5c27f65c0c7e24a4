// Ways of running a stage: programs of the kit, or a peer in Python.
#include <glob.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "kit/child.h"
#include "kit/kit.h"

void mb_kit_set(mb_kit_result *result, mb_kit_outcome outcome, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->reason, sizeof result->reason, format, arguments);
    va_end(arguments);
    result->outcome = outcome;
}

// ---- command lines ------------------------------------------------------------------------------

void mb_kit_add_word(mb_kit_words *words, const char *word) {
    if (words->count < MB_KIT_MOST_WORDS)
        words->words[words->count] = strdup(word);
    words->count++;
}

static void add_files(mb_kit_words *words, const char *pattern) {
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        mb_kit_add_word(words, found.gl_pathv[i]);
    globfree(&found);
}

void mb_kit_add(mb_kit_words *words, const char *command) {
    for (const char *at = command; *at != '\0';) {
        char word[256];
        size_t length = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        if (strchr(word, '*') != NULL)
            add_files(words, word);
        else if (length > 0)
            mb_kit_add_word(words, word);
        at += at[length] == ' ' ? length + 1 : length;
    }
}

void mb_kit_add_loader(const mb_kit *kit, mb_kit_words *words) {
    words->ours = true;
    if (kit->loader[0] == '\0')
        return;
    mb_kit_add_word(words, kit->loader);
    mb_kit_add_word(words, "--library-path");
    mb_kit_add_word(words, kit->libraries);
}

void mb_kit_add_programs(const mb_kit *kit, mb_kit_words *words) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.4000s/bin/gpu_programs", kit->unpacked);
    mb_kit_add_loader(kit, words);
    mb_kit_add_word(words, path);
}

static bool words_complete(const mb_kit_words *words) {
    bool complete = words->count > 0 && words->count <= MB_KIT_MOST_WORDS;
    for (int i = 0; complete && i < words->count; i++)
        complete = words->words[i] != NULL;
    return complete;
}

// ---- starting -----------------------------------------------------------------------------------

static void record_command(const mb_kit *kit, const mb_kit_words *words, mb_kit_result *result) {
    size_t length = 0;
    result->command[0] = '\0';
    for (int i = words->shown; i < words->count && length < sizeof result->command; i++)
        length += (size_t)snprintf(result->command + length, sizeof result->command - length,
                                   "%s%s", i > words->shown ? " " : "", words->words[i]);
    FILE *log = fopen(kit->log, "a");
    if (log != NULL) {
        fprintf(log, "$ %s\n", result->command);
        fclose(log);
    }
}

// The last line that a failed program has printed.
static void last_line(const mb_kit *kit, char *line, size_t size) {
    char *text = mb_kit_text(kit->log, 4000);
    line[0] = '\0';
    for (char *next, *at = text != NULL ? strtok_r(text, "\n", &next) : NULL; at != NULL;
         at = strtok_r(NULL, "\n", &next))
        if (at[0] != '$' && strspn(at, " \t") < strlen(at))
            snprintf(line, size, "%s", at);
    free(text);
}

static void judge_end(const mb_kit *kit, const mb_kit_end *end, mb_kit_result *result) {
    char line[200];
    result->exit_code = end->exit_code;
    if (end->interrupted)
        mb_kit_set(result, MB_KIT_NOT_RUN, "interrupted");
    else if (end->timed_out)
        mb_kit_set(result, MB_KIT_TIMED_OUT, "killed after %.0f s", result->limit);
    else if (end->signal != 0)
        mb_kit_set(result, MB_KIT_FAILED, "killed by signal %d (%s)", end->signal,
                   strsignal(end->signal));
    else if (end->exit_code != 0) {
        last_line(kit, line, sizeof line);
        mb_kit_set(result, MB_KIT_FAILED, "exit code %d: %s", end->exit_code, line);
    }
}

static void set_libraries(const mb_kit *kit, bool ours) {
    const char *libraries = ours && kit->loader[0] == '\0' ? kit->libraries : kit->caller_libraries;
    if (libraries != NULL && !(ours && kit->loader[0] != '\0'))
        setenv("LD_LIBRARY_PATH", libraries, 1);
    else
        unsetenv("LD_LIBRARY_PATH");
}

bool mb_kit_start(mb_kit *kit, mb_kit_words *words, const char *output, mb_kit_result *result) {
    mb_kit_end end;
    mb_error error = {.message = ""};
    result->exit_code = -1;
    result->outcome = MB_KIT_PASSED;
    if (!words_complete(words))
        mb_kit_set(result, MB_KIT_FAILED, "cannot start a command of %d words", words->count);
    if (result->outcome == MB_KIT_PASSED) {
        mb_kit_child child = {.arguments = words->words,
                              .input = kit->empty_file,
                              .log = kit->log,
                              .output = output,
                              .limit = result->ended - mb_bench_seconds()};
        record_command(kit, words, result);
        set_libraries(kit, words->ours);
        if (mb_kit_child_run(&child, &kit->interrupt, &end, &error) == MB_OK)
            judge_end(kit, &end, result);
        else
            mb_kit_set(result, MB_KIT_FAILED, "%.290s", error.message);
    }
    for (int i = 0; i < words->count && i < MB_KIT_MOST_WORDS; i++)
        free(words->words[i]);
    return result->outcome == MB_KIT_PASSED;
}

bool mb_kit_start_program(mb_kit *kit, const char *command, const char *output,
                          mb_kit_result *result) {
    mb_kit_words words = {.count = 0};
    mb_kit_add_programs(kit, &words);
    words.shown = words.count;
    mb_kit_add(&words, command);
    return mb_kit_start(kit, &words, output, result);
}

void mb_kit_run_programs(mb_kit *kit, const char *command, mb_kit_result *result) {
    mb_kit_start_program(kit, command, NULL, result);
}

// ---- peers --------------------------------------------------------------------------------------

// Checks once whether a module can be imported. This is not counted in the time of the stage,
// because the first import may take long.
static void check_module(mb_kit *kit, mb_kit_module *module, const char *name, const char *test,
                         mb_kit_result *result) {
    mb_kit_words words = {.count = 0};
    mb_kit_result answer = {.limit = 60.0};
    double began = mb_bench_seconds(), end = kit->began + 60.0 * kit->minutes;
    answer.ended = fmin(began + answer.limit, end);
    mb_kit_add_word(&words, kit->python);
    mb_kit_add_word(&words, "-c");
    mb_kit_add_word(&words, test);
    module->available = mb_kit_start(kit, &words, NULL, &answer);
    module->checked = true;
    if (answer.exit_code > 0)
        snprintf(module->problem, sizeof module->problem, "%.100s has no %s%s", kit->python, name,
                 kit->simulated ? "" : " that finds a GPU");
    else if (answer.outcome == MB_KIT_FAILED)
        snprintf(module->problem, sizeof module->problem, "no %.100s", kit->python);
    else
        snprintf(module->problem, sizeof module->problem, "the import of %s timed out", name);
    result->ended = fmin(result->ended + mb_bench_seconds() - began, end);
}

static void run_peer(mb_kit *kit, const mb_kit_module *module, const char *command,
                     mb_kit_result *result) {
    mb_kit_words words = {.count = 0};
    char path[PATH_MAX];
    if (!module->available) {
        mb_kit_set(result, MB_KIT_UNAVAILABLE, "%.250s", module->problem);
        return;
    }
    snprintf(path, sizeof path, "%.3800s/peers/%.*s", kit->home, (int)strcspn(command, " "),
             command);
    mb_kit_add_word(&words, kit->python);
    mb_kit_add_word(&words, path);
    mb_kit_add(&words, command + strcspn(command, " "));
    mb_kit_start(kit, &words, NULL, result);
}

void mb_kit_run_torch(mb_kit *kit, const char *command, mb_kit_result *result) {
    if (!kit->torch.checked)
        check_module(kit, &kit->torch, "torch",
                     kit->simulated
                         ? "import torch"
                         : "import torch, sys; sys.exit(0 if torch.cuda.is_available() else 3)",
                     result);
    run_peer(kit, &kit->torch, command, result);
}

void mb_kit_run_jax(mb_kit *kit, const char *command, mb_kit_result *result) {
    if (!kit->jax.checked)
        check_module(kit, &kit->jax, "jax",
                     kit->simulated ? "import jax" : "import jax; jax.devices('cuda')", result);
    run_peer(kit, &kit->jax, command, result);
}
