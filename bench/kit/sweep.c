// Runs a small sweep on the GPU and on the CPU: the same settings must be chosen, and scores must
// agree to 1e-4.
#include <errno.h>
#include <string.h>

#include "kit/kit.h"

// Two cells with two values of dropout and of hidden_dim, and with both kinds of heads.
static const char plan[] =
    "{\"name\": \"sweep\", \"epochs\": 3, \"corpora\": {\"q\": \"q.h5\"},\n"
    " \"grid\": {\"hidden_dim\": [6, 10], \"dropout\": [0.2, 0.4]},\n"
    " \"cells\": [\n"
    "   {\"label\": \"text\", \"corpus\": \"q\", \"model\": \"attention\", \"feature\": "
    "\"synth-text-UTT\"},\n"
    "   {\"label\": \"all\", \"corpus\": \"q\", \"model\": \"lmf\",\n"
    "    \"features\": {\"audio\": \"synth-audio-UTT\", \"text\": \"synth-text-UTT\", \"video\": "
    "\"synth-video-UTT\"}}],\n"
    " \"search\": {\"method\": \"grid\", \"seeds\": [1]}, \"final\": {\"seeds\": [1, 2]}}\n";

static const double limit = 1e-4;

typedef struct table {
    const char *name, *options;
} table;

// With --all-settings, tables also have the settings of the search.
static const table tables[] = {{"waf", "--metric waf"},
                               {"waf-all", "--metric waf --all-settings"},
                               {"mse", "--metric mse"},
                               {"mse-all", "--metric mse --all-settings"}};

static bool write_plan(const mb_kit *kit, mb_kit_result *result) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.4000s/plan.json", kit->work);
    FILE *file = fopen(path, "w");
    bool written = file != NULL && fputs(plan, file) >= 0;
    if (file != NULL)
        written = fclose(file) == 0 && written;
    if (!written)
        mb_kit_set(result, MB_KIT_FAILED, "%.200s: %s", path, strerror(errno));
    return written;
}

static bool write_table(mb_kit *kit, const table *t, const char *device, char path[PATH_MAX],
                        mb_kit_result *result) {
    char command[256];
    snprintf(path, PATH_MAX, "%.3900s/%s-%s.csv", kit->work, device, t->name);
    snprintf(command, sizeof command, "merbench table %s.db --format csv %s", device, t->options);
    return mb_kit_start_program(kit, command, path, result);
}

static void compare_tables(mb_kit *kit, mb_kit_result *result) {
    char path[PATH_MAX], other[PATH_MAX];
    int lines = 0;
    double largest = 0.0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        mb_kit_difference difference;
        mb_error error = {.message = ""};
        if (!write_table(kit, &tables[i], "cpu", path, result) ||
            !write_table(kit, &tables[i], "cuda", other, result))
            return;
        if (mb_kit_compare(path, other, limit, &difference, &error) != MB_OK) {
            mb_kit_set(result, MB_KIT_FAILED, "%.290s", error.message);
            return;
        }
        if (difference.where[0] != '\0') {
            mb_kit_set(result, MB_KIT_FAILED, "the tables %s of cpu and cuda differ in %s",
                       tables[i].name, difference.where);
            return;
        }
        if (difference.lines < 2) { // the first line names the columns
            mb_kit_set(result, MB_KIT_FAILED, "the table %s is empty", tables[i].name);
            return;
        }
        lines += difference.lines - 1;
        largest = largest > difference.largest ? largest : difference.largest;
    }
    snprintf(result->figures, sizeof result->figures,
             "%d entries agree with the CPU's, the largest difference is %.1e", lines, largest);
}

// command: makes the corpus
void mb_kit_run_sweep(mb_kit *kit, const char *command, mb_kit_result *result) {
    if (write_plan(kit, result) && mb_kit_start_program(kit, command, NULL, result) &&
        mb_kit_start_program(
            kit, "merbench run plan.json --results cpu.db --device cpu --isa portable --no-table",
            NULL, result) &&
        mb_kit_start_program(
            kit, "merbench run plan.json --results cuda.db --device cuda --no-table", NULL, result))
        compare_tables(kit, result);
}
