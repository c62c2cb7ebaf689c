/* SPDX-License-Identifier: Apache-2.0 */
/* A host that forks: without exec, with exec, before loading, with clone. */
#define _GNU_SOURCE
#include "host.h"

#include <sched.h>
#include <sys/syscall.h>

enum { STARTS = 100 };

static int load_and_call(void)
{
    load();
    return call() != 0 || run_plugin() != 0;
}

static void loading_after_a_fork_works(void)
{
    int status = in_child(load_and_call);

    CHECK(status == 0, "wait status %x", status);
    load();
    CHECK(call() == 0);
    PASS();
}

/* What must hold in a child; its exit status is 0, or the line that does not. */
static int refused(void)
{
    char *response = NULL;

    if (cni.call("networks", "{}", &response) != -ENOTRECOVERABLE ||
        strstr(response, "\"kind\":\"forked\"") == NULL)
        return __LINE__ & 127;
    cni.free(response);
    if (cni.describe(&response) != -ENOTRECOVERABLE)
        return __LINE__ & 127;
    cni.free(response);
    if (cni.call("networks", "{}", NULL) != -ENOTRECOVERABLE || cni.cancel("x") != -ENOTRECOVERABLE)
        return __LINE__ & 127;
    if (cni.set_log(NULL, NULL) != -ENOTRECOVERABLE)
        return __LINE__ & 127;
    if (strcmp(cni.version(), CNI_VERSION) != 0 || cni.abi_version() != CNI_ABI_VERSION ||
        cni.strerror(-EINVAL)[0] == '\0')
        return __LINE__ & 127;
    return 0;
}

static int refused_in_a_grandchild(void) { return in_child(refused) != 0; }

static void a_forked_child_is_refused(void)
{
    int status = in_child(refused);

    CHECK(status == 0, "wait status %x", status);
    CHECK((status = in_child(refused_in_a_grandchild)) == 0, "wait status %x", status);
    CHECK(call() == 0);
    PASS();
}

static void a_cloned_child_is_refused(void)
{
    static const unsigned long flags[] = {
        SIGCHLD, SIGCHLD | CLONE_NEWPID, SIGCHLD | CLONE_NEWNS | CLONE_NEWNET};

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        long pid = syscall(SYS_clone, flags[i], NULL, NULL, NULL, NULL);
        int status = -1;

        if (pid == 0) {
            alarm(10);
            _exit(refused());
        }
        CHECK(waitpid((pid_t)pid, &status, 0) == pid && status == 0, "flags %lx: wait status %x",
            flags[i], status);
    }
    PASS();
}

static int exec_true(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return 1;
}

static void fork_and_exec_work(void)
{
    for (int i = 0; i < STARTS; i++) {
        CHECK(in_child(exec_true) == 0);
        CHECK(call() == 0);
    }
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    loading_after_a_fork_works();
    a_forked_child_is_refused();
    a_cloned_child_is_refused();
    fork_and_exec_work();
    return 0;
}
