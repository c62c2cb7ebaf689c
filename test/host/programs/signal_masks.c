/* SPDX-License-Identifier: Apache-2.0 */
/* A host that uses signal masks: its own are kept, and the library's threads take none of its
 * signals. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>

static void *call_on_thread(void *result)
{
    *(int *)result = call();
    return NULL;
}

static void the_mask_is_kept_when_all_is_blocked(void)
{
    sigset_t all, before, after;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < 3; i++) {
        int rc = i == 2 ? run_plugin() : call();
        pthread_sigmask(SIG_SETMASK, NULL, &after);
        for (int sig = 1; sig < 65; sig++)
            CHECK(sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33 ||
                      sigismember(&after, sig),
                "signal %d is unblocked after call %d (%d)", sig, i, rc);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    PASS();
}

static void the_mask_is_kept_when_nothing_is_blocked(void)
{
    sigset_t none, after;

    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    CHECK(call() == 0 && run_plugin() == 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int sig = 1; sig < 65; sig++)
        CHECK(sigismember(&after, sig) != 1, "signal %d is blocked", sig);
    PASS();
}

static void the_mask_of_a_new_thread_is_kept(void)
{
    sigset_t mask, after;
    pthread_t thread;
    int rc = -1;

    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    CHECK(pthread_create(&thread, NULL, call_on_thread, &rc) == 0);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_UNBLOCK, &mask, &after);
    CHECK(rc == 0 && sigismember(&after, SIGCHLD) == 1);
    PASS();
}

static void errno_is_kept(void)
{
    static const char *const requests[] = {"{}", "nonsense", NULL};

    for (int i = 0; i < 3; i++) {
        errno = 77;
        cni.call("plugin.info", requests[i], NULL);
        CHECK(errno == 77, "%d after request %d", errno, i);
    }
    PASS();
}

/* Only what the kernel raises for the thread itself, and what the C library and Go send to one
 * thread. */
static void threads_of_the_library_block_the_signals_of_the_host(void)
{
    static const int open_to_them[] = {
        SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSTKFLT, SIGKILL, SIGSTOP, 32, 33, 34};
    unsigned long long allowed = 0;
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    int others = 0;

    for (size_t i = 0; i < sizeof open_to_them / sizeof open_to_them[0]; i++)
        allowed |= 1ULL << (open_to_them[i] - 1);
    CHECK(tasks != NULL);
    while ((entry = readdir(tasks)) != NULL) {
        char path[300];
        unsigned long long blocked;
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        blocked = status_of(path, "SigBlk", 16);
        CHECK((blocked | allowed) == ~0ULL, "thread %s blocks %llx", entry->d_name, blocked);
        others++;
    }
    closedir(tasks);
    CHECK(others > 0);
    PASS();
}

static volatile sig_atomic_t handled;

static void count_signal(int number)
{
    (void)number;
    handled++;
}

/* With the signal blocked in the only thread of the host, it stays pending: no other thread has
 * taken it. */
static void blocked_signals_stay_pending(void)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2, SIGCHLD,
        SIGPROF, SIGURG, SIGWINCH, SIGIO};
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_ONSTACK};
    sigset_t mask, pending;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigemptyset(&mask);
        sigaddset(&mask, numbers[i]);
        pthread_sigmask(SIG_BLOCK, &mask, NULL);
        sigaction(numbers[i], &action, NULL);
        kill(getpid(), numbers[i]);
        CHECK(call() == 0 && run_plugin() == 0);
        sigpending(&pending);
        CHECK(handled == 0 && sigismember(&pending, numbers[i]), "signal %d was taken", numbers[i]);
        pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
        CHECK(handled == 1, "signal %d: %d", numbers[i], handled);
        handled = 0;
        signal(numbers[i], SIG_DFL);
    }
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    load();
    the_mask_is_kept_when_all_is_blocked();
    the_mask_is_kept_when_nothing_is_blocked();
    the_mask_of_a_new_thread_is_kept();
    errno_is_kept();
    threads_of_the_library_block_the_signals_of_the_host();
    blocked_signals_stay_pending();
    return 0;
}
