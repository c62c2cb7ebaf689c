/* SPDX-License-Identifier: Apache-2.0 */
/* The host's log callback. */
#define _GNU_SOURCE
#include "log.h"
#include "shim.h"
#include "goruntime/start.h"

#include "../include/cni.h"

#include <errno.h>
#include <pthread.h>

/* Held shared while a callback runs, and exclusively while it is replaced. Writers go first, so
 * that a steady stream of events cannot keep cni_set_log waiting. Readers never nest, since a
 * callback may not make calls that log. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static cni_log_fn callback;
static void *callback_user;

static __thread bool in_callback;

bool log_in_callback(void) { return in_callback; }

bool log_is_set(void) { return __atomic_load_n(&callback, __ATOMIC_RELAXED) != NULL; }

void shim_log(const char *event)
{
    pthread_rwlock_rdlock(&lock);
    if (callback != NULL) {
        in_callback = true;
        callback(event, callback_user);
        in_callback = false;
    }
    pthread_rwlock_unlock(&lock);
}

int cni_set_log(cni_log_fn fn, void *user)
{
    if (start_forked())
        return -ENOTRECOVERABLE;
    if (in_callback)
        return -EBUSY;
    pthread_rwlock_wrlock(&lock);
    __atomic_store_n(&callback, fn, __ATOMIC_RELAXED);
    callback_user = user;
    pthread_rwlock_unlock(&lock);
    return 0;
}
