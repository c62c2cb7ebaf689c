/* SPDX-License-Identifier: Apache-2.0 */
/* A host that makes namespaces. Some the kernel refuses to a process with more than one thread,
 * which loading makes it. */
#define _GNU_SOURCE
#include "host.h"

#include <sched.h>
#include <sys/syscall.h>

static int unshare_user(void) { return unshare(CLONE_NEWUSER) == 0 ? 0 : errno; }
static int unshare_others(void)
{
    return unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS) == 0 ? 0 : errno;
}

static int result_of(int (*function)(void)) { return WEXITSTATUS(in_child(function)); }

/* These act on the process itself, hence each in a child that loads the library on its own. */
static int load_and_unshare_user(void)
{
    load();
    return unshare_user();
}

static int load_and_unshare_others(void)
{
    load();
    return unshare_others() != 0 || call() != 0;
}

static int load_and_clone_user(void)
{
    int status = -1;
    long pid;

    load();
    pid = syscall(SYS_clone, (unsigned long)(CLONE_NEWUSER | SIGCHLD), NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return waitpid((pid_t)pid, &status, 0) != pid || status != 0;
}

static void a_user_namespace_can_be_made_before_loading(void)
{
    CHECK(result_of(unshare_user) == 0, "%s", strerror(result_of(unshare_user)));
    PASS();
}

static void a_user_namespace_cannot_be_entered_after_loading(void)
{
    CHECK(result_of(load_and_unshare_user) == EINVAL, "%s",
        strerror(result_of(load_and_unshare_user)));
    PASS();
}

static void other_namespaces_can_be_made_after_loading(void)
{
    CHECK(result_of(load_and_unshare_others) == 0);
    PASS();
}

static void a_child_in_a_user_namespace_can_be_made_after_loading(void)
{
    CHECK(result_of(load_and_clone_user) == 0);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    a_user_namespace_can_be_made_before_loading();
    a_user_namespace_cannot_be_entered_after_loading();
    other_namespaces_can_be_made_after_loading();
    a_child_in_a_user_namespace_can_be_made_after_loading();
    figure("threads before loading: %d", count_threads());
    load();
    figure("threads after loading: %d", count_threads());
    return 0;
}
