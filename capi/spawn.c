/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Defined here, since the headers of old C libraries and kernels lack some of them. */
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define BY_PIDFD ((idtype_t)3) /* P_PIDFD */

struct pidfd_info_exit { /* struct pidfd_info, as far as its exit code */
    uint64_t mask, cgroup;
    uint32_t ids[11];
    int32_t exit_code;
};
#define GET_INFO _IOWR(0xff, 11, struct pidfd_info_exit) /* PIDFD_GET_INFO */
#define INFO_EXIT (1u << 3)                              /* PIDFD_INFO_EXIT */

enum { STDIO = 3, STACK = 64 << 10, LAST_SIGNAL = 64 };

enum step {
    STEP_NONE,
    STEP_PREPARE,
    STEP_CLONE,
    STEP_DESCRIPTORS,
    STEP_EXEC,
    STEP_PIDFD,
    STEP_LOST
};
static const char *const step_names[] = {
    [STEP_NONE] = "",
    [STEP_PREPARE] = "prepare",
    [STEP_CLONE] = "clone",
    [STEP_DESCRIPTORS] = "arrange descriptors",
    [STEP_EXEC] = "exec",
    [STEP_PIDFD] = "pidfd_open",
    [STEP_LOST] = "intermediate process killed",
};

struct outcome {
    int error;
    enum step step;
    int pid, pidfd;
};

/* ---- System calls of a process that shares the host's memory. They are raw, since a sanitizer
 * in the host replaces the C library's functions and would count the child's descriptors as the
 * host's. ---- */

static int raw_close(int fd) { return (int)syscall(SYS_close, fd); }

static int raw_duplicate(int fd, int least)
{
    return (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, least);
}

static int raw_replace(int fd, int number, int flags)
{
    return (int)syscall(SYS_dup3, fd, number, flags);
}

static int raw_open_directory(const char *path)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

static _Noreturn void raw_exit(int status)
{
    for (;;)
        syscall(SYS_exit_group, status);
}

/* ---- Signals. The system calls are raw, since the C library hides two real-time signals. ---- */

static uint64_t set_mask(uint64_t mask)
{
    uint64_t old = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &old, sizeof mask);
    return old;
}

/* execve does this for handled signals, but ignored ones stay ignored. */
static void default_dispositions(void)
{
    uint64_t action[4] = {0}; /* the kernel's struct sigaction: SIG_DFL, no flags, empty mask */
    for (int number = 1; number <= LAST_SIGNAL; number++)
        syscall(SYS_rt_sigaction, number, action, NULL, sizeof(uint64_t));
}

/* ---- Descriptors ---- */

