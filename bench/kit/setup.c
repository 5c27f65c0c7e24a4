// Sets up a kit: reads kit.json, makes its folders, unpacks its files, and finds out how its
// programs can be started.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "clock.h"
#include "kit/kit.h"
#include "kit/unpack.h"

// Folders with libraries: below the folder of unpacked files, and below the kit.
#define LIBRARIES "%1$s/lib:%2$s/lib"
#define LIBRARIES_AND_C "%1$s/lib/glibc:%2$s/lib/glibc:" LIBRARIES

static mb_status copy_text(const cJSON *document, const char *key, char *text, size_t size,
                           mb_error *error) {
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItem(document, key));
    if (value == NULL)
        return mb_fail(error, MB_BAD_INPUT, "kit.json: expected a string \"%s\"", key);
    snprintf(text, size, "%s", value);
    return MB_OK;
}

mb_status mb_kit_read(mb_kit *kit, mb_error *error) {
    static const mb_json_limits limits = {.bytes = 1 << 16, .values = 100, .depth = 4};
    char path[PATH_MAX], kind[32] = "";
    snprintf(path, sizeof path, "%s/kit.json", kit->home);
    cJSON *document = NULL;
    mb_status status = mb_json_load(path, &limits, &document, error);
    if (status == MB_OK)
        status = copy_text(document, "kind", kind, sizeof kind, error);
    if (status == MB_OK)
        status = copy_text(document, "version", kit->version, sizeof kit->version, error);
    if (status == MB_OK)
        status = copy_text(document, "source", kit->source, sizeof kit->source, error);
    kit->simulated = strcmp(kind, "simulated") == 0;
    cJSON_Delete(document);
    return status;
}

// Makes the folder for unpacked files: in the kit itself, where programs can certainly be executed,
// or elsewhere if the kit cannot be written.
static mb_status make_folder(mb_kit *kit, mb_error *error) {
    const char *temporary = getenv("TMPDIR");
    const char *folders[] = {kit->home, temporary, "/tmp"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (folders[i] == NULL || folders[i][0] != '/')
            continue;
        int length =
            snprintf(kit->unpacked, sizeof kit->unpacked, "%s/unpacked.XXXXXX", folders[i]);
        if ((size_t)length < sizeof kit->unpacked && mkdtemp(kit->unpacked) != NULL)
            return MB_OK;
    }
    kit->unpacked[0] = '\0';
    return mb_fail(error, MB_FAILED,
                   "no folder to unpack to: %s, $TMPDIR and /tmp cannot be "
                   "written",
                   kit->home);
}

static mb_status make_work(mb_kit *kit, mb_error *error) {
    snprintf(kit->work, sizeof kit->work, "%.4000s/work", kit->unpacked);
    snprintf(kit->log, sizeof kit->log, "%.4000s/log", kit->unpacked);
    snprintf(kit->empty_file, sizeof kit->empty_file, "%.4000s/empty", kit->unpacked);
    FILE *empty = fopen(kit->empty_file, "w");
    if (empty == NULL || fclose(empty) != 0 || mkdir(kit->work, 0777) != 0 || chdir(kit->work) != 0)
        return mb_fail(error, MB_FAILED, "%s: %s", kit->work, strerror(errno));
    setenv("TMPDIR", kit->work, 1);
    return MB_OK;
}

// Whether the programs start.
static bool starts(mb_kit *kit) {
    mb_kit_words words = {.count = 0};
    mb_kit_result result = {.ended = mb_bench_seconds() + 20.0};
    mb_kit_add_programs(kit, &words);
    mb_kit_add_word(&words, "--list");
    return mb_kit_start(kit, &words, NULL, &result);
}

// Adds the folders where drivers put their library, because the kit's loader does not read the
// system's cache of libraries.
static void add_driver(char *libraries, size_t size) {
    static const char *const folders[] = {"/usr/lib64",
                                          "/lib64",
                                          "/usr/lib/x86_64-linux-gnu",
                                          "/usr/local/nvidia/lib64",
                                          "/usr/lib/wsl/lib",
                                          "/run/opengl-driver/lib"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[PATH_MAX];
        size_t length = strlen(libraries);
        snprintf(path, sizeof path, "%s/libcuda.so.1", folders[i]);
        if (access(path, F_OK) == 0)
            snprintf(libraries + length, size - length, ":%s", folders[i]);
    }
}

static bool find_loader(mb_kit *kit) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.4000s/lib/glibc", kit->home);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        if (strncmp(entry->d_name, "ld-linux", 8) == 0)
            snprintf(kit->loader, sizeof kit->loader, "%.3000s/%.255s", path, entry->d_name);
    if (folder != NULL)
        closedir(folder);
    return kit->loader[0] != '\0';
}

// Finds out how programs start: natively if the system's C library is new enough, else with the
// loader of the kit.
static mb_status find_start(mb_kit *kit, mb_error *error) {
    const char *own = kit->caller_libraries;
    snprintf(kit->libraries, sizeof kit->libraries, LIBRARIES "%3$s%4$s", kit->unpacked, kit->home,
             own != NULL ? ":" : "", own != NULL ? own : "");
    if (starts(kit))
        return MB_OK;
    if (find_loader(kit)) {
        snprintf(kit->libraries, sizeof kit->libraries, LIBRARIES_AND_C "%3$s%4$s", kit->unpacked,
                 kit->home, own != NULL ? ":" : "", own != NULL ? own : "");
        add_driver(kit->libraries, sizeof kit->libraries);
        if (starts(kit))
            return MB_OK;
    }
    char *log = mb_kit_text(kit->log, 1500);
    mb_fail(error, MB_FAILED, "the programs of the kit do not start here:\n%s",
            log != NULL ? log : "");
    free(log);
    return MB_FAILED;
}

mb_status mb_kit_open(mb_kit *kit, mb_error *error) {
    char packed[PATH_MAX];
    snprintf(packed, sizeof packed, "%.4000s/packed", kit->home);
    mb_status status = make_folder(kit, error);
    if (status == MB_OK)
        status = make_work(kit, error);
    if (status == MB_OK)
        status = mb_kit_unpack(packed, kit->unpacked, error);
    if (status == MB_OK)
        status = find_start(kit, error);
    return status;
}

void mb_kit_close(mb_kit *kit) {
    if (chdir("/") == 0 && kit->unpacked[0] != '\0')
        mb_kit_remove(kit->unpacked);
    for (int i = 0; i < kit->stage_count; i++)
        cJSON_Delete(kit->stages[i].output);
}
