/* SPDX-License-Identifier: Apache-2.0 */
/* What a call costs by itself, and on how little stack it runs. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>
#include <time.h>
#include <ucontext.h>

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

static ucontext_t home, coroutine;

static void cancel_in_callback(const char *event, void *cancelled)
{
    volatile char deep[100 << 10];

    (void)event;
    deep[0] = deep[sizeof deep - 1] = 0;
    *(int *)cancelled += cni.cancel("nobody") == -ENOENT;
}

/* The plugin has an event in the log, whatever becomes of the call. */
static void call_that_logs(void)
{
    request("status", NULL,
        "{\"network\":{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"reporter\"}]},"
        "\"options\":{\"pluginDirs\":[\"%1$s/bin\"],\"builtins\":\"never\"}}");
}

/* The main thread calls on its own stack and on another. */
static int on_two_stacks(int others_first)
{
    int cancelled = 0;

    coroutine.uc_stack.ss_size = 1 << 20;
    coroutine.uc_stack.ss_sp = malloc(coroutine.uc_stack.ss_size);
    coroutine.uc_link = &home;
    load();
    MUST(coroutine.uc_stack.ss_sp != NULL && cni.set_log(cancel_in_callback, &cancelled) == 0);
    if (!others_first)
        call_that_logs();
    getcontext(&coroutine);
    makecontext(&coroutine, call_that_logs, 0);
    swapcontext(&home, &coroutine);
    call_that_logs();
    return cancelled == (others_first ? 2 : 3) ? 0 : cancelled + 10;
}

static int own_stack_first(void) { return on_two_stacks(0); }
static int other_stack_first(void) { return on_two_stacks(1); }

static int small_limit(void)
{
    struct rlimit limit = {256 << 10, RLIM_INFINITY};

    return setrlimit(RLIMIT_STACK, &limit) != 0 ? 4 : own_stack_first();
}

static int no_limit(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

    return setrlimit(RLIMIT_STACK, &limit) != 0 ? 4 : own_stack_first();
}

static void the_main_thread_may_call_on_any_stack(void)
{
    static int (*const ways[])(void) = {own_stack_first, other_stack_first, small_limit, no_limit};

    for (int i = 0; i < 4; i++) {
        int status = in_child(ways[i]);
        CHECK(status == 0, "way %d: wait status %x", i, status);
    }
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    the_main_thread_may_call_on_any_stack();
    load();
    calls_are_cheap();
    sixteen_KiB_of_stack_are_enough();
    return 0;
}
