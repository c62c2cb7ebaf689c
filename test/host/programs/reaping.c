/* SPDX-License-Identifier: Apache-2.0 */
/* A host that takes the exit status of every child, or lets the kernel do so. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>
#include <sched.h>

enum { CALLS = 50 };

static int stop;

static void *reap_everything(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
        if (waitpid(-1, NULL, 0) < 0)
            sched_yield();
    return unused;
}

/* How many calls do not know how their plugin ended: one that succeeds, and one that fails. */
static int wrong_verdicts(void)
{
    int wrong = 0;

    for (int i = 0; i < CALLS; i++) {
        wrong += run_plugin() != 0;
        setenv("FAIL", "1", 1);
        wrong += request("plugin.info", NULL,
                     "{\"type\":\"reporter\",\"options\":"
                     "{\"pluginDirs\":[\"%1$s/bin\"],\"builtins\":\"never\"}}") != 123;
        unsetenv("FAIL");
    }
    return wrong;
}

static void verdicts_are_right_though_a_thread_reaps(void)
{
    pthread_t thread;
    int wrong;

    CHECK(pthread_create(&thread, NULL, reap_everything, NULL) == 0);
    wrong = wrong_verdicts();
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    CHECK(wrong == 0, "%d of %d are wrong", wrong, 2 * CALLS);
    PASS();
}

static void verdicts_are_right_though_SIGCHLD_is_ignored(void)
{
    int wrong;

    signal(SIGCHLD, SIG_IGN);
    wrong = wrong_verdicts();
    signal(SIGCHLD, SIG_DFL);
    CHECK(wrong == 0, "%d of %d are wrong", wrong, 2 * CALLS);
    PASS();
}

static void verdicts_are_right_though_children_do_not_wait(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    int wrong;

    sigaction(SIGCHLD, &action, NULL);
    wrong = wrong_verdicts();
    signal(SIGCHLD, SIG_DFL);
    CHECK(wrong == 0, "%d of %d are wrong", wrong, 2 * CALLS);
    PASS();
}

static void calls_leave_no_children(void)
{
    CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
    PASS();
}

static void children_of_the_host_are_left_to_it(void)
{
    for (int i = 0; i < CALLS; i++) {
        pid_t pid = fork();
        int status = -1;

        if (pid == 0)
            _exit(3);
        CHECK(run_plugin() == 0);
        CHECK(waitpid(pid, &status, 0) == pid && status == 3 << 8, "%x", status);
    }
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    load();
    verdicts_are_right_though_a_thread_reaps();
    verdicts_are_right_though_SIGCHLD_is_ignored();
    verdicts_are_right_though_children_do_not_wait();
    calls_leave_no_children();
    children_of_the_host_are_left_to_it();
    return 0;
}
