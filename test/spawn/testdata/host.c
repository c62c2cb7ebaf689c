/*
 * A host that starts a process with libcni's spawner and tells what became of both:
 *   host CONDITIONS FLAGS PROGRAM [ARGUMENT ...]
 * CONDITIONS are words: thief (a thread that reaps every child), ignored (SIGCHLD), blocked (all
 * signals), closed (no stdin, stdout and stderr), junk (descriptors without close-on-exec, umask
 * 0), terminated (SIGTERM to the own group). FLAGS is the number for the spawner. As `host inspect`
 * it is the program that is started.
 */
#define _GNU_SOURCE
#include "spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *report;

static void fail(const char *what)
{
    fprintf(report ? report : stderr, "failed=%s: %s\n", what, strerror(errno));
    exit(1);
}

static void list_fds(FILE *to)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    if (directory == NULL)
        fail("opendir");
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(directory))
            fprintf(to, " %s", entry->d_name);
    closedir(directory);
}

static int count_fds(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        fail("opendir");
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static int inspect(void)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    if (status == NULL)
        return 1;
    while (fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0 ||
            strncmp(line, "Umask", 5) == 0)
            fputs(line, stdout);
    fclose(status);
    printf("group:\t%s\n", getpgrp() == getpid() ? "own" : "inherited");
    printf("fds:");
    list_fds(stdout);
    printf("\nenv:\t%s\n", getenv("COLOUR"));
    if (fgets(line, sizeof line, stdin) != NULL)
        printf("stdin:\t%s\n", line);
    return 7;
}

static void *steal(void *unused)
{
    for (;;)
        if (waitpid(-1, NULL, 0) < 0)
            usleep(100);
    return unused;
}

struct pidfd_info_exit {
    uint64_t mask, cgroup;
    uint32_t ids[11];
    int32_t exit_code;
};

/* How the process ended, by the way that its start chose. */
static int status_of(struct libcni_spawn_result *started, int *status)
{
    struct pollfd ended = {started->pidfd, POLLIN, 0}, reaped = {started->pidfd, 0, 0};
    struct pidfd_info_exit info = {.mask = 1 << 3};
    while (poll(&ended, 1, -1) < 0)
        ;
    if (started->status >= 0) {
        int known = read(started->status, status, sizeof *status) == sizeof *status;
        close(started->status);
        if (waitpid(started->intermediate, NULL, __WALL) != started->intermediate)
            fail("intermediate");
        return known;
    }
    siginfo_t siginfo;
    int got = waitid((idtype_t)3, (id_t)started->pidfd, &siginfo, WEXITED | WNOWAIT);
    if (got == 0 && waitpid(started->pid, status, 0) == started->pid)
        return 1;
    if (poll(&reaped, 1, 5000) < 1 ||
        ioctl(started->pidfd, _IOWR(0xff, 11, struct pidfd_info_exit), &info) < 0)
        return 0;
    *status = info.exit_code;
    return (info.mask & 1 << 3) != 0;
}

static int has(const char *conditions, const char *word)
{
    return strstr(conditions, word) != NULL;
}

static void make_conditions(const char *conditions)
{
    sigset_t all;
    pthread_t thief;
    if (has(conditions, "ignored") && signal(SIGCHLD, SIG_IGN) == SIG_ERR)
        fail("signal");
    if (has(conditions, "junk")) {
        signal(SIGPIPE, SIG_IGN);
        signal(SIGRTMAX, SIG_IGN);
        umask(0);
        if (dup2(1, 77) < 0 || open("/dev/null", O_RDONLY) < 0)
            fail("junk");
    }
    sigemptyset(&all);
    sigaddset(&all, SIGCHLD); /* to see whether one came */
    if (has(conditions, "blocked"))
        sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    if (has(conditions, "thief") && pthread_create(&thief, NULL, steal, NULL) != 0)
        fail("thread");
    if (has(conditions, "closed"))
        for (int fd = 0; fd < 3; fd++)
            close(fd);
}

static int memory_file(const char *text)
{
    int fd = memfd_create("request", MFD_CLOEXEC);
    if (fd < 0 || pwrite(fd, text, strlen(text), 0) < 0)
        fail("memfd");
    return fd;
}

static void tell_end(const char *conditions, struct libcni_spawn_result *started)
{
    int status = 0;
    if (has(conditions, "terminated")) {
        signal(SIGTERM, SIG_IGN);
        kill(0, SIGTERM);
    }
    if (!status_of(started, &status))
        fprintf(report, "ended=unknown\n");
    else if (WIFEXITED(status))
        fprintf(report, "ended=exit %d\n", WEXITSTATUS(status));
    else
        fprintf(report, "ended=signal %d\n", WTERMSIG(status));
    close(started->pidfd);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "inspect") == 0)
        return inspect();
    if (argc < 4)
        return 2;
    const char *conditions = argv[1];
    char *const environment[] = {"COLOUR=red", "PATH=/usr/bin:/bin", NULL};
    report = fdopen(fcntl(1, F_DUPFD_CLOEXEC, 100), "w");
    if (report == NULL)
        fail("report");
    if (has(conditions, "terminated"))
        setpgid(0, 0);
    make_conditions(conditions);

    int in = memory_file("hello"), out = memfd_create("out", MFD_CLOEXEC),
        err = memfd_create("err", MFD_CLOEXEC);
    int before = count_fds();
    struct libcni_spawn_request request = {
        argv[3], argv + 3, environment, {in, out, err}, (unsigned)atoi(argv[2])};
    struct libcni_spawn_result started;
    sigset_t mask, mask_after, pending;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    int error = libcni_spawn(&request, &started);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_after);

    fprintf(report, "mask=%s\n", memcmp(&mask, &mask_after, 8) == 0 ? "kept" : "changed");
    if (error != 0)
        fprintf(report, "error=%s: %s\n", started.step, strerrorname_np(error));
    else
        tell_end(conditions, &started);
    fprintf(report, "descriptors=%s\n", count_fds() == before ? "kept" : "leaked");
    sigpending(&pending);
    fprintf(report, "sigchld=%s\n", sigismember(&pending, SIGCHLD) ? "seen" : "none");
    if (!has(conditions, "thief"))
        fprintf(report, "children=%s\n", waitpid(-1, NULL, WNOHANG | __WALL) < 0 ? "none" : "left");
    char text[4096];
    ssize_t size = pread(out, text, sizeof text, 0);
    fwrite(text, 1, size > 0 ? (size_t)size : 0, report);
    fflush(report);
    return 0;
}
