/* SPDX-License-Identifier: Apache-2.0 */
/* A host with a mask of zero and a working directory of its own. */
#define _GNU_SOURCE
#include "host.h"

#include <sys/stat.h>

static void umask_is_kept(void)
{
    mode_t mask;

    CHECK(call() == 0 && run_plugin() == 0);
    mask = umask(0);
    CHECK(mask == 0, "%o", (unsigned)mask);
    PASS();
}

static void the_working_directory_is_kept(void)
{
    char after[4096];

    CHECK(call() == 0 && run_plugin() == 0);
    CHECK(getcwd(after, sizeof after) != NULL && strcmp(after, "/usr") == 0, "%s", after);
    CHECK(strcmp(reported("cwd"), "/usr") == 0, "%s", reported("cwd"));
    PASS();
}

static void files_of_the_library_are_for_their_owner(void)
{
    struct stat file, folder;
    char path[4096];

    CHECK(request("netns.create", NULL, "{\"path\":\"%1$s/umask/netns\"}") == 0);
    snprintf(path, sizeof path, "%s/umask", directory);
    CHECK(stat(path, &folder) == 0 && (folder.st_mode & 022) == 0, "%o", (unsigned)folder.st_mode);
    snprintf(path, sizeof path, "%s/umask/netns", directory);
    CHECK(stat(path, &file) == 0 && (file.st_mode & 022) == 0, "%o", (unsigned)file.st_mode);
    CHECK(request("netns.delete", NULL, "{\"path\":\"%1$s/umask/netns\"}") == 0);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    umask(0);
    MUST(chdir("/usr") == 0);
    load();
    umask_is_kept();
    the_working_directory_is_kept();
    files_of_the_library_are_for_their_owner();
    return 0;
}
