/* SPDX-License-Identifier: Apache-2.0 */
/* What the hosts share: how they are called, and small observations of themselves. */
#ifndef HOST_H
#define HOST_H

#define _GNU_SOURCE
#include <cni_dl.h>

#include "check.h"

#include <dirent.h>
#include <sched.h>
#include <sys/signalfd.h>
#include <sys/time.h>

/* The arguments: mode, the real thing, the stub of the same kind, the directory of the plugin
 * "slow". */
static int mode;
static const char *real, *stub, *directory;

static inline void host_arguments(int argc, char **argv)
{
    MUST(argc == 5);
    mode = strcmp(argv[1], "isolated") == 0 ? CNI_DL_ISOLATED
           : strcmp(argv[1], "exec") == 0   ? CNI_DL_EXEC
                                            : CNI_DL_INPROCESS;
    real = argv[2];
    stub = argv[3];
    directory = argv[4];
}

static inline cni_dl open_api(const char *path)
{
    cni_dl api;
    char *error = NULL;
    if (cni_dl_open(&api, path, mode, &error) != 0) {
        printf("not ok open: %s\n", error);
        exit(1);
    }
    return api;
}

static inline int count_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

/* A process of this one that is not reaped: its end seen or not. */
static inline int has_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

static inline pid_t process_of(const cni_dl_call *call)
{
    char path[64], line[256];
    int pid = 0;
    FILE *file;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", call->pidfd);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        sscanf(line, "Pid: %d", &pid);
    if (file != NULL)
        fclose(file);
    return pid;
}

/* Runs a function in a child of fork; its exit status, or -1. */
static inline int in_child(int (*function)(void))
{
    int status = -1;
    pid_t pid;
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(function());
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Ends the test: it holds if the function, which returns the number of the step that failed,
 * returns 0 in a child. */
#define PASS_IF_CHILD_DOES(function)                                                               \
    do {                                                                                           \
        int status = in_child(function);                                                           \
        CHECK(status == 0, "step %d", status);                                                     \
        PASS();                                                                                    \
    } while (0)

/* Waits as an event loop does, and finishes. */
static inline int await(cni_dl_call *call, char **response)
{
    int rc;
    while ((rc = cni_dl_finish(call, response)) == -EINPROGRESS) {
        struct pollfd fd = {cni_dl_descriptor(call), POLLIN, 0};
        poll(&fd, 1, -1);
    }
    return rc;
}

#endif
