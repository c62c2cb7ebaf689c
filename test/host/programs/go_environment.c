/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that was started with settings for Go programs in its environment (the test sees to it):
 * collecting garbage never, or always, and telling of it on standard error. They are for the
 * programs that the host starts.
 */
#define _GNU_SOURCE
#include "host.h"

enum { CALLS = 3000 };

static const char *const names[] = {"GODEBUG", "GOGC", "GOMEMLIMIT", "GOTRACEBACK", "GOMAXPROCS"};
static char before[5][256];

static void loading_keeps_the_variables(void)
{
    for (int i = 0; i < 5; i++) {
        MUST(getenv(names[i]) != NULL);
        snprintf(before[i], sizeof before[i], "%s", getenv(names[i]));
    }
    load();
    for (int i = 0; i < 5; i++)
        CHECK(getenv(names[i]) != NULL && strcmp(getenv(names[i]), before[i]) == 0, "%s", names[i]);
    PASS();
}

static void plugins_get_the_variables(void)
{
    CHECK(run_plugin() == 0 && strcmp(reported("GOGC"), before[1]) == 0, "%s", reported("GOGC"));
    PASS();
}

static void memory_stays_small(void)
{
    unsigned long long resident;

    for (int i = 0; i < CALLS; i++)
        CHECK(call() == 0);
    resident = status_of("/proc/self/status", "VmRSS", 10);
    figure("resident after %d calls with GOGC=%s: %llu KiB", CALLS, before[1], resident);
    CHECK(resident < 40 << 10, "%llu KiB", resident);
    PASS();
}

static void nothing_is_printed(FILE *errors)
{
    long printed;

    fflush(errors);
    fseek(errors, 0, SEEK_END);
    printed = ftell(errors);
    CHECK(printed == 0, "%ld bytes", printed);
    PASS();
}

int main(int argc, char **argv)
{
    FILE *errors;
    char path[4096];

    begin(argc, argv);
    snprintf(path, sizeof path, "%s/errors", directory);
    unlink(path);
    MUST(freopen(path, "w+", stderr) != NULL);
    errors = stderr;
    loading_keeps_the_variables();
    plugins_get_the_variables();
    memory_stays_small();
    nothing_is_printed(errors);
    return 0;
}
