// Shared by the harnesses that are about files: the bytes of the input in turn, and files in
// memory.
#ifndef MB_TESTS_FUZZ_SUPPORT_H
#define MB_TESTS_FUZZ_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "merbench/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

// Ends the program if a condition does not hold, and says which.
#define demand(condition) ((condition) ? (void)0 : demand_failed(#condition, __FILE__, __LINE__))
static inline void demand_failed(const char *condition, const char *file, int line) {
    fprintf(stderr, "%s:%d: expected %s\n", file, line, condition);
    abort();
}

// A failure is of one of these kinds and has a message.
static inline void demand_message(mb_status status, const mb_error *error) {
    if (status == MB_OK)
        return;
    demand(status == MB_BAD_INPUT || status == MB_FAILED || status == MB_UNSUPPORTED);
    demand(error->message[0] != '\0');
}

typedef struct input {
    const uint8_t *bytes;
    size_t left;
} input;

static inline uint8_t take(input *from) {
    if (from->left == 0)
        return 0;
    from->left--;
    return *from->bytes++;
}

static inline uint32_t take_two(input *from) {
    uint32_t high = take(from);
    return high << 8 | take(from);
}

static inline uint64_t take_eight(input *from) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | take(from);
    return value;
}

// At most `most` bytes, which belong to the input.
static inline input take_bytes(input *from, size_t most) {
    input taken = {from->bytes, from->left < most ? from->left : most};
    from->bytes += taken.left;
    from->left -= taken.left;
    return taken;
}

// A file in memory, of this process alone: "/dev/shm/mb-fuzz-PID-NAME".
typedef struct file_name {
    char text[64];
} file_name;

static inline file_name name_file(const char *name) {
    file_name made;
    snprintf(made.text, sizeof made.text, "/dev/shm/mb-fuzz-%ld-%s", (long)getpid(), name);
    return made;
}

static inline void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    demand(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

// malloc'ed
static inline uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    demand(file != NULL && fseek(file, 0, SEEK_END) == 0);
    *size = (size_t)ftell(file);
    uint8_t *bytes = malloc(*size + 1);
    rewind(file);
    demand(bytes != NULL && fread(bytes, 1, *size, file) == *size);
    fclose(file);
    return bytes;
}

#endif
