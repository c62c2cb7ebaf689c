/* SPDX-License-Identifier: Apache-2.0 */
/* A host with a mask of zero, blocked and ignored signals and open descriptors: its plugins inherit
 * none of it. */
#define _GNU_SOURCE
#include "host.h"

#include <sys/stat.h>

static void plugins_inherit_nothing(void)
{
    CHECK(run_plugin() == 0);
    CHECK(strcmp(reported("umask"), "0022") == 0, "%s", reported("umask"));
    CHECK(strcmp(reported("descriptors"), "3") == 0, "%s", reported("descriptors"));
    CHECK(strcmp(reported("SigBlk"), "0000000000000000") == 0, "%s", reported("SigBlk"));
    CHECK(strcmp(reported("SigIgn"), "0000000000000000") == 0, "%s", reported("SigIgn"));
    CHECK(strcmp(reported("group"), "own") == 0, "%s", reported("group"));
    PASS();
}

int main(int argc, char **argv)
{
    sigset_t all;

    begin(argc, argv);
    load();
    umask(0);
    for (int i = 0; i < 10; i++)
        MUST(open("/dev/null", O_RDONLY) >= 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    plugins_inherit_nothing();
    return 0;
}
