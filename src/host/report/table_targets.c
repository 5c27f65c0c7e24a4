// Cells that are scored on targets: other corpora than the one that they are trained on. The
// dataset of such a cell is "MER2023 > MELD, IEMOCAPFour". Its trials may have scores for more
// targets, since those are no part of a trial.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/table_data.h"
#include "sweep/targets.h"

const mb_dataset_rules *mb_table_rules(const mb_ledger_cell *cell) {
    char source[sizeof((mb_dataset_rules *)0)->name + 32];
    const char *end = strstr(cell->dataset, mb_target_arrow);
    size_t length = end != NULL ? (size_t)(end - cell->dataset) : strlen(cell->dataset);
    if (length >= sizeof source)
        return NULL;
    memcpy(source, cell->dataset, length);
    source[length] = '\0';
    return mb_dataset_find(source);
}

bool mb_table_transfers(const mb_ledger_cell *cell) {
    return cell->targets != NULL;
}

// Moves on to the next name in a list with commas. *length: of the name. NULL at the end.
static const char *next_name(const char *list, size_t *length) {
    list += strspn(list, ", ");
    *length = strcspn(list, ",");
    return *length > 0 ? list : NULL;
}

static const mb_part_scores *find_part(const mb_ledger_scores *scores, const char *name,
                                       size_t length) {
    for (int32_t p = 0; p < scores->part_count; p++)
        if (strlen(scores->parts[p].name) == length &&
            strncmp(scores->parts[p].name, name, length) == 0)
            return &scores->parts[p];
    return NULL;
}

static bool is_there(const mb_ledger_scores *scores, const char *name, size_t length) {
    return find_part(scores, name, length) != NULL;
}

// Appends a part, without the digest in its name, unless there is one of this name.
static void append(mb_ledger_scores *scores, const mb_part_scores *part) {
    size_t length = mb_target_dataset_length(part->name);
    if (is_there(scores, part->name, length))
        return;
    mb_part_scores *copy = &scores->parts[scores->part_count++];
    *copy = *part;
    copy->name[length] = '\0';
}

// The parts that a cell shows: those that are no targets, and its own targets, the first of which
// is its score.
static mb_status keep_own(const mb_ledger_cell *cell, mb_ledger_scores *scores, mb_error *error) {
    mb_ledger_scores own = *scores;
    size_t length;
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
    for (const char *name = next_name(cell->targets, &length); name != NULL;
         name = next_name(name + length, &length), first = false) {
        const mb_part_scores *part = find_part(scores, name, length);
        if (part == NULL || !mb_is_target_name(part->name))
            continue;
        append(&own, part);
        if (!first)
            continue;
        own.score = part->scores;
        snprintf(own.score_part, sizeof own.score_part, "%.*s",
                 (int)mb_target_dataset_length(part->name), part->name);
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
