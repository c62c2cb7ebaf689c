/* SPDX-License-Identifier: Apache-2.0 */
/* A host with a thread that has fewer rights than the others: its calls have fewer too. */
#define _GNU_SOURCE
#include "host.h"

#include <linux/capability.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void drop_capabilities_of_this_thread(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2];

    memset(none, 0, sizeof none);
    MUST(syscall(SYS_capset, &header, none) == 0);
}

static void a_thread_without_rights_is_refused(void)
{
    char *response = NULL;
    int rc;

    drop_capabilities_of_this_thread();
    rc = request("netns.create", &response, "{\"path\":\"%1$s/refused\"}");
    CHECK(
        rc == -EPERM && strstr(response, "\"kind\":\"permission\"") != NULL, "%d %s", rc, response);
    cni.free(response);
    CHECK(access(directory, F_OK) == 0 && run_plugin() == 0);
    CHECK(strtoull(reported("CapEff"), NULL, 16) == 0, "a plugin process with %s",
        reported("CapEff"));
    PASS();
}

static void plugins_get_no_new_privileges_if_their_thread_has_none(void)
{
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(run_plugin() == 0 && strcmp(reported("NoNewPrivs"), "1") == 0, "%s",
        reported("NoNewPrivs"));
    PASS();
}

static void *with_fewer_rights(void *unused)
{
    plugins_get_no_new_privileges_if_their_thread_has_none();
    a_thread_without_rights_is_refused();
    return unused;
}

static void other_threads_keep_their_rights(void)
{
    CHECK(request("netns.create", NULL, "{\"path\":\"%1$s/allowed\"}") == 0);
    CHECK(request("netns.delete", NULL, "{\"path\":\"%1$s/allowed\"}") == 0);
    CHECK(run_plugin() == 0 && strcmp(reported("NoNewPrivs"), "0") == 0 &&
          strtoull(reported("CapEff"), NULL, 16) != 0);
    PASS();
}

/* Signals to die with the parent come when the thread that made the process ends: plugins ask for
 * none. */
static void *run_plugin_and_end(void *unused)
{
    MUST(run_plugin() == 0);
    return unused;
}

static void the_end_of_a_thread_ends_nothing(void)
{
    pthread_t thread;

    for (int i = 0; i < 20; i++) {
        CHECK(pthread_create(&thread, NULL, run_plugin_and_end, NULL) == 0);
        pthread_join(thread, NULL);
    }
    CHECK(call() == 0);
    PASS();
}

int main(int argc, char **argv)
{
    pthread_t thread;

    begin(argc, argv);
    load();
    MUST(pthread_create(&thread, NULL, with_fewer_rights, NULL) == 0);
    pthread_join(thread, NULL);
    other_threads_keep_their_rights();
    the_end_of_a_thread_ends_nothing();
    return 0;
}
