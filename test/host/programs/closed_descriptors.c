/* SPDX-License-Identifier: Apache-2.0 */
/* A host that closes descriptors that are not its own, as daemons and runtimes do. */
#define _GNU_SOURCE
#include "host.h"

#include <sys/syscall.h>

static void close_all(void) { MUST(syscall(SYS_close_range, 3u, ~0u, 0u) == 0); }

static int close_before_the_first_call(void)
{
    load();
    close_all();
    return call() != 0 || run_plugin() != 0;
}

/* Go's runtime finds its epoll descriptor gone, at once or at the next call, and aborts. */
static int close_between_calls(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    MUST(freopen("/dev/null", "w", stderr) != NULL);
    load();
    MUST(call() == 0 && run_plugin() == 0);
    close_all();
    for (int i = 0; i < 1000; i++)
        call(), run_plugin();
    return 0;
}

static void closing_all_before_the_first_call_does_no_harm(void)
{
    int status = in_child(close_before_the_first_call);

    CHECK(status == 0, "wait status %x", status);
    PASS();
}

static void closing_all_after_a_call_ends_the_process(void)
{
    int status = in_child(close_between_calls);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "wait status %x", status);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    closing_all_before_the_first_call_does_no_harm();
    closing_all_after_a_call_ends_the_process();
    return 0;
}
