// The CUDA executor in tests: the simulator, or a real GPU if there is one.
#ifndef TESTS_CUDA_SUPPORT_H
#define TESTS_CUDA_SUPPORT_H

#include "array_support.h"

// Whether AddressSanitizer slows everything down, so that the largest cases are left to other
// builds.
#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

enum { SKIPPED = 77 }; // exit code of a test program that finds no GPU, as CTest expects

// Chooses the tests to run: all, or those whose names match the pattern on the command line.
static inline void choose_tests(int argc, char **argv) {
    if (argc > 2) {
        fprintf(stderr, "usage: %s [PATTERN]\n", argv[0]);
        exit(2);
    }
    if (argc == 2)
        cmocka_set_test_filter(argv[1]);
}

// Opens the CUDA executor; ends the program if no GPU can be used.
static inline mb_device *cuda_open(void) {
    mb_error error = {.message = ""};
    mb_device *device = NULL;
    const mb_backend *backend = mb_cuda_backend();
    if (backend == NULL) {
        puts("this test was linked without CUDA");
        exit(1);
    }
    mb_status status = backend->open(&device, &error);
    if (status == MB_OK)
        return device;
    printf("%s: %s\n", status == MB_UNSUPPORTED ? "SKIPPED" : "FAILED", error.message);
    exit(status == MB_UNSUPPORTED ? SKIPPED : 1);
}

static inline mb_device *portable_open(void) {
    mb_error error = {.message = ""};
    mb_device *device = NULL;
    expect_ok(mb_cpu_open("portable", &device, &error), &error);
    return device;
}

// The relative L2 error between two tensors; infinite if an element is finite in only one of them.
// Tensors with a root mean square below `floor` count as zero.
static inline double distance(const float *found, const float *expected, int64_t count,
                              double floor) {
    double difference = 0.0, norm = 0.0;
    for (int64_t i = 0; i < count; i++) {
        double x = (double)found[i], y = (double)expected[i];
        bool same = (isnan(x) && isnan(y)) || x == y;
        if (!isfinite(x) || !isfinite(y)) {
            if (!same)
                return INFINITY;
            continue;
        }
        difference += (x - y) * (x - y);
        norm += y * y;
    }
    return sqrt(difference) / (sqrt(norm) + floor * sqrt((double)count) + 1e-30);
}

// Sets the slots of a model's options and of training.
static inline void set_slots(run_setting *run, const mb_model *model,
                             const mb_model_config *config) {
    run->slots[MB_SLOT_LEARNING_RATE] = 1e-3f;
    run->slots[MB_SLOT_WEIGHT_DECAY] = 1e-5f;
    run->slots[MB_SLOT_GRAD_CLIP] = -1.0f;
    run->slots[MB_SLOT_DROPOUT] = 0.3f;
    for (int32_t i = 0; i < model->option_count; i++)
        if (model->options[i].slot != MB_SLOT_NONE)
            run->slots[model->options[i].slot] = (float)config->options[i];
}

#endif
