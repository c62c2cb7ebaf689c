/* SPDX-License-Identifier: Apache-2.0 */
/* What a call costs by itself, and on how little stack it runs. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>
#include <time.h>

enum { TIMES = 2000, THREADS = 50 };

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* A request that is refused when it is read: nothing but the way there and back. */
static int trivial(void) { return cni.call("plugin.info", "{}", NULL); }

static void *first_call(void *microseconds)
{
    double start = now();

    trivial();
    *(double *)microseconds = now() - start;
    return NULL;
}

static void calls_are_cheap(void)
{
    double start = now(), each, total = 0;

    CHECK(trivial() == -EINVAL);
    figure("the first call: %.0f microseconds", now() - start);
    start = now();
    for (int i = 0; i < TIMES; i++)
        trivial();
    each = (now() - start) / TIMES;
    figure("a trivial call: %.1f microseconds", each);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        double microseconds = 0;
        CHECK(pthread_create(&thread, NULL, first_call, &microseconds) == 0);
        pthread_join(thread, NULL);
        total += microseconds;
    }
    figure("the first call of a thread: %.0f microseconds", total / THREADS);
    start = now();
    for (int i = 0; i < TIMES; i++)
        cni.version();
    figure("cni_version: %.3f microseconds", (now() - start) / TIMES);
    CHECK(each < 1000, "%.1f microseconds", each);
    PASS();
}

static void *use_all(void *result)
{
    *(int *)result = call() | run_plugin();
    return NULL;
}

static void sixteen_KiB_of_stack_are_enough(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int rc = -1;

    pthread_attr_init(&attributes);
    CHECK(pthread_attr_setstacksize(&attributes, 16384) == 0);
    CHECK(pthread_create(&thread, &attributes, use_all, &rc) == 0);
    pthread_join(thread, NULL);
    CHECK(rc == 0, "%d", rc);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    load();
    calls_are_cheap();
    sixteen_KiB_of_stack_are_enough();
    return 0;
}
