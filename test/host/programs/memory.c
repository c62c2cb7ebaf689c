/* SPDX-License-Identifier: Apache-2.0 */
/* What the library costs its host: memory, threads and descriptors, from before loading to after
 * 10,000 calls. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>

enum { CALLS = 10000, CALLERS = 100 };

struct cost {
    int resident, private, threads, descriptors;
};

static struct cost measure(const char *when)
{
    struct cost now = {
        .resident = (int)status_of("/proc/self/status", "VmRSS", 10),
        .private = (int)status_of("/proc/self/smaps_rollup", "Private_Dirty", 10),
        .threads = count_threads(),
        .descriptors = count_descriptors(0, ""),
    };

    figure("%s: %d KiB resident, %d KiB of it private and written, %d threads, %d descriptors, "
           "%llu MiB of addresses",
        when, now.resident, now.private, now.threads, now.descriptors,
        status_of("/proc/self/status", "VmSize", 10) >> 10);
    return now;
}

static void *call_on_thread(void *barrier)
{
    pthread_barrier_wait(barrier);
    for (int i = 0; i < 10; i++)
        MUST(call() == 0);
    return NULL;
}

static void call_from_many_threads(void)
{
    pthread_t threads[CALLERS];
    pthread_barrier_t barrier;

    pthread_barrier_init(&barrier, NULL, CALLERS);
    for (int i = 0; i < CALLERS; i++)
        MUST(pthread_create(&threads[i], NULL, call_on_thread, &barrier) == 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
}

static void memory_threads_and_descriptors_stay_flat(void)
{
    struct cost before = measure("before loading"), loaded, warm, after;

    load();
    loaded = measure("after loading");
    CHECK(call() == 0);
    measure("after the first call");
    for (int i = 0; i < CALLS / 10; i++)
        CHECK(call() == 0);
    warm = measure("after 1,000 calls");
    for (int i = 0; i < CALLS - CALLS / 10; i++)
        CHECK(call() == 0);
    after = measure("after 10,000 calls");
    CHECK(loaded.descriptors == before.descriptors);
    CHECK(
        after.descriptors == warm.descriptors, "%d, then %d", warm.descriptors, after.descriptors);
    CHECK(after.threads <= warm.threads + 4 && after.threads <= 16, "%d, then %d", warm.threads,
        after.threads);
    CHECK(after.resident <= warm.resident + 4096 && after.resident <= 25 << 10, "%d, then %d",
        warm.resident, after.resident);
    PASS();
}

static void a_hundred_callers_leave_little(void)
{
    struct cost before = measure("before 100 threads call"), after;

    call_from_many_threads();
    after = measure("after 100 threads called 10 times each");
    CHECK(after.threads <= before.threads + 20, "%d, then %d", before.threads, after.threads);
    CHECK(after.resident <= 40 << 10, "%d KiB", after.resident);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    memory_threads_and_descriptors_stay_flat();
    a_hundred_callers_leave_little();
    return 0;
}
