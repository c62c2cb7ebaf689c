/* SPDX-License-Identifier: Apache-2.0 */
/* A host with a limit on its addresses (RLIMIT_AS): Go asks for many and uses few. */
#define _GNU_SOURCE
#include "host.h"

static unsigned long limit_mib;

static int load_within(void)
{
    struct rlimit addresses = {limit_mib << 20, limit_mib << 20}, none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    MUST(freopen("/dev/null", "w", stdout) != NULL && freopen("/dev/null", "w", stderr) != NULL);
    MUST(setrlimit(RLIMIT_AS, &addresses) == 0);
    load();
    for (int i = 0; i < 200; i++)
        if (call() != 0 || run_plugin() != 0)
            return 1;
    return 0;
}

static int works_within(unsigned long mib)
{
    limit_mib = mib;
    return in_child(load_within) == 0;
}

static void two_GiB_of_addresses_are_enough(void)
{
    unsigned long enough = 2048;

    CHECK(works_within(enough));
    while (enough > 128 && works_within(enough - 128))
        enough -= 128;
    figure("works within %lu MiB of addresses, and not within %lu", enough, enough - 128);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    two_GiB_of_addresses_are_enough();
    return 0;
}
