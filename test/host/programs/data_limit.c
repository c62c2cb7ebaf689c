/* SPDX-License-Identifier: Apache-2.0 */
/* A host with a limit on its data (RLIMIT_DATA): it counts all private memory that can be written,
 * used or not. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>

enum { CALLERS = 8 };

static unsigned long limit_mib;
static int callers;

static void *call_often(void *failed)
{
    for (int i = 0; i < 50; i++)
        if (call() != 0)
            *(int *)failed = 1;
    return NULL;
}

static int load_within(void)
{
    struct rlimit data = {limit_mib << 20, limit_mib << 20}, none = {0, 0};
    pthread_t threads[CALLERS];
    int failed = 0;

    setrlimit(RLIMIT_CORE, &none);
    MUST(freopen("/dev/null", "w", stdout) != NULL && freopen("/dev/null", "w", stderr) != NULL);
    MUST(setrlimit(RLIMIT_DATA, &data) == 0);
    load();
    for (int i = 0; i < 50; i++)
        if (call() != 0 || run_plugin() != 0)
            return 1;
    for (int i = 0; i < callers; i++)
        MUST(pthread_create(&threads[i], NULL, call_often, &failed) == 0);
    for (int i = 0; i < callers; i++)
        pthread_join(threads[i], NULL);
    return failed;
}

static int works_within(unsigned long mib, int threads)
{
    limit_mib = mib;
    callers = threads;
    return in_child(load_within) == 0;
}

static void measure(unsigned long enough, int threads)
{
    while (enough > 32 && works_within(enough - 32, threads))
        enough -= 32;
    figure("with %d calling threads it works within %lu MiB of data, and not within %lu",
        threads + 1, enough, enough - 32);
}

static void half_a_GiB_of_data_is_enough(void)
{
    unsigned long enough = 512;

    CHECK(works_within(enough, 0) && works_within(enough, CALLERS));
    measure(enough, 0);
    measure(enough, CALLERS);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    half_a_GiB_of_data_is_enough();
    return 0;
}
