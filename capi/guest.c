/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "guest.h"
#include "shim.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* What a call may have open at once: Go's poller, sockets, namespaces, locks, state, and a plugin process's pipes. */
#define DESCRIPTORS_NEEDED 20

/* What Go would read from the host's environment when it starts, and heed. GODEBUG alone could make it print. */
static const char *const for_other_runtimes[] = {"GODEBUG=", "GOGC=", "GOMEMLIMIT=", "GOTRACEBACK=", "GOMAXPROCS="};
#define HIDDEN_MAX 16

/* Go's start takes about two milliseconds. A loader that waited this long goes on without it. */
#define START_SECONDS 5

static sigset_t host_mask;
static struct rlimit host_nofile;
static bool host_nofile_known;
static sem_t started;
static struct sigaction host_urgent;

static struct {
    char **slot, *entry;
} hidden[HIDDEN_MAX];
static int hidden_count;

/* A page that the kernel empties in a forked child: handlers of pthread_atfork miss clone, and getpid may be the same in
 * a new pid namespace. */
static volatile char *alive_page;
static pid_t alive_pid;

static void mark_alive(void)
{
    long size = sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    alive_pid = getpid();
    if (page == MAP_FAILED)
        return;
    if (madvise(page, size, MADV_WIPEONFORK) != 0) {
        munmap(page, size);
        return;
    }
    alive_page = page;
    *alive_page = 1;
}

bool guest_forked(void)
{
    if (alive_page != NULL)
        return *alive_page == 0;
    return alive_pid != getpid();
}

static bool is_for_other_runtimes(const char *entry)
{
    for (size_t i = 0; i < sizeof for_other_runtimes / sizeof for_other_runtimes[0]; i++)
        if (strncmp(entry, for_other_runtimes[i], strlen(for_other_runtimes[i])) == 0)
            return true;
    return false;
}

/* Go starts with the environment that the kernel laid behind the arguments. For these two milliseconds the entries meant
 * for other programs are empty strings there. */
static void hide_environment(char **entries)
{
    static char empty[] = "";

    for (; *entries != NULL && hidden_count < HIDDEN_MAX; entries++)
        if (is_for_other_runtimes(*entries)) {
            hidden[hidden_count].slot = entries;
            hidden[hidden_count++].entry = *entries;
            *entries = empty;
        }
}

static void show_environment(void)
{
    while (hidden_count > 0) {
        hidden_count--;
        *hidden[hidden_count].slot = hidden[hidden_count].entry;
    }
}

/* Runs before Go's own entry in the list of constructors, which has no priority. Go's threads inherit the mask of the
 * thread that starts them: with everything blocked, the host's handlers never run on them. */
__attribute__((constructor(101))) static void before_go(int argc, char **argv)
{
    sigset_t all;

    mark_alive();
    host_nofile_known = getrlimit(RLIMIT_NOFILE, &host_nofile) == 0;
    sem_init(&started, 0, 0);
    sigaction(SIGURG, NULL, &host_urgent);
    hide_environment(argv + argc + 1);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &host_mask);
}

/* Runs after Go's entry, which started Go on a thread of its own. That start raises the limit on open files and main.go
 * puts it back; waiting for it here means that the host never sees the raised one. Go's handler of SIGURG is for
 * interrupting its threads, which the build turns off (GODEBUG_DEFAULT in the Makefile): the host keeps its own. */
__attribute__((constructor)) static void after_go(void)
{
    struct timespec deadline;
    int saved = errno;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += START_SECONDS;
    while (sem_timedwait(&started, &deadline) != 0 && errno == EINTR)
        ;
    sigaction(SIGURG, &host_urgent, NULL);
    show_environment();
    errno = saved;
    pthread_sigmask(SIG_SETMASK, &host_mask, NULL);
}

void shim_started(void) { sem_post(&started); }

int shim_host_nofile(struct rlimit *limit)
{
    *limit = host_nofile;
    return host_nofile_known;
}

/* Looks for closed descriptors from the limit downwards, where hosts have nothing open. Opening some instead would take
 * numbers away from the host's other threads. poll tells of many at once. */
bool guest_has_descriptors(void)
{
    struct pollfd asked[DESCRIPTORS_NEEDED];
    struct rlimit limit;
    int found = 0, end = INT_MAX, saved = errno;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return true;
    if (limit.rlim_cur < INT_MAX)
        end = (int)limit.rlim_cur;
    while (end > 0 && found < DESCRIPTORS_NEEDED) {
        int count = end < DESCRIPTORS_NEEDED ? end : DESCRIPTORS_NEEDED;

        for (int i = 0; i < count; i++)
            asked[i] = (struct pollfd){.fd = --end};
        if (poll(asked, (nfds_t)count, 0) < 0)
            found = DESCRIPTORS_NEEDED; /* it does not tell: nothing is known against the call */
        else
            for (int i = 0; i < count; i++)
                found += (asked[i].revents & POLLNVAL) != 0;
    }
    errno = saved;
    return found >= DESCRIPTORS_NEEDED;
}

char **guest_environment(void)
{
    static char *empty[] = {NULL};

    return environ == NULL || getauxval(AT_SECURE) != 0 ? empty : environ;
}

/* Raised by what a thread does itself. One that is blocked when it comes ends the process. */
static bool is_fault(int number)
{
    switch (number) {
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGBUS:
    case SIGFPE:
    case SIGSEGV:
    case SIGSYS:
        return true;
    default:
        return false;
    }
}

/* A handler without SA_ONSTACK would run on the goroutine's stack, which is too small for it: the thread's own is not in
 * use while Go runs. Such signals wait until the call returns. The C library's own (32, 33) are left alone. */
static void add_handlers_without_stack(sigset_t *set)
{
    struct sigaction action;

    for (int number = 1; number <= SIGRTMAX; number++) {
        if (number == __SIGRTMIN)
            number = SIGRTMIN;
        if (is_fault(number) || sigismember(set, number) || sigaction(number, NULL, &action) != 0)
            continue;
        if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN && !(action.sa_flags & SA_ONSTACK))
            sigaddset(set, number);
    }
}

/* A nil dereference in Go is a panic that guard.go catches, but a SIGSEGV that arrives while it is blocked ends the
 * process. Hosts such as crun block everything. */
void guest_enter(struct guest_thread *thread)
{
    sigset_t mask;

    thread->error = errno;
    pthread_sigmask(SIG_SETMASK, NULL, &thread->mask);
    mask = thread->mask;
    add_handlers_without_stack(&mask);
    sigdelset(&mask, SIGSEGV);
    sigdelset(&mask, SIGBUS);
    sigdelset(&mask, SIGFPE);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

void guest_leave(const struct guest_thread *thread)
{
    pthread_sigmask(SIG_SETMASK, &thread->mask, NULL);
    errno = thread->error;
}
