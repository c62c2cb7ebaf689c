/* SPDX-License-Identifier: Apache-2.0 */
/* A host with signal handlers, set before and after loading. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>
#include <sys/mman.h>

static volatile sig_atomic_t handled;

static void count_signal(int number)
{
    (void)number;
    handled++;
}

static void exit_with_signal(int number) { _exit(number); }

static void set_handler(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    MUST(sigaction(number, &action, NULL) == 0);
}

/* ---- What loading changes -------------------------------------------------------------------- */

static int dispositions_without_handlers(void)
{
    struct sigaction before[32], action; /* nohup(1), for one, starts a host with SIGHUP ignored */

    for (int number = 1; number < 32; number++)
        sigaction(number, NULL, &before[number]);
    load();
    if (call() != 0 || run_plugin() != 0)
        return 100;
    for (int number = 1; number < 32; number++) {
        int go = number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGPIPE;
        if (sigaction(number, NULL, &action) != 0)
            return 101;
        if ((action.sa_handler != before[number].sa_handler) != go)
            return number;
    }
    return 0;
}

static void loading_installs_handlers_for_four_signals_only(void)
{
    int status = in_child(dispositions_without_handlers);

    CHECK(status == 0, "wait status %x: exit status is the signal", status);
    PASS();
}

static int dispositions_with_handlers(void)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCHLD, SIGALRM, SIGUSR1,
        SIGUSR2, SIGURG, SIGPROF, SIGIO, 40};
    struct sigaction action;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        set_handler(numbers[i], count_signal, SA_RESTART);
    signal(SIGWINCH, SIG_IGN);
    load();
    if (call() != 0 || run_plugin() != 0)
        return 100;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaction(numbers[i], NULL, &action);
        if (action.sa_handler != count_signal ||
            (action.sa_flags & ~SA_ONSTACK & 0xffffff) != (SA_RESTART & 0xffffff))
            return numbers[i];
    }
    sigaction(SIGWINCH, NULL, &action);
    return action.sa_handler == SIG_IGN ? 0 : SIGWINCH;
}

/* But for SA_ONSTACK, which Go adds: it matters only to threads that have such a stack. */
static void handlers_of_the_host_are_kept(void)
{
    int status = in_child(dispositions_with_handlers);

    CHECK(status == 0, "wait status %x: exit status is the signal", status);
    PASS();
}

/* ---- Faults ---------------------------------------------------------------------------------- */

static void crash(void)
{
    volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *page = 1;
}

static int crash_without_handler(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    MUST(freopen("/dev/null", "w", stderr) != NULL);
    load();
    MUST(call() == 0);
    crash();
    return 0;
}

static int crash_with_handler_before(void)
{
    set_handler(SIGSEGV, exit_with_signal, SA_ONSTACK);
    load();
    MUST(call() == 0);
    crash();
    return 0;
}

static int crash_with_handler_after(void)
{
    load();
    MUST(call() == 0);
    set_handler(SIGSEGV, exit_with_signal, SA_ONSTACK);
    MUST(call() == 0);
    crash();
    return 0;
}

static void a_crash_of_the_host_is_one(void)
{
    int status = in_child(crash_without_handler);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "wait status %x", status);
    PASS();
}

static void a_crash_of_the_host_runs_its_handler(void)
{
    int before = in_child(crash_with_handler_before), after = in_child(crash_with_handler_after);

    CHECK(before == SIGSEGV << 8, "set before loading: wait status %x", before);
    CHECK(after == SIGSEGV << 8, "set after loading: wait status %x", after);
    PASS();
}

/* ---- Faults in a callback -------------------------------------------------------------------- */

static void crash_in_callback(const char *event, void *user)
{
    (void)event, (void)user;
    crash();
}

static void divide_in_callback(const char *event, void *user)
{
    volatile int *zero = user;

    (void)event;
    handled = 7 / *zero;
}

static int call_back(void (*callback)(const char *, void *))
{
    struct rlimit none = {0, 0};
    static int zero;

    setrlimit(RLIMIT_CORE, &none);
    alarm(3); /* ends a host that waits */
    load();
    MUST(cni.set_log(callback, &zero) == 0);
    cni.call("status",
        "{\"network\":{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"loopback\"}]}}",
        NULL);
    return 0;
}

static int crash_in_callback_by_default(void)
{
    MUST(dup2(STDOUT_FILENO, STDERR_FILENO) == STDERR_FILENO);
    return call_back(crash_in_callback);
}

static int divide_in_callback_by_default(void) { return call_back(divide_in_callback); }

