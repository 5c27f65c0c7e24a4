// Runs compute-sanitizer on a program of the kit. compute-sanitizer comes from the kit, or from the
// machine.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit/kit.h"

enum { FOUND_ERRORS = 99 }; // exit code that compute-sanitizer shall use if it finds errors

// Adds compute-sanitizer and what it needs to the command; false if there is none.
static bool add_sanitizer(const mb_kit *kit, mb_kit_words *words) {
    static const char *const elsewhere[] = {"/usr/local/cuda/bin", "/opt/cuda/bin"};
    char folder[PATH_MAX], path[PATH_MAX];
    snprintf(folder, sizeof folder, "%.4000s/sanitizer", kit->unpacked);
    snprintf(path, sizeof path, "%.4000s/compute-sanitizer", folder);
    if (access(path, X_OK) == 0) {
        mb_kit_add_loader(kit, words);
        words->shown = words->count;
        mb_kit_add_word(words, path);
        mb_kit_add_word(words, "--injection-path");
        mb_kit_add_word(words, folder);
        return true;
    }
    if (kit->simulated) // simulated programs have no GPU code
        return false;
    const char *search = getenv("PATH");
    char *folders = strdup(search != NULL ? search : "");
    bool found = false;
    for (char *next, *at = folders != NULL ? strtok_r(folders, ":", &next) : NULL;
         at != NULL && !found; at = strtok_r(NULL, ":", &next)) {
        snprintf(path, sizeof path, "%.4000s/compute-sanitizer", at);
        found = access(path, X_OK) == 0;
    }
    free(folders);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere && !found; i++) {
        snprintf(path, sizeof path, "%s/compute-sanitizer", elsewhere[i]);
        found = access(path, X_OK) == 0;
    }
    if (found)
        mb_kit_add_word(words, path);
    return found;
}

// The number before `word` in the summary; -1: there is no summary.
static long count_in(const char *log, const char *summary, const char *word) {
    const char *line = strstr(log, summary);
    if (line == NULL)
        return -1;
    const char *end = line + strcspn(line, "\n");
    for (const char *at = line; at < end; at++)
        if (strncmp(at, word, strlen(word)) == 0) {
            while (at > line && (at[-1] == ' ' || (at[-1] >= '0' && at[-1] <= '9')))
                at--;
            return strtol(at, NULL, 10);
        }
    return -1;
}

// Reports why compute-sanitizer could not work, with its first error message.
static void report_refusal(const char *log, mb_kit_result *result) {
    const char *line = strstr(log, "========= Internal Sanitizer Error");
    if (line == NULL)
        line = strstr(log, "========= Error");
    if (line == NULL)
        line = strstr(log, "========= Unable");
    if (line == NULL)
        line = "compute-sanitizer gave no summary";
    line += strspn(line, "= ");
    mb_kit_set(result, MB_KIT_UNAVAILABLE, "%.*s", (int)strcspn(line, "\n"), line);
}

// Judges by the output of compute-sanitizer, not by its exit code: without a summary it has checked
// nothing.
static void judge(const mb_kit *kit, const char *tool, mb_kit_result *result) {
    bool races = strcmp(tool, "racecheck") == 0;
    char *log = mb_kit_text(kit->log, 1 << 20);
    if (log == NULL)
        return;
    long errors = races ? count_in(log, "RACECHECK SUMMARY:", "errors")
                        : count_in(log, "ERROR SUMMARY:", "error");
    bool refused = strstr(log, "========= Internal Sanitizer Error") != NULL ||
                   strstr(log, "========= Error") != NULL ||
                   strstr(log, "========= Unable") != NULL;
    if (refused || (errors < 0 && result->exit_code >= 0))
        report_refusal(log, result);
    else if (errors < 0) // it was killed: the reason already names the signal
        result->outcome = MB_KIT_FAILED;
    else if (errors > 0 || result->exit_code == FOUND_ERRORS)
        mb_kit_set(result, MB_KIT_FAILED, "%ld errors", errors);
    else
        snprintf(result->figures, sizeof result->figures, "0 errors");
    free(log);
}

// command: "TOOL PROGRAM ARGUMENTS..."
void mb_kit_run_sanitizer(mb_kit *kit, const char *command, mb_kit_result *result) {
    mb_kit_words words = {.count = 0};
    char tool[32], code[16];
    snprintf(tool, sizeof tool, "%.*s", (int)strcspn(command, " "), command);
    snprintf(code, sizeof code, "%d", FOUND_ERRORS);
    if (!add_sanitizer(kit, &words)) {
        mb_kit_set(result, MB_KIT_UNAVAILABLE, "no compute-sanitizer");
        return;
    }
    mb_kit_add(&words, "--launch-timeout 60 --print-limit 20 --tool");
    mb_kit_add_word(&words, tool);
    mb_kit_add_word(&words, "--error-exitcode");
    mb_kit_add_word(&words, code);
    mb_kit_add_programs(kit, &words);
    mb_kit_add(&words, command + strlen(tool));
    // compute-sanitizer makes a socket in $TMPDIR, whose path must be short.
    setenv("TMPDIR", access("/tmp", W_OK) == 0 ? "/tmp" : kit->work, 1);
    mb_kit_start(kit, &words, NULL, result);
    setenv("TMPDIR", kit->work, 1);
    if (result->outcome == MB_KIT_PASSED || result->outcome == MB_KIT_FAILED)
        judge(kit, tool, result);
}
