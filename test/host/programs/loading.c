/* SPDX-License-Identifier: Apache-2.0 */
/* A host that calls as soon as it has the library, or loads it on several threads at once. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>
#include <time.h>

static pthread_barrier_t barrier;

static int load_and_call(void)
{
    load();
    return call() != 0;
}

static void a_call_right_after_loading_works(void)
{
    for (int i = 0; i < 20; i++) {
        int status = in_child(load_and_call);
        CHECK(status == 0, "wait status %x", status);
    }
    PASS();
}

static void *load_on_thread(void *failures)
{
    void *mine;
    int (*networks)(const char *, char **);

    pthread_barrier_wait(&barrier);
    mine = dlopen(library, RTLD_NOW);
    MUST(mine != NULL);
    *(void **)&networks = dlsym(mine, "cni_networks");
    if (networks("{\"options\":{\"confDir\":\"/nowhere\"}}", NULL) != 0)
        __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static int load_on_many(void)
{
    pthread_t threads[16];
    int failures = 0;

    pthread_barrier_init(&barrier, NULL, 16);
    for (int i = 0; i < 16; i++)
        MUST(pthread_create(&threads[i], NULL, load_on_thread, &failures) == 0);
    for (int i = 0; i < 16; i++)
        pthread_join(threads[i], NULL);
    return failures;
}

static void many_threads_may_load_at_once(void)
{
    for (int i = 0; i < 10; i++) {
        int status = in_child(load_on_many);
        CHECK(status == 0, "wait status %x", status);
    }
    PASS();
}

static int calls;

static void *call_for_ever(void *unused)
{
    for (;;) {
        call();
        __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    }
    return unused;
}

static int exit_during_calls(void)
{
    pthread_t thread;

    load();
    for (int i = 0; i < 8; i++)
        MUST(pthread_create(&thread, NULL, call_for_ever, NULL) == 0);
    while (__atomic_load_n(&calls, __ATOMIC_SEQ_CST) < 50)
        sched_yield();
    exit(0);
}

static void the_host_may_exit_while_threads_call(void)
{
    for (int i = 0; i < 20; i++) {
        int status = in_child(exit_during_calls);
        CHECK(status == 0, "wait status %x", status);
    }
    PASS();
}

int main(int argc, char **argv)
{
    struct timespec start, end;

    begin(argc, argv);
    a_call_right_after_loading_works();
    many_threads_may_load_at_once();
    the_host_may_exit_while_threads_call();
    clock_gettime(CLOCK_MONOTONIC, &start);
    load();
    clock_gettime(CLOCK_MONOTONIC, &end);
    figure("loading: %.1f ms",
        (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6);
    return 0;
}
