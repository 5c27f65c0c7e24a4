// --device, --gpu, --isa and --precision: which executor a command uses, and how it multiplies.
#ifndef MB_CLI_DEVICE_CHOICE_H
#define MB_CLI_DEVICE_CHOICE_H

#include "base/command_line.h"
#include "merbench/device.h"

// Sets of vector instructions of the CPU executor, best first; a processor need not have them all.
enum { MB_ISA_COUNT = 3 };
extern const char *const mb_isa_names[MB_ISA_COUNT];

typedef struct mb_device_choice {
    const char *device;    // as given: "auto", "cpu", "cuda"; NULL: not given
    const char *isa;       // as given; NULL: the best one that the processor has
    const char *precision; // as given: "float32", "tf32"; NULL: not given, which is float32
    struct {
        bool given;
        int32_t number;
    } gpu;
} mb_device_choice;

// The four as rows for the table of a command, and the end of a table.
enum { MB_DEVICE_OPTIONS = 5 };
void mb_device_choice_options(mb_device_choice *choice,
                              mb_command_option options[MB_DEVICE_OPTIONS]);
// --gpu alone, with a help of its own.
mb_command_option mb_device_choice_gpu_option(mb_device_choice *choice, const char *help);

// After parsing. MB_USAGE for what does not go together.
mb_status mb_device_choice_check(const mb_device_choice *choice, mb_error *error);

// Opens a device of the choice. `auto`, and no choice, is the first GPU that can be used, and the
// CPU where there is none; --gpu means cuda, --isa the CPU. MB_UNSUPPORTED: cuda, a GPU or tf32 was
// asked for, which cannot be used; the message says why.
mb_status mb_device_choice_open(const mb_device_choice *choice, mb_device **device,
                                mb_error *error);

// A device like the one of a recorded run, "cpu avx2", "cuda ..." or "cuda ... tf32", when neither
// --device nor --isa is given; where there is none like it, the best CPU executor, unless --gpu is
// given. A precision that is given comes before the recorded one.
mb_status mb_device_choice_open_like(const mb_device_choice *choice, const char *recorded,
                                     mb_device **device, mb_error *error);

// The backend of the choice, and what its device says of itself. The choice becomes that very
// device, also for later calls of mb_device_choice_open: GPUs come and go with other processes.
mb_status mb_device_choice_describe(mb_device_choice *choice, const mb_backend **backend,
                                    mb_device_description *description, mb_error *error);

#endif
