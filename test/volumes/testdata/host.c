/* SPDX-License-Identifier: Apache-2.0 */
/* A host with the default disposition of SIGPIPE: it makes the calls "METHOD REQUEST" of its
 * standard input, and after each prints the return value, how many descriptors are open, and the
 * signal mask's first word. */
#define _GNU_SOURCE
#include <cni.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;
    while (directory != NULL && readdir(directory) != NULL)
        count++;
    if (directory != NULL)
        closedir(directory);
    return count;
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;

    signal(SIGPIPE, SIG_DFL);
    while (getline(&line, &size, stdin) > 0) {
        sigset_t mask;
        char *method = strtok(line, " "), *request = strtok(NULL, "\n");
        int rc = cni_call(method, request, NULL);
        if (pthread_sigmask(SIG_SETMASK, NULL, &mask) != 0)
            return 1;
        printf("%d %d %d\n", rc, descriptors(), sigismember(&mask, SIGPIPE));
        fflush(stdout);
    }
    free(line);
    return 0;
}
