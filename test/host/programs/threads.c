/* SPDX-License-Identifier: Apache-2.0 */
/* A host with a hundred threads that call at once. The test also builds it with sanitizers. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>

enum { THREADS = 100 };

static void *call_often(void *failures)
{
    for (int i = 0; i < 20; i++)
        if (call() != 0)
            __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    if (run_plugin() != 0)
        __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void a_hundred_threads_may_call_at_once(void)
{
    pthread_t threads[THREADS];
    int failures = 0;

    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, call_often, &failures) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(failures == 0, "%d failed", failures);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    load();
    a_hundred_threads_may_call_at_once();
    return 0;
}
