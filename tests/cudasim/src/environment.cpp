// The CUDASIM_* variables.
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cudasim/launch.h"
#include "statistics.h"

namespace cudasim {

[[noreturn]] static void refuse(const char *name, const char *value, const char *expected) {
    fprintf(stderr, "cudasim: %s=%s: expected %s\n", name, value, expected);
    exit(2);
}

static uint64_t number(const char *name, uint64_t fallback, uint64_t most) {
    const char *value = getenv(name);
    if (!value)
        return fallback;
    char *end;
    unsigned long long parsed = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || parsed > most)
        refuse(name, value, "a number in range");
    return parsed;
}

static void read_order(environment *settings) {
    const char *value = getenv("CUDASIM_ORDER");
    settings->order = ORDER_FORWARD;
    settings->seed = 1;
    if (!value || !strcmp(value, "forward"))
        return;
    char end;
    unsigned long long seed;
    if (!strcmp(value, "reverse"))
        settings->order = ORDER_REVERSE;
    else if (!strcmp(value, "shuffled"))
        settings->order = ORDER_SHUFFLED;
    else if (sscanf(value, "shuffled:%llu%c", &seed, &end) == 1) {
        settings->order = ORDER_SHUFFLED;
        settings->seed = seed;
    } else
        refuse("CUDASIM_ORDER", value, "forward, reverse, shuffled or shuffled:SEED");
}

static void read_busy(environment *settings) {
    const char *value = getenv("CUDASIM_BUSY");
    for (const char *at = value; at;) {
        char *end;
        unsigned long device = strtoul(at, &end, 10);
        if (*at < '0' || *at > '9' || (*end && *end != ',') || device >= MAX_DEVICES)
            refuse("CUDASIM_BUSY", value, "numbers of devices: N[,M...]");
        settings->busy[device] = true;
        at = *end ? end + 1 : NULL;
    }
}

environment read_environment() {
    environment settings = {};
    read_order(&settings);
    settings.devices = (int)number("CUDASIM_DEVICES", 1, MAX_DEVICES);
    settings.driver = (int)number("CUDASIM_DRIVER", RUNTIME_VERSION, 1000000);
    settings.memory = (size_t)number("CUDASIM_MEMORY", (uint64_t)2 << 30, SIZE_MAX / 2);
    settings.lost_after = number("CUDASIM_LOST_AFTER", UINT64_MAX, UINT64_MAX - 1);
    settings.slow = number("CUDASIM_SLOW", 0, 60000);
    settings.hide = number("CUDASIM_HIDE", 1, 1);
    settings.pools = number("CUDASIM_POOLS", 1, 1);
    if (number("CUDASIM_STATISTICS", 0, 1))
        report_statistics_at_exit();
    read_busy(&settings);
    const char *capability = getenv("CUDASIM_CAPABILITY");
    settings.major = 9;
    char end;
    if (capability &&
        (sscanf(capability, "%2d.%1d%c", &settings.major, &settings.minor, &end) != 2 ||
         settings.major < 1 || settings.minor < 0))
        refuse("CUDASIM_CAPABILITY", capability, "MAJOR.MINOR");
    return settings;
}

} // namespace cudasim
