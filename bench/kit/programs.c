// All programs of the GPU kit in one: gpu_programs NAME ARGUMENTS... is NAME ARGUMENTS... . Each
// has its `main` under a name of its own; see CMakeLists.txt.
#include <stdio.h>
#include <string.h>

// Some take no arguments; like the C library, who calls them does not care.
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
