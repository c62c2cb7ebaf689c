/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that writes down, in the file REPORT, what it found when it was started. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void link_of(FILE *out, const char *key, const char *path)
{
    char target[4096];
    ssize_t length = readlink(path, target, sizeof target - 1);

    target[length < 0 ? 0 : length] = '\0';
    fprintf(out, "%s=%s\n", key, target);
}

static void status(FILE *out)
{
    static const char *const keys[] = {"SigBlk", "SigIgn", "NoNewPrivs", "CapEff"};
    char line[512];
    FILE *file = fopen("/proc/self/status", "re");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            if (strncmp(line, keys[i], strlen(keys[i])) == 0 && line[strlen(keys[i])] == ':')
                fprintf(out, "%s=%s", keys[i], line + strlen(keys[i]) + 2);
}

static void report(const char *path, int open_descriptors)
{
    struct rlimit limit;
    mode_t mask = umask(0);
    FILE *out = fopen(path, "we");

    if (out == NULL)
        exit(1);
    getrlimit(RLIMIT_NOFILE, &limit);
    fprintf(out, "umask=%04o\ndescriptors=%d\nnofile=%lu\n", (unsigned)mask, open_descriptors,
        (unsigned long)limit.rlim_cur);
    fprintf(out, "MARK=%s\n", getenv("MARK") == NULL ? "(unset)" : getenv("MARK"));
    fprintf(out, "GOGC=%s\n", getenv("GOGC") == NULL ? "(unset)" : getenv("GOGC"));
    fprintf(out, "group=%s\n", getpgrp() == getpid() ? "own" : "the host's");
    link_of(out, "net", "/proc/self/ns/net");
    link_of(out, "mnt", "/proc/self/ns/mnt");
    link_of(out, "cwd", "/proc/self/cwd");
    status(out);
    fclose(out);
}

int main(void)
{
    const char *path = getenv("REPORT");
    int open_descriptors = 0;

    for (int fd = 0; fd < 1024; fd++)
        open_descriptors += fcntl(fd, F_GETFD) >= 0;
    if (path != NULL)
        report(path, open_descriptors);
    if (getenv("NOISE") != NULL)
        fprintf(stderr, "noise of a plugin\n");
    if (getenv("FAIL") != NULL) {
        puts("{\"cniVersion\":\"1.1.0\",\"code\":123,\"msg\":\"no\"}");
        return 1;
    }
    puts("{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"1.0.0\",\"1.1.0\"]}");
    return 0;
}
