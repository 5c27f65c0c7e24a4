#include "train/prefetch.h"

#include <pthread.h>
#include <stdlib.h>

#include "train/cached_arrays.h"

struct mb_prefetch {
    mb_device_cache *cache;
    pthread_t thread;
    atomic_bool cancel;   // tells the upload of `current` to give up
    pthread_mutex_t lock; // guards all below
    pthread_cond_t changed;
    mb_dataset next, current; // the expected one, the one being uploaded; host memory
    bool known;               // whether `next` is set
    bool asked;               // whether `next` is to be uploaded
    bool busy;                // whether `current` is being uploaded
    bool quit;
};

static void *work(void *argument) {
    mb_prefetch *prefetch = argument;
    pthread_mutex_lock(&prefetch->lock);
    while (!prefetch->quit) {
        if (!prefetch->asked) {
            pthread_cond_wait(&prefetch->changed, &prefetch->lock);
            continue;
        }
        prefetch->current = prefetch->next;
        prefetch->asked = false;
        prefetch->busy = true;
        atomic_store(&prefetch->cancel, false);
        pthread_mutex_unlock(&prefetch->lock);
        mb_cache_fetch(prefetch->cache, &prefetch->current, &prefetch->cancel);
        pthread_mutex_lock(&prefetch->lock);
        prefetch->busy = false;
        pthread_cond_broadcast(&prefetch->changed);
    }
    pthread_mutex_unlock(&prefetch->lock);
    return NULL;
}

mb_prefetch *mb_prefetch_open(mb_device_cache *cache) {
    mb_prefetch *prefetch = calloc(1, sizeof *prefetch);
    if (prefetch == NULL)
        return NULL;
    prefetch->cache = cache;
    atomic_init(&prefetch->cancel, false);
    pthread_mutex_init(&prefetch->lock, NULL);
    pthread_cond_init(&prefetch->changed, NULL);
    if (pthread_create(&prefetch->thread, NULL, work, prefetch) == 0)
        return prefetch;
    pthread_mutex_destroy(&prefetch->lock);
    pthread_cond_destroy(&prefetch->changed);
    free(prefetch);
    return NULL;
}

void mb_prefetch_close(mb_prefetch *prefetch) {
    if (prefetch == NULL)
        return;
    pthread_mutex_lock(&prefetch->lock);
    prefetch->quit = true;
    atomic_store(&prefetch->cancel, true);
    pthread_cond_broadcast(&prefetch->changed);
    pthread_mutex_unlock(&prefetch->lock);
    pthread_join(prefetch->thread, NULL);
    pthread_mutex_destroy(&prefetch->lock);
    pthread_cond_destroy(&prefetch->changed);
    free(prefetch);
}

void mb_prefetch_expect(mb_prefetch *prefetch, const mb_dataset *next) {
    if (prefetch == NULL)
        return;
    pthread_mutex_lock(&prefetch->lock);
    prefetch->next = *next;
    prefetch->known = true;
    pthread_mutex_unlock(&prefetch->lock);
}

void mb_prefetch_start(mb_prefetch *prefetch) {
    if (prefetch == NULL)
        return;
    pthread_mutex_lock(&prefetch->lock);
    prefetch->asked = prefetch->known;
    prefetch->known = false;
    pthread_cond_broadcast(&prefetch->changed);
    pthread_mutex_unlock(&prefetch->lock);
}

bool mb_prefetch_settle(mb_prefetch *prefetch, const mb_dataset *wanted) {
    if (prefetch == NULL)
        return false;
    pthread_mutex_lock(&prefetch->lock);
    prefetch->asked = false; // drops a request that has not begun
    bool busy = prefetch->busy;
    if (busy && (wanted == NULL || !mb_dataset_same(wanted, &prefetch->current)))
        atomic_store(&prefetch->cancel, true);
    while (prefetch->busy)
        pthread_cond_wait(&prefetch->changed, &prefetch->lock);
    pthread_mutex_unlock(&prefetch->lock);
    return busy;
}
