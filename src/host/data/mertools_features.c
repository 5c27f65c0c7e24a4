#include "data/mertools_features.h"

#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/plural.h"
#include "base/progress.h"
#include "data/corpus_file.h"
#include "data/mertools_files.h"

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum { MISSING, FILE_OF_FRAMES, FOLDER_OF_FRAMES };

typedef struct utterance {
    int where;
    mb_frames frames;
    char digest[33];
} utterance;

typedef struct feature_work {
    const mb_corpus *corpus;
    const char *folder, *feature;
    bool allow_nonfinite;
    utterance *utterances;
    atomic_int next;         // first utterance that no thread has taken
    atomic_int first_failed; // later utterances need not be read
    atomic_int done;
    pthread_mutex_t lock; // protects the fields below
    pthread_cond_t finished;
    int running;      // threads
    mb_status status; // of utterance first_failed
    mb_error error;
} feature_work;

static mb_status check_finite(const feature_work *work, int row, mb_error *error) {
    const mb_frames *frames = &work->utterances[row].frames;
    int64_t bad = mb_first_nonfinite(frames->values, frames->count * frames->dimension);
    if (bad < 0 || work->allow_nonfinite)
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: feature '%s', utterance '%s', frame %" PRId64 ", column %" PRId64
                   ": expected a finite value, found %g; --allow-nonfinite accepts it",
                   work->folder, work->feature, work->corpus->names[row], bad / frames->dimension,
                   bad % frames->dimension, (double)frames->values[bad]);
}

static mb_status read_utterance(feature_work *work, int row, mb_error *error) {
    utterance *own = &work->utterances[row];
    char path[PATH_MAX];
    bool file = own->where == FILE_OF_FRAMES;
    int length = snprintf(path, sizeof path, "%s/%s%s", work->folder, work->corpus->names[row],
                          file ? ".npy" : "");
    if (length < 0 || (size_t)length >= sizeof path)
        return mb_fail(error, MB_BAD_INPUT, "%s: the path is too long", work->folder);
    mb_status status = file ? mb_read_frame_file(path, &own->frames, own->digest, error)
                            : mb_read_frame_folder(path, &own->frames, own->digest, error);
    return status == MB_OK ? check_finite(work, row, error) : status;
}

static void report(feature_work *work, int row, mb_status status, const mb_error *error) {
    pthread_mutex_lock(&work->lock);
    if (row < atomic_load(&work->first_failed)) {
        atomic_store(&work->first_failed, row);
        work->status = status;
        work->error = *error;
    }
    pthread_mutex_unlock(&work->lock);
}

static void *read_some(void *data) {
    feature_work *work = data;
    int row;
    while ((row = atomic_fetch_add(&work->next, 1)) < work->corpus->utterance_count) {
        if (row > atomic_load(&work->first_failed))
            break;
        mb_error error = {.message = ""};
        mb_status status = read_utterance(work, row, &error);
        if (status != MB_OK)
            report(work, row, status, &error);
        atomic_fetch_add(&work->done, 1);
    }
    pthread_mutex_lock(&work->lock);
    work->running--;
    pthread_cond_signal(&work->finished);
    pthread_mutex_unlock(&work->lock);
    return NULL;
}

// Shows the progress until the last thread has ended. An interrupt lets the threads take no more
// utterances.
static void watch(feature_work *work, const mb_feature_reading *reading) {
    char label[80];
    mb_progress progress;
    snprintf(label, sizeof label, "reading %s", work->feature);
    mb_progress_start(&progress, label, "utterances", 0, work->corpus->utterance_count,
                      reading->quiet);
    pthread_mutex_lock(&work->lock);
    while (work->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&work->finished, &work->lock, &until);
        mb_progress_update(&progress, atomic_load(&work->done), NULL);
        if (reading->interrupt != NULL && mb_interrupt_came(reading->interrupt)) {
            atomic_store(&work->first_failed, -1);
            work->status = mb_fail(&work->error, MB_FAILED, "interrupted (%s)",
                                   strsignal(reading->interrupt->signal));
        }
    }
    pthread_mutex_unlock(&work->lock);
    mb_progress_finish(&progress, work->status != MB_OK ? "failed" : NULL);
}

static mb_status read_all(feature_work *work, const mb_feature_reading *reading, mb_error *error) {
    pthread_t started[MB_MAX_THREADS];
    int count = 0, threads = reading->threads;
    threads = threads < 1 ? 1 : threads > MB_MAX_THREADS ? MB_MAX_THREADS : threads;
    pthread_mutex_lock(&work->lock); // no thread may end before `running` is set
    int code = 0;
    while (count < threads && (code = pthread_create(&started[count], NULL, read_some, work)) == 0)
        count++;
    work->running = count;
    pthread_mutex_unlock(&work->lock);
    if (count == 0)
        return mb_fail_errno(error, code, "cannot start a thread");
    watch(work, reading);
    for (int i = 0; i < count; i++)
        pthread_join(started[i], NULL);
    if (work->status != MB_OK && error != NULL)
        *error = work->error;
    return work->status;
}

