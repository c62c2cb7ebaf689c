/* SPDX-License-Identifier: Apache-2.0 */
/* Measures the first call of a process: METHOD and REQUEST as arguments. It answers like the
 * programs of harness.h. */
#define _GNU_SOURCE
#include <cni.h>
#include <stdio.h>
#include <time.h>

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
    char *response = NULL;
    if (argc != 3)
        return 2;
    long long begin = now();
    int rc = cni_call(argv[1], argv[2], &response);
    printf("%d %lld %s\n", rc, now() - begin, response);
    cni_free(response);
    return rc != 0;
}
