/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a plugin process inside a host. The plugin inherits neither descriptors, signal mask,
 * ignored signals, umask nor process group of the host. Its exit status is known whatever the
 * host does with its children (waitpid(-1), SIGCHLD ignored). */
#ifndef LIBCNI_SPAWN_H
#define LIBCNI_SPAWN_H

enum {
    /* The plugin gets a parent that the host does not see and that reports the exit status over a
     * socket. It is for kernels whose pidfds do not keep the status. */
    LIBCNI_SPAWN_INTERMEDIATE = 1,
    /* Avoids close_range(2), as if a seccomp filter refused it. */
    LIBCNI_SPAWN_NO_CLOSE_RANGE = 2,
};

struct libcni_spawn_request {
    const char *path;
    char *const *argv;
    char *const *envp;
    int stdio[3];
    unsigned flags;
};

struct libcni_spawn_result {
    int pid;
    int pidfd;        /* close-on-exec; the caller closes it */
    int status;       /* -1, or where the wait status arrives as an int; the caller closes it */
    int intermediate; /* 0, or the pid to wait for with __WALL after the status has arrived */
    const char *step; /* after a failure: what failed */
};

/* Starts a process from the calling thread, in the thread's namespaces. Returns 0, or the error
 * number of the step that failed, execve included. A failure leaves neither process nor
 * descriptor. The thread's signal mask is restored. */
int libcni_spawn(const struct libcni_spawn_request *request, struct libcni_spawn_result *result);

/* Whether this kernel keeps the exit status of a reaped child with its pidfd, as Linux 6.15
 * does. Then no intermediate is needed. It makes and reaps a child that the host cannot see. */
int libcni_spawn_keeps_status(void);

#endif
