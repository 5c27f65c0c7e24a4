// Shared by the simulator's own tests.
#ifndef CUDASIM_SELFTEST_H
#define CUDASIM_SELFTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

extern "C" { // after C++ headers, because cmocka defines macros that break them
#include <cmocka.h>
}

#include "cuda/launch.cuh"

#if defined(__SANITIZE_ADDRESS__)
#define SELFTEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SELFTEST_ASAN 1
#endif
#endif

#define assert_cuda(expected, call)                                                                \
    assert_string_equal(cudaGetErrorName(call), cudaGetErrorName(expected))

// Sets a CUDASIM_* variable.
static inline void use(const char *name, const char *value) {
    setenv(name, value, 1);
    cudasim::reload_environment();
}

static inline int use_defaults(void **) {
    for (const char *name :
         {"CUDASIM_ORDER", "CUDASIM_DEVICES", "CUDASIM_DRIVER", "CUDASIM_CAPABILITY",
          "CUDASIM_MEMORY", "CUDASIM_LOST_AFTER", "CUDASIM_BUSY", "CUDASIM_SLOW", "CUDASIM_POOLS"})
        unsetenv(name);
    cudasim::reload_environment();
    return 0;
}

// Device memory of a test; `host` is a copy, updated by `synchronize`.
template <class T, int COUNT> struct device_array {
    T host[COUNT];
    T *device;
    device_array() {
        assert_cuda(cudaSuccess, cudaMalloc(&device, sizeof host));
    }
    ~device_array() {
        cudaFree(device);
    }
    const T *download() {
        assert_cuda(cudaSuccess, cudaGetLastError());
        assert_cuda(cudaSuccess, cudaMemcpy(host, device, sizeof host, cudaMemcpyDeviceToHost));
        return host;
    }
    void upload() {
        assert_cuda(cudaSuccess, cudaMemcpy(device, host, sizeof host, cudaMemcpyHostToDevice));
    }
};

// `run` must abort, with all of the texts on stderr.
template <class Run> void expect_death(Run run, std::initializer_list<const char *> texts) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        run();
        _exit(0);
    }
    close(ends[1]);
    static char said[1 << 16];
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], said + length, sizeof said - 1 - length)) > 0;)
        length += (size_t)got;
    close(ends[0]);
    said[length] = 0;
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        fail_msg("lived on; wrote: %s", said);
    for (const char *text : texts)
        if (!strstr(said, text))
            fail_msg("'%s' is not in: %s", text, said);
}

#endif
