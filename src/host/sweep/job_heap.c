#include "sweep/job_heap.h"

#include <stdlib.h>

static bool before(const mb_outcome *a, const mb_outcome *b) {
    if (a->job.cost != b->job.cost)
        return a->job.cost > b->job.cost;
    return a->job.group != b->job.group ? a->job.group < b->job.group : a->order < b->order;
}

static void swap(mb_outcome **a, mb_outcome **b) {
    mb_outcome *c = *a;
    *a = *b;
    *b = c;
}

static void move_up(mb_job_heap *heap, int64_t i) {
    mb_outcome **jobs = heap->jobs;
    for (; i > 0 && before(jobs[i], jobs[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&jobs[i], &jobs[(i - 1) / 2]);
}

static void move_down(mb_job_heap *heap, int64_t i) {
    mb_outcome **jobs = heap->jobs;
    for (;;) {
        int64_t child = 2 * i + 1;
        if (child + 1 < heap->count && before(jobs[child + 1], jobs[child]))
            child++;
        if (child >= heap->count || !before(jobs[child], jobs[i]))
            return;
        swap(&jobs[i], &jobs[child]);
        i = child;
    }
}

mb_status mb_job_heap_reserve(mb_job_heap *heap, int64_t more, mb_error *error) {
    int64_t needed = heap->count + more;
    if (needed <= heap->capacity)
        return MB_OK;
    mb_outcome **larger = realloc(heap->jobs, (size_t)(2 * needed) * sizeof *larger);
    if (larger == NULL)
        return mb_out_of_memory(error, "the list of runs");
    heap->jobs = larger;
    heap->capacity = 2 * needed;
    return MB_OK;
}

void mb_job_heap_push(mb_job_heap *heap, mb_outcome *job) {
    heap->jobs[heap->count] = job;
    move_up(heap, heap->count++);
}

static mb_outcome *take_at(mb_job_heap *heap, int64_t i) {
    mb_outcome *taken = heap->jobs[i];
    heap->jobs[i] = heap->jobs[--heap->count];
    if (i < heap->count) {
        move_up(heap, i);
        move_down(heap, i);
    }
    return taken;
}

mb_outcome *mb_job_heap_take(mb_job_heap *heap, int64_t memory) {
    int64_t best = -1;
    if (heap->count > 0 && heap->jobs[0]->reserved <= memory)
        best = 0;
    for (int64_t i = 1; best != 0 && i < heap->count; i++) // rare: the first job is too large
        if (heap->jobs[i]->reserved <= memory &&
            (best < 0 || before(heap->jobs[i], heap->jobs[best])))
            best = i;
    return best < 0 ? NULL : take_at(heap, best);
}

void mb_job_heap_free(mb_job_heap *heap) {
    for (int64_t i = 0; i < heap->count; i++)
        free(heap->jobs[i]);
    free(heap->jobs);
    *heap = (mb_job_heap){0};
}
