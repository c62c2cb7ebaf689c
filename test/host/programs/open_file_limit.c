/* SPDX-License-Identifier: Apache-2.0 */
/* A host whose limit on open files is lower than it may be. Go raises it for itself. */
#define _GNU_SOURCE
#include "host.h"

static void loading_and_calling_keep_the_limit(void)
{
    unsigned long before = open_file_limit();

    load();
    CHECK(open_file_limit() == before, "%lu, then %lu after loading", before, open_file_limit());
    CHECK(call() == 0 && run_plugin() == 0);
    CHECK(open_file_limit() == before, "%lu, then %lu after calls", before, open_file_limit());
    PASS();
}

static void children_inherit_the_limit(void)
{
    char printed[64] = "";
    FILE *shell = popen("ulimit -S -n", "r");

    CHECK(shell != NULL && fgets(printed, sizeof printed, shell) != NULL);
    pclose(shell);
    CHECK(strtoul(printed, NULL, 10) == open_file_limit(), "%s", printed);
    PASS();
}

static void plugins_inherit_the_limit(void)
{
    CHECK(run_plugin() == 0);
    CHECK(strtoul(reported("nofile"), NULL, 10) == open_file_limit(), "%s", reported("nofile"));
    PASS();
}

static void a_limit_set_later_counts(void)
{
    set_open_file_limit(300);
    CHECK(run_plugin() == 0 && open_file_limit() == 300, "%lu", open_file_limit());
    CHECK(strtoul(reported("nofile"), NULL, 10) == 300, "%s", reported("nofile"));
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    set_open_file_limit(256);
    loading_and_calling_keep_the_limit();
    children_inherit_the_limit();
    plugins_inherit_the_limit();
    a_limit_set_later_counts();
    return 0;
}
