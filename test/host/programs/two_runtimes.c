/* SPDX-License-Identifier: Apache-2.0 */
/* A host that loads another library written in Go too: DIRECTORY/other.so (other/main.go), before
 * or after. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>

static int (*other)(int);

static void load_other(void)
{
    char path[4096];
    void *other_handle;

    snprintf(path, sizeof path, "%s/other.so", directory);
    other_handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (other_handle == NULL)
        fprintf(stderr, "%s\n", dlerror());
    MUST(other_handle != NULL);
    *(void **)&other = dlsym(other_handle, "OtherCollectGarbage");
    MUST(other != NULL);
}

static void *use_both(void *failures)
{
    for (int i = 0; i < 50; i++)
        if (call() != 0 || other(i) != i + 1)
            __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    if (run_plugin() != 0)
        __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static int use_both_on_threads(void)
{
    pthread_t threads[8];
    int failures = 0;

    for (int i = 0; i < 8; i++)
        MUST(pthread_create(&threads[i], NULL, use_both, &failures) == 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    return failures != 0;
}

static int ours_first(void)
{
    load();
    MUST(call() == 0);
    load_other();
    return use_both_on_threads();
}

static int ours_last(void)
{
    load_other();
    MUST(other(1) == 2);
    load();
    return use_both_on_threads();
}

static void both_work_with_ours_loaded_first(void)
{
    int status = in_child(ours_first);

    CHECK(status == 0, "wait status %x", status);
    PASS();
}

static void both_work_with_ours_loaded_last(void)
{
    int status = in_child(ours_last);

    CHECK(status == 0, "wait status %x", status);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    both_work_with_ours_loaded_first();
    both_work_with_ours_loaded_last();
    return 0;
}