struct directory_entry { /* struct linux_dirent64 */
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static int to_number(const char *digits)
{
    int number = 0;
    if (*digits < '0' || *digits > '9')
        return -1;
    for (; *digits >= '0' && *digits <= '9'; digits++)
        number = number * 10 + (*digits - '0');
    return number;
}

/* Closes the descriptors listed in directory, an open /proc/self/fd. Returns whether there was
 * any. */
static bool close_once(int directory, int from)
{
    char buffer[2048] __attribute__((aligned(8)));
    bool closed = false;
    long size;

    syscall(SYS_lseek, directory, 0, SEEK_SET);
    while ((size = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0) {
        struct directory_entry *entry;
        for (long at = 0; at < size; at += entry->length) {
            entry = (struct directory_entry *)(buffer + at);
            int fd = to_number(entry->name);
            if (fd >= from && fd != directory && raw_close(fd) == 0)
                closed = true;
        }
    }
    return closed;
}

/* Closes the descriptors that /proc lists. Unlike those below the limit, they include
 * descriptors that were opened before the limit was lowered. */
static int close_listed(int from)
{
    int directory = raw_open_directory("/proc/self/fd");

    if (directory < 0)
        return -1;
    /* Closing shifts the listing, so it is repeated until nothing is left to close. */
    while (close_once(directory, from))
        ;
    raw_close(directory);
    return 0;
}

static void close_from(int from, unsigned flags)
{
    struct rlimit limit;
    if (!(flags & LIBCNI_SPAWN_NO_CLOSE_RANGE) && syscall(SYS_close_range, from, ~0U, 0) == 0)
        return;
    if (close_listed(from) == 0)
        return;
    int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT_MAX
                  ? (int)limit.rlim_cur
                  : 1 << 20;
    for (int fd = from; fd < end; fd++)
        raw_close(fd);
}

/* Makes fds[i] descriptor number i for each i below count, the first `inherited` of them without
 * close-on-exec, and closes all others. fds is updated also on failure, so that what could be
 * moved can be used. */
static int arrange(int *fds, int count, int inherited, unsigned flags)
{
    /* First move them out of the way: if the host closed its stdin, one of ours may be
     * descriptor 0. */
    for (int i = 0; i < count; i++) {
        int moved = fds[i] < count ? raw_duplicate(fds[i], count) : fds[i];
        if (moved < 0)
            return errno;
        fds[i] = moved;
    }
    for (int i = 0; i < count; i++) {
        if (raw_replace(fds[i], i, i < inherited ? 0 : O_CLOEXEC) < 0)
            return errno;
        fds[i] = i;
    }
    close_from(count, flags);
    return 0;
}

/* ---- The plugin's process ---- */

struct child {
    const struct libcni_spawn_request *request;
    int errors; /* pipe for a struct outcome */
};

/* Runs in the new process, which shares our memory until it execs, so it makes only system
 * calls. */
static int become_plugin(void *argument)
{
    const struct child *child = argument;
    const struct libcni_spawn_request *request = child->request;
    int fds[STDIO + 1] = {request->stdio[0], request->stdio[1], request->stdio[2], child->errors};
    struct outcome outcome = {0, STEP_DESCRIPTORS, 0, -1};

    default_dispositions();
    syscall(SYS_umask, 022);
    syscall(SYS_setpgid, 0, 0); /* cannot fail: a new process leads no session */
    outcome.error = arrange(fds, STDIO + 1, STDIO, request->flags);
    if (outcome.error == 0) {
        outcome.step = STEP_EXEC;
        set_mask(0);
        syscall(SYS_execve, request->path, request->argv, request->envp);
        outcome.error = errno;
    }
    raw_exit(syscall(SYS_write, fds[STDIO], &outcome, sizeof outcome) < 0 ? 126 : 127);
}

/* Reaps a child of ours, unless the host has already done so. */
static void reap(int pidfd)
{
    siginfo_t info;
    while (waitid(BY_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR)
        ;
}

/* The C library's clone, by a name that sanitizers do not replace: ThreadSanitizer would treat a
 * process that shares our memory as a forked child and refuse to start threads. */
extern int __clone(int (*)(void *), void *, int, void *, ...);

/* Runs a function in a process that shares our memory and has its own stack. Returns when the
 * process has called exec or has exited. */
static int clone_sharing(int (*function)(void *), void *argument, int flags, int *pidfd)
{
    char *stack =
        mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -errno;
    /* No handler of the host may run in the child, where it would act on the host's memory. */
    uint64_t mask = set_mask(~(uint64_t)0);
    int pid = __clone(
        function, stack + STACK, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | flags, argument, pidfd);
    int error = errno;
    set_mask(mask);
    munmap(stack, STACK);
    return pid < 0 ? -error : pid;
}

static struct outcome start(const struct libcni_spawn_request *request)
{
    struct outcome outcome = {0, STEP_PREPARE, 0, -1}, failure;
    int errors[2];
    if (pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0) {
        outcome.error = errno;
        return outcome;
    }
    struct child child = {request, errors[1]};
    outcome.step = STEP_CLONE;
    outcome.pid = clone_sharing(become_plugin, &child, SIGCHLD, &outcome.pidfd);
    if (outcome.pid < 0)
        outcome.error = -outcome.pid;
    /* The child has already written its report, if it has one. Waiting for the end of the pipe
     * could block forever, since a child that another thread of the host forked meanwhile may
     * hold it. */
    else if (read(errors[0], &failure, sizeof failure) == (ssize_t)sizeof failure) {
        reap(outcome.pidfd);
        close(outcome.pidfd);
        outcome = failure;
    }
    close(errors[0]);
    close(errors[1]);
    return outcome;
}

/* ---- The intermediate ---- */

/* Starts the plugin, reports, waits for the plugin, and reports its wait status. All signals
 * stay blocked, so that a signal to the host's process group does not kill it. It never calls
 * exec, which would make SIGCHLD its exit signal. */
static _Noreturn void be_intermediate(const struct libcni_spawn_request *request, int socket)
{
    struct libcni_spawn_request inner = *request;
    int fds[STDIO + 1] = {request->stdio[0], request->stdio[1], request->stdio[2], socket};
    struct outcome outcome = {0, STEP_DESCRIPTORS, 0, -1};
    char acknowledged;

    default_dispositions(); /* with SIGCHLD ignored there would be no status */
    outcome.error = arrange(fds, STDIO + 1, 0, request->flags);
    if (outcome.error == 0) {
        memcpy(inner.stdio, fds, sizeof inner.stdio);
        outcome = start(&inner);
    }
    for (int i = 0; i < STDIO; i++)
        close(fds[i]);
    int sent = send(fds[STDIO], &outcome, sizeof outcome, MSG_NOSIGNAL) >= 0;
    if (outcome.error != 0 || !sent)
        _exit(0);
    /* The plugin is not reaped before the host has its pidfd, or is gone. */
    while (recv(fds[STDIO], &acknowledged, 1, 0) < 0 && errno == EINTR)
        ;
    int status;
    while (waitpid(outcome.pid, &status, 0) < 0 && errno == EINTR)
        ;
    send(fds[STDIO], &status, sizeof status, MSG_NOSIGNAL);
    _exit(0);
}

/* Receives the intermediate's report, unless the intermediate dies before. */
static struct outcome report_of(int socket, int intermediate)
{
    struct outcome outcome = {EIO, STEP_LOST, 0, -1}, received;
    struct pollfd fds[] = {{socket, POLLIN, 0}, {intermediate, POLLIN, 0}};
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    if (recv(socket, &received, sizeof received, MSG_DONTWAIT) == (ssize_t)sizeof received)
        outcome = received;
    outcome.pidfd = -1; /* the number is one of the intermediate's descriptors */
    return outcome;
}

/* Makes the intermediate, which uses sockets[1]. Returns its pid, or -1 with errno.
 *
 * Exit signal 0 means that there is no SIGCHLD, and that waitpid does not return it without
 * __WALL or __WCLONE. The system call is raw, so that no atfork handler of the host runs. Memory
 * is copied, since the intermediate lives as long as the plugin. */
static long clone_intermediate(
    const struct libcni_spawn_request *request, const int *sockets, int *pidfd)
{
    uint64_t mask = set_mask(~(uint64_t)0);
    long pid = syscall(SYS_clone, (unsigned long)CLONE_PIDFD, NULL, pidfd, NULL, NULL);

    if (pid == 0)
        be_intermediate(request, sockets[1]);
    int saved = errno;
    set_mask(mask);
    errno = saved;
    return pid;
}

/* Waits until the intermediate has started the plugin, and opens the plugin's pidfd. */
static struct outcome await_start(int socket, int intermediate)
{
    struct outcome outcome = report_of(socket, intermediate);

    if (outcome.error != 0)
        return outcome;
    outcome.pidfd = (int)syscall(SYS_pidfd_open, outcome.pid, 0);
    if (outcome.pidfd < 0) {
        outcome.error = errno;
        outcome.step = STEP_PIDFD;
        /* The intermediate waits for our acknowledgement, so the pid is still the plugin's. */
        kill(-outcome.pid, SIGKILL);
    }
    return outcome;
}

static struct outcome start_by_intermediate(
    const struct libcni_spawn_request *request, struct libcni_spawn_result *result)
{
    struct outcome outcome = {0, STEP_PREPARE, 0, -1};
    int sockets[2], pidfd = -1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        outcome.error = errno;
        return outcome;
    }
    long pid = clone_intermediate(request, sockets, &pidfd);
    outcome.error = pid < 0 ? errno : 0;
    outcome.step = STEP_CLONE;
    close(sockets[1]);
    if (outcome.error == 0)
        outcome = await_start(sockets[0], pidfd);

    if (outcome.error == 0) {
        send(sockets[0], "", 1, MSG_NOSIGNAL);
        result->status = sockets[0];
        result->intermediate = (int)pid;
    } else {
        close(sockets[0]);
        if (pid > 0)
            reap(pidfd);
    }
    if (pidfd >= 0)
        close(pidfd);
    return outcome;
}

/* ---- Entry points ---- */

int libcni_spawn(const struct libcni_spawn_request *request, struct libcni_spawn_result *result)
{
    *result = (struct libcni_spawn_result){.pidfd = -1, .status = -1};
    struct outcome outcome = request->flags & LIBCNI_SPAWN_INTERMEDIATE
                                 ? start_by_intermediate(request, result)
                                 : start(request);
    result->step = step_names[outcome.step];
    if (outcome.error == 0) {
        result->pid = outcome.pid;
        result->pidfd = outcome.pidfd;
    }
    return outcome.error;
}

enum { PROBE_STATUS = 42 };

static int exit_at_once(void *unused)
{
    (void)unused;
    raw_exit(PROBE_STATUS);
}

int libcni_spawn_keeps_status(void)
{
    int pidfd = -1;
    if (clone_sharing(exit_at_once, NULL, 0, &pidfd) < 0)
        return 0;
    reap(pidfd);
    struct pidfd_info_exit info = {.mask = INFO_EXIT};
    int kept = ioctl(pidfd, GET_INFO, &info) == 0 && (info.mask & INFO_EXIT) &&
               WIFEXITED(info.exit_code) && WEXITSTATUS(info.exit_code) == PROBE_STATUS;
    close(pidfd);
    return kept;
}
