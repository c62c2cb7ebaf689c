/* SPDX-License-Identifier: Apache-2.0 */
/* A host that changes its environment. */
#define _GNU_SOURCE
#include "host.h"

static void setenv_before_loading_counts(void)
{
    setenv("MARK", "before", 1);
    load();
    CHECK(run_plugin() == 0 && strcmp(reported("MARK"), "before") == 0, "%s", reported("MARK"));
    PASS();
}

static void setenv_after_loading_counts(void)
{
    for (int i = 0; i < 3; i++) {
        char value[16];

        snprintf(value, sizeof value, "%d", i);
        setenv("MARK", value, 1);
        CHECK(run_plugin() == 0 && strcmp(reported("MARK"), value) == 0, "%s", reported("MARK"));
    }
    unsetenv("MARK");
    CHECK(run_plugin() == 0 && strcmp(reported("MARK"), "(unset)") == 0, "%s", reported("MARK"));
    PASS();
}

static void a_cleared_environment_does_no_harm(void)
{
    CHECK(clearenv() == 0 && call() == 0 && run_plugin() == 0);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    setenv_before_loading_counts();
    setenv_after_loading_counts();
    a_cleared_environment_does_no_harm();
    return 0;
}
