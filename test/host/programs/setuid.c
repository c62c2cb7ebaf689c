/* SPDX-License-Identifier: Apache-2.0 */
/* A host that changes its user after loading, and cancels a thread: the C library tells all threads
 * by signals. */
#define _GNU_SOURCE
#include "host.h"

#include <grp.h>
#include <pthread.h>

/* Another user, or the only one of a user namespace with a single ID: the C library then asks all
 * threads, too, and waits for each. */
static unsigned another_user(void)
{
    const unsigned nobody = 65534;
    unsigned first, outside, count;
    FILE *map = fopen("/proc/self/uid_map", "re");

    MUST(map != NULL && fscanf(map, "%u %u %u", &first, &outside, &count) == 3);
    fclose(map);
    return count == 1 ? first : nobody;
}

static int become_another(void)
{
    DIR *tasks;
    struct dirent *entry;
    int threads = 0;
    const unsigned user = another_user();

    load();
    MUST(call() == 0);
    if (setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0)
        return 1;
    tasks = opendir("/proc/self/task");
    MUST(tasks != NULL);
    while ((entry = readdir(tasks)) != NULL) {
        char path[300];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        if (status_of(path, "Uid", 10) != user || status_of(path, "Gid", 10) != user)
            return 2;
        threads++;
    }
    if (threads < 2)
        return 3;
    return cni.call("networks", "{\"options\":{\"confDir\":\"/nowhere\"}}", NULL) == 0 ? 0 : 4;
}

static void all_threads_change_their_user(void)
{
    int status = in_child(become_another);

    CHECK(status == 0, "wait status %x", status);
    PASS();
}

static void *wait_for_ever(void *unused)
{
    call();
    for (;;)
        pause();
    return unused;
}

static void a_thread_that_called_can_be_cancelled(void)
{
    pthread_t thread;
    void *result;

    load();
    for (int i = 0; i < 20; i++) {
        CHECK(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
        CHECK(call() == 0);
        pthread_cancel(thread);
        CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
    }
    CHECK(call() == 0);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    all_threads_change_their_user();
    a_thread_that_called_can_be_cancelled();
    return 0;
}
