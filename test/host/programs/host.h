/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hosts of this directory share. Each is run as HOST LIBRARY DIRECTORY and loads the
 * library itself, so as to look before. DIRECTORY has bin/reporter, a plugin (reporter.c), and
 * net.d, a directory of configurations.
 */
#ifndef HOST_H
#define HOST_H

#include "../../abi/programs/check.h"

#include <cni.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *library, *directory;
static void *handle;

/* The functions are looked up: the hosts are not linked with the library. */
static struct {
    int (*call)(const char *, const char *, char **);
    int (*describe)(char **);
    int (*cancel)(const char *);
    int (*set_log)(cni_log_fn, void *);
    void (*free)(void *);
    const char *(*version)(void);
    int (*abi_version)(void);
    const char *(*strerror)(int);
} cni;

static inline void begin(int argc, char **argv)
{
    MUST(argc == 3);
    library = argv[1];
    directory = argv[2];
    setvbuf(stdout, NULL, _IONBF, 0);
}

static inline void *look_up(const char *name)
{
    void *function = dlsym(handle, name);

    MUST(function != NULL);
    return function;
}

static inline void load(void)
{
    handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        fprintf(stderr, "%s\n", dlerror());
    MUST(handle != NULL);
    *(void **)&cni.call = look_up("cni_call");
    *(void **)&cni.describe = look_up("cni_describe");
    *(void **)&cni.cancel = look_up("cni_cancel");
    *(void **)&cni.set_log = look_up("cni_set_log");
    *(void **)&cni.free = look_up("cni_free");
    *(void **)&cni.version = look_up("cni_version");
    *(void **)&cni.abi_version = look_up("cni_abi_version");
    *(void **)&cni.strerror = look_up("cni_strerror");
}

/* A request in which each %1$s is the directory. */
static inline int request(const char *method, char **response, const char *format)
{
    char text[4096];

    MUST(snprintf(text, sizeof text, format, directory) < (int)sizeof text);
    return cni.call(method, text, response);
}

/* A call that opens files. 0, or what went wrong. */
static inline int call(void)
{
    char *response = NULL;
    int rc = request("networks", &response, "{\"options\":{\"confDir\":\"%1$s/net.d\"}}");

    if (response == NULL || strstr(response, rc == 0 ? "\"networks\":[{" : "\"kind\"") == NULL)
        rc = 12345;
    cni.free(response);
    return rc;
}

/* A call that runs a plugin process. 0, or what went wrong. */
static inline int run_plugin(void)
{
    char *response = NULL;
    int rc = request("plugin.info", &response,
        "{\"type\":\"reporter\",\"options\":{\"pluginDirs\":[\"%1$s/bin\"],\"builtins\":\"never\"}}");

    if (rc != 0)
        printf("# %d %s\n", rc, response);
    cni.free(response);
    return rc;
}

/* What the plugin reported of itself: the value of a key, until the next call. */
static inline const char *reported(const char *key)
{
    static char line[4096];
    char path[4096];
    size_t length = strlen(key);
    FILE *file;

    snprintf(path, sizeof path, "%s/report", directory);
    file = fopen(path, "re");
    MUST(file != NULL);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, length) == 0 && line[length] == '=') {
            line[strcspn(line, "\n")] = '\0';
            fclose(file);
            return line + length + 1;
        }
    fclose(file);
    return "(not reported)";
}

/* A number for the table in the documentation; no test depends on it. */
static inline void __attribute__((format(printf, 1, 2))) figure(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    printf("# ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

/* The wait status of a child that ran function and exited with what it returned. A hang ends it
 * with SIGALRM. */
static inline int in_child(int (*function)(void))
{
    pid_t pid = fork();
    int status = -1;

    MUST(pid >= 0);
    if (pid == 0) {
        alarm(30);
        _exit(function());
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* The open descriptors that match a condition: those without close-on-exec, or those of a path. */
static inline int count_descriptors(int inheritable, const char *path)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;

    MUST(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        char target[4096];
        int fd = atoi(entry->d_name);
        ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (length < 0 || fd == dirfd(dir))
            continue;
        target[length] = '\0';
        if (inheritable && (fcntl(fd, F_GETFD) & FD_CLOEXEC))
            continue;
        count += strstr(target, path) != NULL;
    }
    closedir(dir);
    return count;
}

static inline unsigned long open_file_limit(void)
{
    struct rlimit limit;

    MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit.rlim_cur;
}

static inline void set_open_file_limit(unsigned long soft)
{
    struct rlimit limit;

    MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = soft;
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* A number from /proc/PATH, of the line that begins with key. */
static inline unsigned long long status_of(const char *path, const char *key, int base)
{
    char line[512];
    size_t length = strlen(key);
    unsigned long long value = 0;
    FILE *file = fopen(path, "re");

    MUST(file != NULL);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            value = strtoull(line + length + 1, NULL, base);
    fclose(file);
    return value;
}

static inline int count_threads(void) { return (int)status_of("/proc/self/status", "Threads", 10); }

#endif
