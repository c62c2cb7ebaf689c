/* SPDX-License-Identifier: Apache-2.0 */
/* A host that blocks all signals and reads its children's ends from a signalfd, as crun does. */
#define _GNU_SOURCE
#include "host.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>

enum { CHILDREN = 50, PATIENCE_MS = 200 };

static int signals;

static void listen_for_children(void)
{
    sigset_t all;

    sigfillset(&all);
    MUST(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
    signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    MUST(signals >= 0);
}

/* How many of the host's children announce themselves. SIGCHLD is not queued, so there is one child
 * at a time. */
static int children_seen(void)
{
    struct pollfd readable = {signals, POLLIN, 0};
    struct signalfd_siginfo info;
    int seen = 0;

    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();
        int came;

        MUST(pid >= 0);
        if (pid == 0)
            _exit(0);
        came = poll(&readable, 1, PATIENCE_MS) ==
               1; /* the time to give up; a signal that comes ends it at once */
        if (came && read(signals, &info, sizeof info) == (ssize_t)sizeof info)
            seen += info.ssi_signo == SIGCHLD && info.ssi_pid == (unsigned)pid;
        MUST(waitpid(pid, NULL, 0) == pid);
    }
    return seen;
}

/* Takes what the library's own processes left: their SIGCHLD is one of the host's process too. */
static int drain(void)
{
    struct pollfd readable = {signals, POLLIN, 0};
    struct signalfd_siginfo info;
    int drained = 0;

    while (poll(&readable, 1, 0) == 1 && read(signals, &info, sizeof info) == (ssize_t)sizeof info)
        drained++;
    return drained;
}

#define STATE(name, change)                                                                        \
    static void name(void)                                                                         \
    {                                                                                              \
        int seen;                                                                                  \
                                                                                                   \
        change;                                                                                    \
        drain();                                                                                   \
        seen = children_seen();                                                                    \
        figure("%s: %d of %d", __func__, seen, CHILDREN);                                          \
        CHECK(seen == CHILDREN, "%d of %d", seen, CHILDREN);                                       \
        PASS();                                                                                    \
    }

static void *calls(void *result)
{
    for (int i = 0; i < 20; i++)
        *(int *)result |= call() | run_plugin();
    return NULL;
}

static void call_on_other_threads(void)
{
    pthread_t threads[8];
    int results[8] = {0};

    for (int i = 0; i < 8; i++)
        MUST(pthread_create(&threads[i], NULL, calls, &results[i]) == 0);
    for (int i = 0; i < 8; i++)
        MUST(pthread_join(threads[i], NULL) == 0 && results[i] == 0);
}

STATE(children_are_seen_without_the_library, )
STATE(children_are_seen_after_loading, load())
STATE(children_are_seen_after_a_call, MUST(call() == 0))
STATE(children_are_seen_after_a_plugin_process, MUST(run_plugin() == 0))
STATE(children_are_seen_after_calls_of_other_threads, call_on_other_threads())

int main(int argc, char **argv)
{
    begin(argc, argv);
    listen_for_children();
    children_are_seen_without_the_library();
    children_are_seen_after_loading();
    children_are_seen_after_a_call();
    children_are_seen_after_a_plugin_process();
    children_are_seen_after_calls_of_other_threads();
    return 0;
}