static int crash_in_callback_handled(void)
{
    set_handler(SIGSEGV, exit_with_signal, SA_ONSTACK);
    return call_back(crash_in_callback);
}

/* Go would print its stacks, wait for ten seconds and abort. */
static void a_fault_in_a_callback_ends_the_host_at_once(void)
{
    int output[2], status;
    char text[256];
    int saved = dup(STDOUT_FILENO);

    CHECK(pipe(output) == 0 && dup2(output[1], STDOUT_FILENO) == STDOUT_FILENO);
    status = in_child(crash_in_callback_by_default);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(output[1]);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "wait status %x", status);
    CHECK(read(output[0], text, sizeof text) == 0, "Go wrote something");
    close(output[0]);
    status = in_child(divide_in_callback_by_default);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGFPE, "wait status %x", status);
    PASS();
}

static void a_fault_in_a_callback_runs_the_hosts_handler(void)
{
    int status = in_child(crash_in_callback_handled);

    CHECK(status == SIGSEGV << 8, "wait status %x", status);
    PASS();
}

static int get_a_fault_from_outside(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    alarm(3);
    load();
    MUST(call() == 0);
    kill(getpid(), SIGSEGV);
    return 0;
}

static int ignore_a_fault_from_outside(void)
{
    signal(SIGSEGV, SIG_IGN);
    return get_a_fault_from_outside();
}

static void a_fault_that_is_sent_does_what_the_host_chose(void)
{
    int status = in_child(get_a_fault_from_outside);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "wait status %x", status);
    status = in_child(ignore_a_fault_from_outside);
    CHECK(status == 0, "ignored: wait status %x", status);
    PASS();
}

/* ---- SIGPIPE --------------------------------------------------------------------------------- */

static int write_to_nobody(void)
{
    int fds[2];

    MUST(pipe(fds) == 0);
    close(fds[0]);
    return write(fds[1], "x", 1) < 0 ? errno : 0;
}

static int pipe_by_default(void)
{
    load();
    MUST(call() == 0);
    return write_to_nobody();
}

static int pipe_ignored(void)
{
    signal(SIGPIPE, SIG_IGN);
    load();
    MUST(call() == 0);
    return write_to_nobody();
}

static int pipe_ignored_after(void)
{
    load();
    signal(SIGPIPE, SIG_IGN);
    MUST(call() == 0);
    return write_to_nobody();
}

static int pipe_handled(void)
{
    set_handler(SIGPIPE, count_signal, 0);
    load();
    MUST(call() == 0);
    return write_to_nobody() == EPIPE && handled == 1 ? 0 : 1;
}

static void a_broken_pipe_does_what_the_host_chose(void)
{
    int status = in_child(pipe_by_default);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE, "by default: wait status %x", status);
    status = in_child(pipe_ignored);
    CHECK(status == EPIPE << 8, "ignored: wait status %x", status);
    status = in_child(pipe_ignored_after);
    CHECK(status == EPIPE << 8, "ignored after loading: wait status %x", status);
    status = in_child(pipe_handled);
    CHECK(status == 0, "handled: wait status %x", status);
    PASS();
}

/* ---- Handlers that run during a call --------------------------------------------------------- */

static int stop;

static void use_much_stack(int number)
{
    volatile char much[64 << 10];

    for (size_t i = 0; i < sizeof much; i += 64)
        much[i] = (char)number;
    handled++;
}

static void *bombard(void *thread)
{
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        pthread_kill(*(pthread_t *)thread, SIGUSR1);
        sched_yield();
    }
    return NULL;
}

/* On the stack of a goroutine it would overwrite what lies below, and Go would end the process. */
static void a_handler_without_a_stack_of_its_own_does_no_harm(void)
{
    pthread_t self = pthread_self(), other;
    int failed = 0;

    load();
    set_handler(SIGUSR1, use_much_stack, 0);
    CHECK(pthread_create(&other, NULL, bombard, &self) == 0);
    for (int i = 0; i < 2000; i++)
        failed += call() != 0;
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    pthread_join(other, NULL);
    CHECK(failed == 0 && handled > 0, "%d failed, %d handled", failed, handled);
    PASS();
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    loading_installs_handlers_for_four_signals_only();
    handlers_of_the_host_are_kept();
    a_crash_of_the_host_is_one();
    a_crash_of_the_host_runs_its_handler();
    a_fault_in_a_callback_ends_the_host_at_once();
    a_fault_in_a_callback_runs_the_hosts_handler();
    a_fault_that_is_sent_does_what_the_host_chose();
    a_broken_pipe_does_what_the_host_chose();
    a_handler_without_a_stack_of_its_own_does_no_harm();
    return 0;
}
