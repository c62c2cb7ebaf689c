/* SPDX-License-Identifier: Apache-2.0 */
/* A host with a thread in network and mount namespaces of its own: the thread's calls are made
 * there. */
#define _GNU_SOURCE
#include "host.h"

#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static const char attach_request[] =
    "{\"containerId\":\"c1\",\"netns\":\"%1$s/private/netns\","
    "\"network\":{\"cniVersion\":\"1.1.0\",\"name\":\"n\","
    "\"plugins\":[{\"type\":\"bridge\",\"bridge\":\"there0\",\"ipam\":{\"type\":\"host-local\","
    "\"dataDir\":\"%1$s/private/leases\",\"ranges\":[[{\"subnet\":\"10.77.0.0/24\"}]]}}]},"
    "\"options\":{\"cacheDir\":\"%1$s/private/cache\",\"stateDir\":\"%1$s/private/state\","
    "\"builtins\":\"only\"}}";

static pthread_barrier_t both;
static char private_path[4096];

static void namespace_of(const char *kind, char *name, size_t size)
{
    char path[64];
    ssize_t length;

    snprintf(path, sizeof path, "/proc/thread-self/ns/%s", kind);
    length = readlink(path, name, size - 1);
    MUST(length > 0);
    name[length] = '\0';
}

static int exists(const char *name)
{
    char path[4200];
    struct stat file;

    snprintf(path, sizeof path, "%s/%s", private_path, name);
    return stat(path, &file) == 0;
}

static void must_answer(const char *method, const char *format)
{
    char *response = NULL;
    int rc = request(method, &response, format);

    if (rc != 0) {
        printf("not ok %s: %d %s\n", method, rc, response);
        exit(1);
    }
    cni.free(response);
}

/* The thread elsewhere: a file system that only it sees, a network that only it has. */
static void calls_act_in_the_namespaces_of_their_thread(void)
{
    char net[64], mnt[64], net_after[64], mnt_after[64];

    MUST(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0);
    MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    MUST(mount("tmpfs", private_path, "tmpfs", 0, NULL) == 0);
    namespace_of("net", net, sizeof net);
    namespace_of("mnt", mnt, sizeof mnt);

    must_answer("netns.create", "{\"path\":\"%1$s/private/netns\"}");
    must_answer("add", attach_request);
    must_answer("check", attach_request);
    CHECK(exists("netns") && exists("cache") && exists("leases"));
    CHECK(if_nametoindex("there0") > 0, "no bridge in the thread's namespace");
    CHECK(run_plugin() == 0);
    CHECK(
        strcmp(reported("net"), net) == 0, "a plugin process in %s, not %s", reported("net"), net);
    CHECK(
        strcmp(reported("mnt"), mnt) == 0, "a plugin process in %s, not %s", reported("mnt"), mnt);
    pthread_barrier_wait(&both); /* the other thread looks */
    pthread_barrier_wait(&both);
    must_answer("del", attach_request);
    must_answer("netns.delete", "{\"path\":\"%1$s/private/netns\"}");

    namespace_of("net", net_after, sizeof net_after);
    namespace_of("mnt", mnt_after, sizeof mnt_after);
    CHECK(strcmp(net, net_after) == 0 && strcmp(mnt, mnt_after) == 0, "now in %s and %s", net_after,
        mnt_after);
    PASS();
}

static void *elsewhere(void *unused)
{
    calls_act_in_the_namespaces_of_their_thread();
    return unused;
}

static void other_threads_are_not_affected(const char *net, const char *mnt)
{
    char now[64];

    CHECK(!exists("netns") && !exists("cache") && !exists("leases"));
    CHECK(if_nametoindex("there0") == 0, "the bridge is here");
    CHECK(run_plugin() == 0 && strcmp(reported("net"), net) == 0 &&
          strcmp(reported("mnt"), mnt) == 0);
    namespace_of("net", now, sizeof now);
    CHECK(strcmp(now, net) == 0);
    PASS();
}

int main(int argc, char **argv)
{
    char net[64], mnt[64];
    pthread_t thread;

    begin(argc, argv);
    snprintf(private_path, sizeof private_path, "%s/private", directory);
    mkdir(private_path, 0700);
    namespace_of("net", net, sizeof net);
    namespace_of("mnt", mnt, sizeof mnt);
    load();
    MUST(call() == 0);
    pthread_barrier_init(&both, NULL, 2);
    MUST(pthread_create(&thread, NULL, elsewhere, NULL) == 0);
    pthread_barrier_wait(&both);
    other_threads_are_not_affected(net, mnt);
    pthread_barrier_wait(&both);
    pthread_join(thread, NULL);
    return 0;
}
