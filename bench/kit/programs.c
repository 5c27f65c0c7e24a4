// All programs of the GPU kit in one: gpu_programs NAME ARGUMENTS... runs NAME ARGUMENTS... . The
// `main` of each program has a different name; see CMakeLists.txt.
#include <stdio.h>
#include <string.h>

// Some of them take no arguments, which makes no difference to the caller.
#define KIT_PROGRAM(name) int name##_main(int argc, char **argv);
#include "programs.def"
#undef KIT_PROGRAM

typedef struct program {
    const char *name;
    int (*main)(int argc, char **argv);
} program;

static const program programs[] = {
#define KIT_PROGRAM(name) {#name, name##_main},
#include "programs.def"
#undef KIT_PROGRAM
};
enum { PROGRAM_COUNT = sizeof programs / sizeof *programs };

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 0; i < PROGRAM_COUNT; i++)
            puts(programs[i].name);
        return 0;
    }
    for (int i = 0; i < PROGRAM_COUNT && argc > 1; i++)
        if (strcmp(argv[1], programs[i].name) == 0)
            return programs[i].main(argc - 1, argv + 1);
    fprintf(stderr, "usage: gpu_programs NAME ARGUMENTS..., or --list\n");
    return 2;
}
