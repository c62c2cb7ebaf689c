/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that attach and detach containers at random through libcni.so, all in one network:
 *   crowd THREADS SECONDS FIRST < BASE
 * BASE holds what all requests have in common: members of an object, without braces. Mostly thread
 * N works on container N, with FIRST added; the environment variable NETNS_N holds the path of its
 * namespace. All threads share the first few containers. The program prints a line for each wrong
 * answer, then the descriptors and threads that were leaked, and at the end the numbers of ADDs, of
 * DELs, and of ADDs of attached containers. */
#include <cni.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 64, NAMES = 2, SHARED = 4 };

static char base[1 << 16];
static int first;
static time_t end;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;
static long added, removed, conflicts;

static void count(long *what)
{
    pthread_mutex_lock(&counting);
    ++*what;
    pthread_mutex_unlock(&counting);
}

/* What a call may say when another thread works on the same attachment: that it is there already.
 * */
static int is_conflict(const char *response)
{
    return strstr(response, "\"kind\":\"exists\"") != NULL;
}

/* GC of attachments that were there before this call, which leaves young ones, so all of them. It
 * has the network to itself meanwhile. */
static void collect(void)
{
    char as_of[256] = "", *request = malloc(sizeof base + 512), *response = NULL;
    sprintf(request, "{%s}", base);
    cni_attachments(request, &response);
    const char *found = strstr(response, "\"asOf\":");
    if (found)
        sscanf(found + 7, "%255[^,}]", as_of);
    cni_free(response);
    sprintf(request, "{%s,\"validAttachments\":[],\"asOf\":%s}", base, as_of);
    int code = cni_gc(request, &response);
    if (code)
        printf("GC: %d: %s\n", code, response);
    cni_free(response);
    free(request);
}

static void *work(void *argument)
{
    int number = *(int *)argument;
    unsigned seed = (unsigned)(first + number + 1);
    while (time(NULL) < end) {
        if (rand_r(&seed) % 64 == 0)
            collect();
        /* Some containers belong to all threads of the process, so that calls meet. */
        int container = rand_r(&seed) % 4 ? number : rand_r(&seed) % SHARED;
        int name = rand_r(&seed) % NAMES, add = rand_r(&seed) % 2;
        char variable[32], *request = malloc(sizeof base + 512), *response = NULL;
        snprintf(variable, sizeof variable, "NETNS_%d", first + container);
        sprintf(request, "{%s,\"containerId\":\"c%d\",\"ifName\":\"eth%d\",\"netns\":\"%s\"}", base,
            first + container, name, getenv(variable));
        int code = add ? cni_add(request, &response) : cni_del(request, &response);
        if (code == 0)
            count(add ? &added : &removed);
        else if (add && is_conflict(response))
            count(&conflicts);
        else
            printf("%s c%d eth%d: %d: %s\n", add ? "ADD" : "DEL", first + container, name, code,
                response);
        cni_free(response);
        free(request);
    }
    return NULL;
}

/* The number of entries of a directory of /proc/self; prints where they lead, if asked. */
static int entries(const char *name, int print)
{
    int number = 0;
    char path[300], target[300];
    struct dirent *entry;
    snprintf(path, sizeof path, "/proc/self/%s", name);
    DIR *directory = opendir(path);
    while (directory && (entry = readdir(directory))) {
        number++;
        snprintf(path, sizeof path, "/proc/self/%s/%.20s", name, entry->d_name);
        ssize_t size = readlink(path, target, sizeof target - 1);
        if (print && size > 0)
            printf("%s: %.*s\n", path, (int)size, target);
    }
    if (directory)
        closedir(directory);
    return number;
}

int main(int argc, char **argv)
{
    pthread_t threads[MAX_THREADS];
    int numbers[MAX_THREADS];
    if (argc != 4 || fread(base, 1, sizeof base - 1, stdin) == sizeof base - 1)
        return 2;
    int many = atoi(argv[1]);
    end = time(NULL) + atoi(argv[2]);
    first = atoi(argv[3]);
    if (many < SHARED || many > MAX_THREADS)
        return 2;
    cni_attachments("{}", NULL);
    int descriptors = entries("fd", 0);
    for (int i = 0; i < many; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, work, &numbers[i]))
            return 2;
    }
    for (int i = 0; i < many; i++)
        pthread_join(threads[i], NULL);
    /* What is done behind the answer takes some time. */
    for (int i = 0; i < 300 && entries("fd", 0) != descriptors; i++)
        usleep(10000);
    if (entries("fd", 0) != descriptors) {
        printf("descriptors: %d, were %d\n", entries("fd", 0), descriptors);
        entries("fd", 1);
    }
    if (entries("task", 0) >
        2 * many + 64) /* Go keeps threads for the next call, but not without end */
        printf("threads: %d\n", entries("task", 0));
    printf("%ld %ld %ld\n", added, removed, conflicts);
    return 0;
}
