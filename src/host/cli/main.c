// The program: calls the subcommand and turns its status into the exit code.
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/plain.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/probe.h"

typedef struct command {
    const char *name, *arguments, *summary;
    mb_status (*run)(int argc, char **argv, mb_error *error);
} command;

static const command commands[] = {
#define MB_COMMAND(name, arguments, summary) {#name, arguments, summary, mb_cmd_##name},
#include "cli/commands.def"
#undef MB_COMMAND
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_help(FILE *stream) {
    fprintf(stream,
            "merbench " MERBENCH_VERSION ": trains the sweeps of multimodal emotion recognition\n\n"
            "usage: merbench COMMAND [ARGUMENTS]\n\n");
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %-8s %-42s %s\n", commands[i].name, commands[i].arguments,
                commands[i].summary);
    fprintf(stream, "\n'merbench help COMMAND' or 'merbench COMMAND --help' explains one command.\n"
                    "exit codes: 0 done, 1 failed while running, 2 wrong usage, 3 bad input or "
                    "findings,\n            4 unsupported\n");
}

// A program may be started with standard files closed. Something is opened in their place, so that
// no other file gets their numbers and receives what is printed. Writing to standard output still
// fails, because lost results are an error; messages to a closed stderr are dropped.
static bool open_standard_files(void) {
    static const int modes[] = {
        [STDIN_FILENO] = O_RDONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_WRONLY};
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF)
            continue;
        int opened = open("/dev/null", modes[descriptor]);
        if (opened < 0)
            opened = open("/", O_RDONLY | O_DIRECTORY);
        if (opened != descriptor) // the lowest that is free
            return false;
    }
    return true;
}

// Output that could not be written (full disk, closed pipe) is a failure, too.
static mb_status flush_output(mb_error *error) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write to standard output");
}

// Prints the message, if there is one, and returns the exit code.
static int finish(const char *program, mb_status status, const mb_error *error) {
    if (error->message[0] != '\0') {
        fprintf(stderr, "%s: ", program);
        mb_print_lines(stderr, error->message);
    }
    return status;
}

static bool is_help(const char *argument) {
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

// "help COMMAND" becomes "COMMAND --help"; "help" and "help help" become "--help".
static void move_help(int argc, char **argv) {
    static char help[] = "--help";
    if (argc < 2 || argc > 3 || strcmp(argv[1], "help") != 0)
        return;
    bool named = argc == 3 && strcmp(argv[2], "help") != 0;
    argv[1] = named ? argv[2] : help;
    if (named)
        argv[2] = help;
}

static void end_at_signal(int number) {
    _exit(128 + number); // what a shell reports of a program that a signal has ended
}

// The kernel drops signals to the first process of a container that it has no handlers for.
// Commands that finish their work in an orderly way set their own handlers meanwhile.
static void end_first_process_at_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction before, action = {.sa_handler = end_at_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
}

int main(int argc, char **argv) {
    enum { LARGE = 2 << 20 };
    mb_error error = {.message = ""};
    if (!open_standard_files())
        return MB_FAILED;
    if (getpid() == 1)
        end_first_process_at_signals();
    mb_probe_start();
    mb_json_watch_memory();
    (void)mallopt(M_MMAP_THRESHOLD, LARGE); // a run's tables return to the system with it
    move_help(argc, argv);
    if (argc < 2) {
        print_help(stderr);
        return MB_USAGE;
    }
    if (is_help(argv[1])) {
        print_help(stdout);
        return finish("merbench", flush_output(&error), &error);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("merbench " MERBENCH_VERSION);
        return finish("merbench", flush_output(&error), &error);
    }
    if (strcmp(argv[1], "help") == 0) {
        mb_status status =
            mb_fail(&error, MB_USAGE, "expected one command, found '%s %s'", argv[2], argv[3]);
        return finish("merbench help", status, &error);
    }
    const char *names[COMMAND_COUNT + 1] = {"help"};
    for (int i = 0; i < COMMAND_COUNT; i++) {
        names[i + 1] = commands[i].name;
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        mb_status status = commands[i].run(argc - 1, argv + 1, &error);
        if (status == MB_OK)
            status = flush_output(&error);
        char program[64];
        snprintf(program, sizeof program, "merbench %s", commands[i].name);
        return finish(program, status, &error);
    }
    mb_status status =
        mb_fail_unknown(&error, MB_USAGE,
                        &(mb_unknown){.what = "command",
                                      .name = argv[1],
                                      .known = names,
                                      .count = COMMAND_COUNT + 1,
                                      .hint = "'merbench --help' lists the commands"});
    return finish("merbench", status, &error);
}
