#include "cuda/sources.cuh"

// A tensor of the arena between the step that writes it and the first that writes over it.
static bool overlaps(const mb_operand *a, const mb_operand *b, int32_t rows) {
    int64_t a_end = a->offset + mb_shape_elements(&a->shape, rows);
    int64_t b_end = b->offset + mb_shape_elements(&b->shape, rows);
    return a->space == MB_SPACE_ARENA && b->space == MB_SPACE_ARENA && a->offset < b_end &&
           b->offset < a_end;
}

static bool overwrites(const mb_step *step, const mb_operand *tensor, int32_t rows) {
    for (int32_t i = 0; i < step->output_count; i++)
        if (overlaps(&step->outputs[i], tensor, rows))
            return true;
    return false;
}

// Whether a step takes a source as its input `i`.
static bool takes_source(const mb_step *step, int32_t i) {
    return (step->op == MB_OP_LINEAR && i == 0) ||
           ((step->op == MB_OP_LINEAR_UPDATE || step->op == MB_OP_LINEAR_GRAD_WEIGHT) && i == 0 &&
            step->input_count == 2);
}

// Whether a dropout can be made on the way: groups of random bits lie within a row.
static bool makes_dropout(const mb_step *step) {
    return step->op == MB_OP_DROPOUT && step->params.dropout.mode == MB_DROPOUT_RANDOM &&
           mb_shape_last(&step->outputs[0].shape) % MB_DROPOUT_GROUP == 0;
}

// Whether every later reader of the output of step `at` takes it as a source; `commit` tells them
// so.
static bool readers(const mb_plan *plan, int32_t at, mb_source *sources, bool *omitted,
                    const mb_source *source, bool commit) {
    const mb_operand *tensor = &plan->steps[at].outputs[0];
    int32_t rows = plan->info.max_rows;
    bool any = false;
    for (int32_t s = at + 1; s < plan->step_count; s++) {
        const mb_step *step = &plan->steps[s];
        for (int32_t i = 0; i < step->input_count; i++) {
            if (!overlaps(&step->inputs[i], tensor, rows))
                continue;
            any = true;
            bool same = step->inputs[i].offset == tensor->offset;
            if (same && takes_source(step, i)) {
                if (commit)
                    sources[s * MB_MAX_INPUTS + i] = *source;
                continue;
            }
            mb_source dropped = *source;
            dropped.dropped = true;
            dropped.dropout = step->params.dropout;
            if (!same || source->dropped || !makes_dropout(step) ||
                !readers(plan, s, sources, omitted, &dropped, commit))
                return false;
            if (commit)
                omitted[s] = true;
        }
        if (overwrites(step, tensor, rows))
            break;
    }
    return any;
}

static bool is_kept(const mb_plan *plan, const mb_operand *tensor) {
    const mb_place *kept[] = {&plan->info.features, &plan->info.emos_out, &plan->info.vals_out};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (kept[i]->offset == tensor->offset)
            return true;
    return false;
}

void mb_find_sources(const mb_plan *plan, const mb_resident *dataset, mb_source *sources,
                     bool *omitted) {
    for (int32_t s = 0; s < plan->step_count; s++) {
        const mb_step *step = &plan->steps[s];
        if (step->op != MB_OP_GATHER || step->params.gather.input > MB_INPUT_VIDEO ||
            step->outputs[0].shape.count != 2 || is_kept(plan, &step->outputs[0]))
            continue;
        int32_t modality = (int32_t)step->params.gather.input;
        mb_source source = {};
        source.values = dataset->modalities[modality].values;
        source.width = dataset->modalities[modality].dimension;
        if (dataset->modalities[modality].offsets != NULL ||
            source.width != mb_shape_last(&step->outputs[0].shape))
            continue;
        if (readers(plan, s, sources, omitted, &source, false)) {
            (void)readers(plan, s, sources, omitted, &source, true);
            omitted[s] = true;
        }
    }
}
