/* SPDX-License-Identifier: Apache-2.0 */
/* A host that uses SIGURG, with which Go would interrupt its threads. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>

static int handled;

static void count_signal(int number)
{
    (void)number;
    __atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

static void *work(void *failures)
{
    for (int i = 0; i < 200; i++)
        if (call() != 0)
            __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static int load_and_work(void)
{
    pthread_t threads[8];
    int failures = 0;

    for (int i = 0; i < 8; i++)
        MUST(pthread_create(&threads[i], NULL, work, &failures) == 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    return failures;
}

static void go_sends_no_SIGURG(void)
{
    CHECK(load_and_work() == 0 && handled == 0, "%d came", handled);
    PASS();
}

static void the_host_gets_its_own_SIGURG(void)
{
    for (int i = 1; i <= 10; i++) {
        CHECK(call() == 0);
        kill(getpid(), SIGURG);
        CHECK(handled == i, "%d of %d came", handled, i);
    }
    PASS();
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};

    begin(argc, argv);
    sigaction(SIGURG, &action, NULL);
    load();
    go_sends_no_SIGURG();
    the_host_gets_its_own_SIGURG();
    return 0;
}
