// The thread that a CUDA driver would start. It only waits, with the signal mask that it inherited.
#include "runtime.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

namespace cudasim {

// Nothing here has a destructor, because a forked process has no such thread and must still be able
// to exit.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static bool ending;
static pthread_t thread;
static pid_t owner; // 0: not started

static void *wait_for_the_end(void *) {
    pthread_mutex_lock(&lock);
    while (!ending)
        pthread_cond_wait(&change, &lock);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void end_driver_thread() {
    if (owner != getpid())
        return;
    pthread_mutex_lock(&lock);
    ending = true;
    pthread_cond_signal(&change);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
}

void start_driver_thread() {
    if (owner)
        return;
    if (pthread_create(&thread, NULL, wait_for_the_end, NULL)) {
        fprintf(stderr, "cudasim: cannot start a thread\n");
        abort();
    }
    owner = getpid();
    atexit(end_driver_thread);
}

} // namespace cudasim
