// --device, --gpu, --isa and --precision: the executor that a command uses, and its arithmetic.
#ifndef MB_CLI_DEVICE_CHOICE_H
#define MB_CLI_DEVICE_CHOICE_H

#include "base/command_line.h"
#include "merbench/device.h"

// The sets of vector instructions that the CPU executor supports, best first. Not every processor
// has all of them.
enum { MB_ISA_COUNT = 3 };
extern const char *const mb_isa_names[MB_ISA_COUNT];

typedef struct mb_device_choice {
    const char *device;    // as given: "auto", "cpu", "cuda"; NULL: not given
    const char *isa;       // as given; NULL: the best one that the processor has
    const char *precision; // as given: "float32", "tf32"; NULL: not given, the same as float32
    struct {
        bool given;
        int32_t number;
    } gpu;
} mb_device_choice;

// The four options as a table that ends with an empty entry, to be included in a command's table.
enum { MB_DEVICE_OPTIONS = 5 };
void mb_device_choice_options(mb_device_choice *choice,
                              mb_command_option options[MB_DEVICE_OPTIONS]);
// --gpu alone, with its own help.
mb_command_option mb_device_choice_gpu_option(mb_device_choice *choice, const char *help);

// Checks the options after parsing. MB_USAGE: they contradict each other.
mb_status mb_device_choice_check(const mb_device_choice *choice, mb_error *error);

// Opens the chosen device. `auto`, or no choice, is the first usable GPU, or else the CPU. --gpu
// implies cuda, --isa implies the CPU. MB_UNSUPPORTED: cuda, a GPU or tf32 was requested but cannot
// be used; the message says why.
mb_status mb_device_choice_open(const mb_device_choice *choice, mb_device **device,
                                mb_error *error);

// Opens a device like the one that is recorded for a run: "cpu avx2", "cuda ..." or "cuda ...
// tf32". --device and --isa take precedence over the record, and so does --precision. If there is
// no such device, the best CPU executor is opened, unless a GPU was requested with --gpu or tf32.
mb_status mb_device_choice_open_like(const mb_device_choice *choice, const char *recorded,
                                     mb_device **device, mb_error *error);

// Opens the chosen device to find out its backend and its description. The choice is fixed to that
// very device for later calls of mb_device_choice_open, since other processes may take or release
// GPUs in the meantime.
mb_status mb_device_choice_describe(mb_device_choice *choice, const mb_backend **backend,
                                    mb_device_description *description, mb_error *error);

#endif
