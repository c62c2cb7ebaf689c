/* SPDX-License-Identifier: Apache-2.0 */
/* A host whose standard streams are its own: nothing else is written to them, and they may be
 * closed. */
#define _GNU_SOURCE
#include "host.h"

#include <sys/stat.h>

static int real_output, streams;

static void capture(void)
{
    char path[4096];

    real_output = fcntl(1, F_DUPFD_CLOEXEC, 10);
    snprintf(path, sizeof path, "%s/streams", directory);
    streams = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(real_output >= 0 && streams >= 0);
    MUST(dup2(streams, 1) == 1 && dup2(streams, 2) == 2);
}

static void release(void) { MUST(dup2(real_output, 1) == 1); }

static void nothing_is_written_to_the_standard_streams(void)
{
    struct stat file;
    int rc[4];

    capture();
    load();
    rc[0] = call();
    setenv("NOISE", "1", 1);
    rc[1] = run_plugin();
    setenv("FAIL", "1", 1);
    rc[2] = request(
        "plugin.info", NULL, "{\"type\":\"reporter\",\"options\":{\"pluginDirs\":[\"%1$s/bin\"]}}");
    rc[3] = cni.call("add", "nonsense", NULL);
    unsetenv("FAIL");
    release();
    CHECK(fstat(streams, &file) == 0 && file.st_size == 0, "%ld bytes", (long)file.st_size);
    CHECK(rc[0] == 0 && rc[1] == 0 && rc[2] == 123 && rc[3] == -EINVAL, "%d %d %d %d", rc[0], rc[1],
        rc[2], rc[3]);
    PASS();
}

/* What the library opens then has the numbers of the streams; a plugin gets streams of its own all
 * the same. */
static void closed_standard_streams_do_no_harm(void)
{
    int rc;

    close(0);
    close(1);
    close(2);
    rc = call() | run_plugin();
    release();
    CHECK(rc == 0 && strcmp(reported("descriptors"), "3") == 0, "%d, %s descriptors", rc,
        reported("descriptors"));
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    nothing_is_written_to_the_standard_streams();
    closed_standard_streams_do_no_harm();
    return 0;
}
