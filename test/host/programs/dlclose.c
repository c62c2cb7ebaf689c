/* SPDX-License-Identifier: Apache-2.0 */
/* A host that unloads plugins: the library stays, and can be loaded again. */
#define _GNU_SOURCE
#include "host.h"

static void closing_and_loading_again_works(void)
{
    for (int i = 0; i < 10; i++) {
        load();
        CHECK(call() == 0);
        CHECK(dlclose(handle) == 0);
    }
    PASS();
}

static void the_library_stays_when_it_is_closed(void)
{
    void *still = dlopen(library, RTLD_NOW | RTLD_NOLOAD);

    CHECK(still != NULL);
    dlclose(still);
    CHECK(call() == 0 && run_plugin() == 0); /* by the pointers of before */
    PASS();
}

static void loading_it_again_starts_no_threads(void)
{
    int before = count_threads();

    for (int i = 0; i < 10; i++) {
        load();
        CHECK(dlclose(handle) == 0);
    }
    CHECK(count_threads() <= before + 1, "%d, then %d", before, count_threads());
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    closing_and_loading_again_works();
    the_library_stays_when_it_is_closed();
    loading_it_again_starts_no_threads();
    return 0;
}
