/* SPDX-License-Identifier: Apache-2.0 */
/* A host with more rights than its user (the test makes it set-group-id): the user's environment is
 * not to be trusted. */
#define _GNU_SOURCE
#include "host.h"

#include <sys/auxv.h>

static void the_environment_is_not_read(void)
{
    char text[4096], *response = NULL;
    int rc;

    CHECK(getauxval(AT_SECURE) != 0, "the program has no more rights than its user");
    CHECK(getenv("MARK") != NULL);
    snprintf(text, sizeof text,
        "{\"type\":\"reporter\",\"options\":{\"pluginDirs\":[\"%s/bin\"],\"builtins\":\"never\",\"env\":{\"REPORT\":\"%s/report\"}}}",
        directory, directory);
    rc = cni.call("plugin.info", text, &response);
    CHECK(rc == 0, "%d %s", rc, response);
    cni.free(response);
    CHECK(strcmp(reported("MARK"), "(unset)") == 0, "%s", reported("MARK"));
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    load();
    the_environment_is_not_read();
    return 0;
}
