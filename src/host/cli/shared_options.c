#include "cli/shared_options.h"

#include <assert.h>

#include "base/memory.h"
#include "merbench/dataset.h"

int32_t mb_default_threads(void) {
    int32_t count = mb_processors();
    return count > MB_MAX_THREADS ? MB_MAX_THREADS : count;
}

mb_command_option mb_threads_option(int32_t *threads, const char *help) {
    return (mb_command_option){"threads",        "N",        help,
                               .whole = threads, .least = 1, .most = MB_MAX_THREADS};
}

mb_command_option mb_json_option(bool *json) {
    return (mb_command_option){"json", NULL, "print one JSON document instead", .given = json};
}

mb_command_option mb_quiet_option(bool *quiet) {
    return (mb_command_option){"quiet", NULL, "show no progress", .given = quiet};
}

mb_command_option mb_corpus_option(const char **path) {
    return (mb_command_option){
        "output", "CORPUS.h5", "the corpus to write", .text = path, .letter = 'o', .required = true,
    };
}

mb_command_option mb_force_option(bool *force) {
    return (mb_command_option){"force", NULL, "replace the corpus if it exists", .given = force};
}

mb_command_option mb_dataset_option(const char *name, const char *names[MB_MOST_DATASETS],
                                    int32_t *dataset) {
    int32_t count = 0;
    for (const mb_dataset_rules *const *rules = mb_dataset_all(); *rules != NULL; rules++) {
        assert(count < MB_MOST_DATASETS);
        names[count++] = (*rules)->name;
    }
    return (mb_command_option){name,
                               "NAME",
                               "{}",
                               .choice = dataset,
                               .choices = names,
                               .choice_count = count,
                               .required = true};
}
