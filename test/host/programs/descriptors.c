/* SPDX-License-Identifier: Apache-2.0 */
/* A host that counts its descriptors, and one that has hardly any left. */
#define _GNU_SOURCE
#include "host.h"

#include <sched.h>

static void loading_opens_none(void)
{
    int before = count_descriptors(0, "");

    load();
    CHECK(count_descriptors(0, "") == before, "%d, then %d", before, count_descriptors(0, ""));
    PASS();
}

static void all_are_close_on_exec_and_none_is_of_a_cgroup(void)
{
    int before = count_descriptors(1, "");

    CHECK(call() == 0 && run_plugin() == 0);
    CHECK(count_descriptors(1, "") == before, "%d, then %d", before, count_descriptors(1, ""));
    CHECK(count_descriptors(0, "cgroup") == 0);
    PASS();
}

static void calls_leave_none(void)
{
    int first = count_descriptors(0, "");

    for (int i = 0; i < 100; i++)
        CHECK(call() == 0 && run_plugin() == 0);
    CHECK(count_descriptors(0, "") == first, "%d, then %d", first, count_descriptors(0, ""));
    figure("descriptors the library keeps after the first call: %d",
        count_descriptors(0, "eventpoll") + count_descriptors(0, "eventfd"));
    PASS();
}

static void a_low_limit_is_an_error(void)
{
    unsigned long before = open_file_limit();
    char *response = NULL;
    int rc, open_before = count_descriptors(0, "");

    set_open_file_limit(8);
    rc = cni.call("networks", "{}", &response);
    set_open_file_limit(before);
    CHECK(rc == -EMFILE && strstr(response, "\"kind\":\"state\"") && strstr(response, "EMFILE"),
        "%d %s", rc, response);
    cni.free(response);
    CHECK(call() == 0 && count_descriptors(0, "") == open_before);
    PASS();
}

/* Opens all that the limit allows but a few; returns how many it opened. */
static int fill(int *fds, int size, int leave)
{
    int count = 0;

    while (count < size && (fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    MUST(count >= leave && count < size);
    for (int i = 0; i < leave; i++)
        close(fds[--count]);
    return count;
}

static void a_few_left_are_an_error(void)
{
    int fds[256], count;

    for (int left = 0; left <= 4; left++) {
        char *response = NULL;
        int rc;

        count = fill(fds, 256, left);
        rc = request("networks", &response, "{\"options\":{\"confDir\":\"%1$s/net.d\"}}");
        while (count > 0)
            close(fds[--count]);
        CHECK(rc == -EMFILE, "%d left: %d %s", left, rc, response);
        cni.free(response);
        CHECK(call() == 0 && run_plugin() == 0);
    }
    PASS();
}

/* Makes one invalid request, which needs no descriptors itself. */
static int open_the_poller(void)
{
    load();
    if (cni.call("convert", "{}", NULL) != -EINVAL)
        return 1;
    return count_descriptors(0, "eventpoll") == 1 ? 0 : 2;
}

static void the_first_call_opens_the_poller(void)
{
    int status = in_child(open_the_poller);

    CHECK(status == 0, "wait status %x", status);
    PASS();
}

static int left_for_life;

/* Attaches, checks and detaches with few descriptors left before the first call. */
static int live_with_few(void)
{
    static const char format[] =
        "{\"containerId\":\"c1\",\"netns\":\"/proc/self/fd/%d\",\"network\":{\"cniVersion\":"
        "\"1.1.0\",\"name\":\"few\",\"plugins\":[{\"type\":\"bridge\",\"bridge\":\"br-few\","
        "\"isGateway\":true,\"ipMasq\":true,\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"%s/"
        "leases\",\"subnet\":\"10.98.0.0/24\"}},{\"type\":\"portmap\",\"capabilities\":{"
        "\"portMappings\":true}},{\"type\":\"firewall\"}]},\"capabilityArgs\":{\"portMappings\":[{"
        "\"hostPort\":8080,\"containerPort\":80}]},\"options\":{\"cacheDir\":\"%s/cache\","
        "\"stateDir\":\"%s/state\"}}";
    static const char *const verbs[] = {"add", "check", "del"};
    char text[4096], *response = NULL;
    int fds[256], namespace, own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    MUST(unshare(CLONE_NEWNET) == 0);
    namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    MUST(namespace >= 0 && setns(own, CLONE_NEWNET) == 0);
    snprintf(text, sizeof text, format, namespace, directory, directory, directory);
    fill(fds, 256, left_for_life);
    load();
    for (int i = 0; i < 3; i++)
        if (cni.call(verbs[i], text, &response) != 0) {
            printf("# %d left: %s: %s\n", left_for_life, verbs[i], response);
            return 10 + i;
        }
    return 0;
}

/* What the first call has opened and kept is not needed again. */
static void detaching_needs_no_more_than_attaching(void)
{
    for (left_for_life = 20; left_for_life <= 24; left_for_life++) {
        int status = in_child(live_with_few);
        CHECK(status == 0, "%d left: wait status %x", left_for_life, status);
    }
    PASS();
}

static int left_at_load;

static int load_with_few(void)
{
    int fds[256], count = fill(fds, 256, left_at_load);

    load();
    if (call() != -EMFILE)
        return 1;
    while (count > 0)
        close(fds[--count]);
    return call() != 0 || run_plugin() != 0;
}

static void loading_with_one_or_two_left_works(void)
{
    for (left_at_load = 1; left_at_load <= 2; left_at_load++) {
        int status = in_child(load_with_few);
        CHECK(status == 0, "%d left: wait status %x", left_at_load, status);
    }
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    set_open_file_limit(64);
    loading_with_one_or_two_left_works();
    the_first_call_opens_the_poller();
    detaching_needs_no_more_than_attaching();
    loading_opens_none();
    all_are_close_on_exec_and_none_is_of_a_cgroup();
    calls_leave_none();
    a_low_limit_is_an_error();
    a_few_left_are_an_error();
    return 0;
}
