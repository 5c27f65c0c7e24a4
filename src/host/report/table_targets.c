// Cells that are scored on targets: other corpora than the one that they are trained on. The
// dataset of such a cell is "MER2023 > MELD, IEMOCAPFour". Its trials may have scores for more
// targets, since those are no part of a trial.
#include <stdlib.h>
#include <string.h>

#include "report/table_data.h"
#include "sweep/targets.h"

static const char arrow[] = " > ";

const mb_dataset_rules *mb_table_rules(const mb_ledger_cell *cell) {
    char source[sizeof((mb_dataset_rules *)0)->name + 32];
    const char *end = strstr(cell->dataset, arrow);
    size_t length = end != NULL ? (size_t)(end - cell->dataset) : strlen(cell->dataset);
    if (length >= sizeof source)
        return NULL;
    memcpy(source, cell->dataset, length);
    source[length] = '\0';
    return mb_dataset_find(source);
}

bool mb_table_transfers(const mb_ledger_cell *cell) {
    return strstr(cell->dataset, arrow) != NULL;
}

// The part of a target, which is named from `name` to a comma or the end.
static const mb_part_scores *find_part(const mb_ledger_scores *scores, const char *name) {
    size_t length = strcspn(name, ",");
    for (int32_t p = 0; p < scores->part_count; p++) {
        const char *part = scores->parts[p].name;
        if (mb_is_target_name(part) && mb_target_dataset_length(part) == length &&
            strncmp(part, name, length) == 0)
            return &scores->parts[p];
    }
    return NULL;
}

// Appends a part, without the digest in its name.
static void append(mb_ledger_scores *scores, const mb_part_scores *part) {
    mb_part_scores *copy = &scores->parts[scores->part_count++];
    *copy = *part;
    copy->name[mb_target_dataset_length(part->name)] = '\0';
}

// The parts that a cell shows: those that are no targets, and its own targets.
static mb_status keep_own(const mb_ledger_cell *cell, mb_ledger_scores *scores, mb_error *error) {
    mb_ledger_scores own = *scores;
    bool first = true;
    own.part_count = 0;
    own.score = mb_no_scores();
    own.score_part[0] = '\0';
    own.parts = calloc((size_t)scores->part_count + 1, sizeof *own.parts);
    if (own.parts == NULL)
        return mb_out_of_memory(error, "scores of a cell");
    for (int32_t p = 0; p < scores->part_count; p++)
        if (!mb_is_target_name(scores->parts[p].name))
            append(&own, &scores->parts[p]);
    const char *name = strstr(cell->dataset, arrow) + strlen(arrow);
    for (const char *comma = name; comma != NULL; name = comma + 2) {
        comma = strchr(name, ',');
        const mb_part_scores *part = find_part(scores, name);
        if (part != NULL)
            append(&own, part);
        if (part != NULL && first) {
            own.score = part->scores;
            memcpy(own.score_part, own.parts[own.part_count - 1].name, sizeof own.score_part);
        }
        first = false;
        if (comma == NULL)
            break;
    }
    free(scores->parts);
    *scores = own;
    return MB_OK;
}

mb_status mb_table_keep_targets(const mb_ledger_cell *cell, mb_ledger_entry *entries, int32_t count,
                                mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t i = 0; i < count && mb_table_transfers(cell) && status == MB_OK; i++)
        if (entries[i].finished)
            status = keep_own(cell, &entries[i].scores, error);
    return status;
}
