/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads lines "METHOD REQUEST" and answers each with a line "RC NANOSECONDS RESPONSE", as
 * test/peers/golibcni does.
 */
#define _GNU_SOURCE
#include <cni.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *request = strchr(line, ' ');
        if (request == NULL)
            return 2;
        *request++ = '\0';
        char *response = NULL;
        long long begin = now();
        int rc = cni_call(line, request, &response);
        printf("%d %lld %s\n", rc, now() - begin, response);
        fflush(stdout);
        cni_free(response);
    }
    free(line);
    return 0;
}
