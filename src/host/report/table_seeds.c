// Computes means and deviations over the seeds of one setting.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/table_data.h"

const char *const mb_deviation_names[2] = {"sample", "population"};

static bool belongs(const mb_table_seeds *seeds, int32_t i) {
    return seeds->groups == NULL || seeds->groups[i] == seeds->group;
}

static double score_of(const mb_ledger_scores *scores, const char *part, int32_t metric) {
    if (part == NULL)
        return mb_score_get(&scores->score, metric);
    for (int32_t p = 0; p < scores->part_count; p++)
        if (strcmp(scores->parts[p].name, part) == 0)
            return mb_score_get(&scores->parts[p].scores, metric);
    return (double)NAN;
}

// The score of seed i; NaN if it does not count.
static double score_of_seed(const mb_table_seeds *seeds, int32_t i, const char *part,
                            int32_t metric) {
    const mb_ledger_entry *entry = &seeds->entries[i];
    bool counts = belongs(seeds, i) && entry->finished && !entry->scores.diverged;
    return counts ? score_of(&entry->scores, part, metric) : (double)NAN;
}

mb_table_mean mb_table_mean_of(const mb_table_seeds *seeds, const char *part, int32_t metric,
                               mb_table_deviation deviation) {
    mb_table_mean result = {.mean = (double)NAN, .deviation = (double)NAN};
    double sum = 0.0, squares = 0.0;
    for (int32_t i = 0; i < seeds->count; i++) {
        double score = score_of_seed(seeds, i, part, metric);
        result.counted += !isnan(score);
        sum += isnan(score) ? 0.0 : score;
    }
    if (result.counted > 0)
        result.mean = sum / result.counted;
    for (int32_t i = 0; i < seeds->count; i++) {
        double distance = score_of_seed(seeds, i, part, metric) - result.mean;
        squares += isnan(distance) ? 0.0 : distance * distance;
    }
    int32_t divisor = deviation == MB_DEVIATION_SAMPLE ? result.counted - 1 : result.counted;
    if (result.counted > 1)
        result.deviation = sqrt(squares / divisor);
    return result;
}

// ---- parts ------------------------------------------------------------------------------------

const mb_table_part *mb_table_find_part(const mb_table_value *value, const char *name) {
    for (int32_t p = 0; p < value->part_count; p++)
        if (strcmp(value->parts[p].name, name) == 0)
            return &value->parts[p];
    return NULL;
}

static bool add_part(const mb_table *table, const mb_table_seeds *seeds, const char *name,
                     mb_table_value *value) {
    mb_table_part *parts = reallocarray(value->parts, (size_t)value->part_count + 1, sizeof *parts);
    if (parts == NULL)
        return false;
    value->parts = parts;
    mb_table_part *part = &parts[value->part_count++];
    snprintf(part->name, sizeof part->name, "%s", name);
    for (int32_t m = 0; m < MB_SCORE_COUNT; m++)
        part->scores[m] = mb_table_mean_of(seeds, part->name, m, table->options.deviation);
    return true;
}

static bool collect_parts(const mb_table *table, const mb_table_seeds *seeds,
                          mb_table_value *value) {
    for (int32_t i = 0; i < seeds->count; i++) {
        const mb_ledger_entry *entry = &seeds->entries[i];
        if (!belongs(seeds, i) || !entry->finished || entry->scores.diverged)
            continue;
        for (int32_t p = 0; p < entry->scores.part_count; p++) {
            const char *name = entry->scores.parts[p].name;
            if (mb_table_find_part(value, name) == NULL && !add_part(table, seeds, name, value))
                return false;
        }
    }
    return true;
}

bool mb_table_has_parts(const mb_table_value *value) {
    return value->part_count - (mb_table_find_part(value, "average") != NULL) > 1;
}

// ---- a value ----------------------------------------------------------------------------------

mb_status mb_table_summarise(const mb_table *table, const mb_table_seeds *seeds,
                             mb_table_value *value, mb_candidate *candidate, mb_error *error) {
    *candidate = (mb_candidate){0};
    for (int32_t i = 0; i < seeds->count; i++) {
        if (!belongs(seeds, i))
            continue;
        candidate->asked++;
        if (!seeds->entries[i].finished)
            continue;
        const mb_ledger_scores *scores = &seeds->entries[i].scores;
        value->diverged += scores->diverged;
        value->broken += !scores->diverged && scores->broken > 0;
        mb_candidate_add(candidate, mb_selection_of_trial(scores), scores->diverged);
        memcpy(value->part, scores->score_part, sizeof value->part);
    }
    mb_table_mean mean = mb_table_mean_of(seeds, NULL, table->metric, table->options.deviation);
    value->asked = candidate->asked;
    value->finished = candidate->finished;
    value->selection = mb_candidate_mean(candidate);
    value->counted = mean.counted;
    value->mean = mean.mean;
    value->deviation = mean.deviation;
    return collect_parts(table, seeds, value) ? MB_OK : mb_out_of_memory(error, "parts of a table");
}

void mb_table_value_free(mb_table_value *value) {
    for (int32_t i = 0; i < value->setting_count; i++)
        free(value->settings[i].text);
    free(value->settings);
    free(value->chosen_folds);
    free(value->parts);
    free(value->failures);
    free(value->devices);
    *value = (mb_table_value){0};
}
