/* SPDX-License-Identifier: Apache-2.0 */
/* A host that loads the library late, when little room is left for thread-local variables at fixed
 * places. */
#define _GNU_SOURCE
#include "host.h"

#include <link.h>
#include <pthread.h>

static size_t tls_size;

static int find(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    if (strstr(info->dlpi_name, "libcni") == NULL)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS)
            tls_size += info->dlpi_phdr[i].p_memsz;
    return 1;
}

/* glibc keeps 1664 bytes for libraries that come late; most programs use none of them. */
static void little_thread_local_memory_is_used(void)
{
    CHECK(dl_iterate_phdr(find, NULL) == 1);
    figure("thread-local memory at a fixed place: %zu bytes", tls_size);
    CHECK(tls_size <= 64, "%zu", tls_size);
    PASS();
}

static void *load_and_call(void *unused)
{
    load();
    MUST(call() == 0);
    return unused;
}

static void a_thread_may_load_it_and_end(void)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, load_and_call, NULL) == 0);
    pthread_join(thread, NULL);
    CHECK(call() == 0 && run_plugin() == 0);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    a_thread_may_load_it_and_end();
    little_thread_local_memory_is_used();
    return 0;
}
