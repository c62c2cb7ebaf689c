/* SPDX-License-Identifier: Apache-2.0 */
/* A host that counts its descriptors, and one that has hardly any left. */
#define _GNU_SOURCE
#include "host.h"

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

    set_open_file_limit(16);
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
    loading_opens_none();
    all_are_close_on_exec_and_none_is_of_a_cgroup();
    calls_leave_none();
    a_low_limit_is_an_error();
    a_few_left_are_an_error();
    return 0;
}
