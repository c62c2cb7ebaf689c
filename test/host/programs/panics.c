/* SPDX-License-Identifier: Apache-2.0 */
/* A host that meets a defect of the library. The test builds a library with methods that have some.
 * */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>

static void returns_a_bug(const char *method, const char *says)
{
    char *response = NULL;
    int rc = cni.call(method, "{}", &response);

    if (rc != -EFAULT || strstr(response, "\"kind\":\"bug\"") == NULL ||
        strstr(response, says) == NULL) {
        printf("# %s: %d %s\n", method, rc, response);
        exit(1);
    }
    if (strstr(response, "goroutine") == NULL)
        exit(2);
    cni.free(response);
}

static void provoke(void)
{
    returns_a_bug("test.panic", "provoked");
    returns_a_bug("test.nil", "nil pointer");
    returns_a_bug("test.index", "out of range");
    returns_a_bug("test.divide", "divide by zero");
    MUST(call() == 0 && run_plugin() == 0);
}

static void *provoke_often(void *unused)
{
    for (int i = 0; i < 20; i++)
        provoke();
    return unused;
}

static void panics_are_errors(void)
{
    provoke();
    PASS();
}

static void panics_are_errors_when_all_signals_are_blocked(void)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    provoke();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    PASS();
}

static void panics_of_many_threads_are_errors(void)
{
    pthread_t threads[8];

    for (int i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, provoke_often, NULL) == 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    PASS();
}

static void report_crash(int number) { _exit(number); }

/* A host's own handler from before is not asked about faults in Go. */
static int with_a_handler(void)
{
    struct sigaction action = {.sa_handler = report_crash, .sa_flags = SA_ONSTACK};

    sigaction(SIGSEGV, &action, NULL);
    load();
    provoke();
    return 0;
}

static void panics_are_errors_for_a_host_that_handles_SIGSEGV(void)
{
    int status = in_child(with_a_handler);

    CHECK(status == 0, "wait status %x", status);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    panics_are_errors_for_a_host_that_handles_SIGSEGV();
    load();
    panics_are_errors();
    panics_are_errors_when_all_signals_are_blocked();
    panics_of_many_threads_are_errors();
    return 0;
}