// The message lists the first few utterances that have neither a file nor a folder.
static mb_status not_found(const feature_work *work, int missing, mb_error *error) {
    enum { SHOWN = 5 };
    mb_status status =
        mb_fail(error, MB_BAD_INPUT,
                "%.300s: feature '%s': %d of %d %s neither a file "
                "UTTERANCE.npy nor a folder UTTERANCE:",
                work->folder, work->feature, missing, work->corpus->utterance_count,
                mb_plural(work->corpus->utterance_count, "utterance has", "utterances have"));
    int shown = 0;
    for (int32_t i = 0; i < work->corpus->utterance_count && shown < SHOWN; i++)
        if (work->utterances[i].where == MISSING) {
            shown++;
            mb_fail_more(error, status, "\n  '%.100s'", work->corpus->names[i]);
        }
    return missing > SHOWN ? mb_fail_more(error, status, "\n  ...") : status;
}

// Finds the file or folder of every utterance.
static mb_status locate(feature_work *work, mb_error *error) {
    char **names, wanted[NAME_MAX + 8];
    int count, missing = 0;
    mb_status status = mb_list_folder(work->folder, &names, &count, error);
    if (status != MB_OK)
        return status;
    for (int32_t i = 0; i < work->corpus->utterance_count; i++) {
        const char *name = work->corpus->names[i], *key = wanted;
        bool fits = strlen(name) <= NAME_MAX;
        snprintf(wanted, sizeof wanted, "%s.npy", fits ? name : "");
        if (fits && bsearch(&key, names, (size_t)count, sizeof *names, compare_names) != NULL)
            work->utterances[i].where = FILE_OF_FRAMES;
        else if (fits && bsearch(&name, names, (size_t)count, sizeof *names, compare_names) != NULL)
            work->utterances[i].where = FOLDER_OF_FRAMES;
        else
            missing++;
    }
    if (missing > 0)
        status = not_found(work, missing, error);
    mb_h5_free_names(names, count);
    return status;
}

// Moves the frames of all utterances into one array. What is freed is given back to the system at
// once, so that the feature is not held twice.
static void move_values(feature_work *work, mb_feature *feature) {
    const int64_t enough = (int64_t)64 << 20;
    int64_t freed = 0;
    for (int32_t i = 0; i < work->corpus->utterance_count; i++) {
        mb_frames *own = &work->utterances[i].frames;
        size_t bytes = (size_t)(own->count * own->dimension) * sizeof(float);
        memcpy(feature->values + feature->offsets[i] * feature->dimension, own->values, bytes);
        free(own->values);
        own->values = NULL;
        freed += (int64_t)bytes;
        if (freed >= enough) {
            malloc_trim(0);
            freed = 0;
        }
    }
}

// Concatenates the frames of all utterances.
static mb_status join(feature_work *work, mb_feature *feature, mb_error *error) {
    int32_t count = work->corpus->utterance_count;
    const utterance *utterances = work->utterances;
    int64_t frames = 0, values;
    feature->dimension = utterances[0].frames.dimension;
    feature->level = MB_LEVEL_UTTERANCE;
    feature->offsets = calloc((size_t)count + 1, sizeof *feature->offsets);
    if (feature->offsets == NULL)
        return mb_out_of_memory(error, feature->name);
    for (int32_t i = 0; i < count; i++) {
        if (utterances[i].frames.dimension != feature->dimension)
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: feature '%s': utterance '%s' has frames of %d %s, utterance '%s' "
                           "has frames of %d",
                           work->folder, feature->name, work->corpus->names[0], feature->dimension,
                           mb_plural(feature->dimension, "value", "values"), work->corpus->names[i],
                           utterances[i].frames.dimension);
        if (utterances[i].frames.count != 1 || utterances[i].where == FOLDER_OF_FRAMES)
            feature->level = MB_LEVEL_FRAME;
        frames += utterances[i].frames.count; // all are in memory, so this cannot overflow
        feature->offsets[i + 1] = frames;
    }
    if (__builtin_mul_overflow(frames, (int64_t)feature->dimension, &values) ||
        values > INT64_MAX / 8 ||
        (feature->values = malloc((size_t)values * sizeof(float))) == NULL)
        return mb_out_of_memory(error, feature->name);
    move_values(work, feature);
    return MB_OK;
}

static mb_status digest_of(const feature_work *work, char digest[33], mb_error *error) {
    mb_hasher *hasher = mb_hasher_create();
    if (hasher == NULL)
        return mb_out_of_memory(error, work->feature);
    for (int32_t i = 0; i < work->corpus->utterance_count; i++)
        mb_hasher_add_string(hasher, work->utterances[i].digest);
    mb_hasher_finish(hasher, digest);
    return MB_OK;
}

mb_status mb_mertools_feature(const mb_corpus *corpus, const char *folder,
                              const mb_feature_reading *reading, mb_feature *feature,
                              char digest[33], mb_error *error) {
    feature_work work = {.corpus = corpus,
                         .folder = folder,
                         .feature = feature->name,
                         .allow_nonfinite = reading->allow_nonfinite,
                         .lock = PTHREAD_MUTEX_INITIALIZER,
                         .finished = PTHREAD_COND_INITIALIZER,
                         .first_failed = INT_MAX};
    work.utterances = calloc((size_t)corpus->utterance_count + 1, sizeof *work.utterances);
    if (work.utterances == NULL)
        return mb_out_of_memory(error, feature->name);
    mb_status status = locate(&work, error);
    if (status == MB_OK)
        status = read_all(&work, reading, error);
    if (status == MB_OK)
        status = digest_of(&work, digest, error);
    if (status == MB_OK)
        status = join(&work, feature, error);
    for (int32_t i = 0; i < corpus->utterance_count; i++)
        free(work.utterances[i].frames.values);
    free(work.utterances);
    return status;
}
