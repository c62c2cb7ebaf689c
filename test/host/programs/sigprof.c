/* SPDX-License-Identifier: Apache-2.0 */
/* A host with a profiler: a timer that counts the process's time and interrupts it. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>
#include <sys/time.h>

enum { TICKS = 20 };

static pthread_t main_thread;
static int on_main, elsewhere;

static void tick(int number)
{
    (void)number;
    __atomic_add_fetch(
        pthread_equal(pthread_self(), main_thread) ? &on_main : &elsewhere, 1, __ATOMIC_SEQ_CST);
}

static void the_host_gets_its_ticks_and_only_on_its_thread(void)
{
    struct itimerval every_millisecond = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
    int failed = 0;

    CHECK(setitimer(ITIMER_PROF, &every_millisecond, NULL) == 0);
    while (__atomic_load_n(&on_main, __ATOMIC_SEQ_CST) < TICKS && !failed)
        failed = call() != 0;
    CHECK(setitimer(ITIMER_PROF, &off, NULL) == 0);
    CHECK(!failed && elsewhere == 0, "%d on threads of the library", elsewhere);
    PASS();
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART | SA_ONSTACK};

    begin(argc, argv);
    main_thread = pthread_self();
    sigaction(SIGPROF, &action, NULL);
    load();
    the_host_gets_its_ticks_and_only_on_its_thread();
    return 0;
}
