/*
 * Starting a plugin process from inside somebody else's process: nothing of the host's (descriptors, signal mask,
 * ignored signals, umask, process group) reaches the plugin, and nothing the host does with its children (waitpid(-1),
 * SIGCHLD ignored) hides from us how the plugin ended.
 */
#ifndef LIBCNI_SPAWN_H
#define LIBCNI_SPAWN_H

enum {
    /* The plugin gets a parent of its own, invisible to the host, which reports the exit status over a socket. For
     * kernels whose pidfds do not keep the status. */
    LIBCNI_SPAWN_INTERMEDIATE = 1,
    /* Do without close_range(2), as if a seccomp filter refused it. */
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

/*
 * Starts a process from the calling thread, in the thread's namespaces. Returns 0 or an error number; execve's is among
 * them, and a failure leaves no process and no descriptor. The thread's signal mask is as before.
 */
int libcni_spawn(const struct libcni_spawn_request *request, struct libcni_spawn_result *result);

/*
 * Whether this kernel keeps the exit status of a reaped child with its pidfd (Linux 6.15). If so the intermediate is
 * not needed. Makes, and reaps, a child that the host cannot notice.
 */
int libcni_spawn_keeps_status(void);

#endif
