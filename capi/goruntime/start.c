/* SPDX-License-Identifier: Apache-2.0 */
/* When Go starts, and what it sees of the host meanwhile. README.md lists what this assumes of
 * Go. */
#define _GNU_SOURCE
#include "start.h"
#include "faults.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Go's constructor, which the build takes out of the list that the loader runs (see entry). It
 * is NULL in a program in Go, such as a test, whose Go runs already. */
extern void libcni_go_entry(int argc, char **argv, char **envp) __attribute__((weak));

/* runtime/cgo declares it as a common symbol, which objcopy could not make local in libcni.a. */
extern void (*x_cgo_inittls)(void **, void **);
void (*x_cgo_inittls)(void **, void **);

/* Variables that configure Go's runtime. They are meant for Go programs that the host starts. */
static const char *const runtime_variables[] = {
    "GODEBUG=", "GOGC=", "GOMEMLIMIT=", "GOTRACEBACK=", "GOMAXPROCS="};
enum { RUNTIME_VARIABLES = sizeof runtime_variables / sizeof runtime_variables[0] };

/* Entries of the auxiliary vector that Go reads. */
static const unsigned long facts[] = {
    AT_PAGESZ, AT_RANDOM, AT_SECURE, AT_HWCAP, AT_HWCAP2, AT_SYSINFO_EHDR};
enum { FACTS = sizeof facts / sizeof facts[0] };

static char name[] = "libcni";

/* Go starts in about two milliseconds. After this time the host goes on without it. */
#define START_SECONDS 5

sem_t start_complete;
static struct rlimit host_nofile;
static bool host_nofile_known;

/* The state of this process. It is on a page that the kernel clears in a forked child, since
 * clone runs no handlers of pthread_atfork, and a child in a new pid namespace may have the same
 * pid. Cleared, it says that Go was not started, and the lock (PTHREAD_MUTEX_INITIALIZER is
 * zero) is free. */
struct here {
    pthread_mutex_t lock;
    bool starting, started;
};
static struct here *here;

static bool begun; /* in this process, or in one that it was forked from */

/* Used if the kernel cannot clear the page; then the pid tells a child from its parent. */
static struct here everywhere;
static pid_t begun_by;

static void mark_process(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    here = &everywhere;
    if (page == MAP_FAILED)
        return;
    if (madvise(page, size, MADV_WIPEONFORK) == 0)
        here = page;
    else
        munmap(page, size);
}

bool start_forked(void)
{
    if (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
        return false;
    return here == &everywhere ? begun_by != getpid() : !here->starting;
}

bool start_begun(void) { return __atomic_load_n(&begun, __ATOMIC_ACQUIRE); }

char **start_environment(void)
{
    static char *empty[] = {NULL};

    return environ == NULL || getauxval(AT_SECURE) != 0 ? empty : environ;
}

static bool is_runtime_variable(const char *entry)
{
    for (size_t i = 0; i < RUNTIME_VARIABLES; i++)
        if (strncmp(entry, runtime_variables[i], strlen(runtime_variables[i])) == 0)
            return true;
    return false;
}

/* Makes the list from which Go reads arguments, environment and auxiliary vector, in the order
 * in which the kernel gives them to a program: arguments, NULL, environment, NULL, pairs of
 * numbers. The environment is the host's without runtime_variables. The list is never freed,
 * since Go keeps pointers into it. NULL if there is no memory. */
static char **make_list(void)
{
    char **from = start_environment(), **list, **entry;
    size_t count = 0;

    while (from[count] != NULL)
        count++;
    list = calloc(2 + count + 1 + 2 * (FACTS + 1), sizeof *list);
    if (list == NULL)
        return NULL;
    list[0] = name;
    entry = list + 2;
    for (; count > 0; from++, count--)
        if (!is_runtime_variable(*from))
            *entry++ = *from;
    entry++;
    for (size_t i = 0; i < FACTS; i++)
        if (getauxval(facts[i]) != 0) {
            *entry++ = (char *)facts[i];
            *entry++ = (char *)getauxval(facts[i]);
        }
    return list;
}

/* Runs Go's constructor, which starts a thread, and waits until Go's start is complete: the
 * thread raises the limit on open files, and goruntime.go restores it. */
static void enter_go(char **list)
{
    struct timespec deadline;

    libcni_go_entry(1, list, list + 2);
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += START_SECONDS;
    while (sem_timedwait(&start_complete, &deadline) != 0 && errno == EINTR)
        ;
}

static void *do_nothing(void *argument) { return argument; }

/* Go ends the process if it cannot make a thread, which a seccomp filter or a limit may forbid. */
static bool can_make_threads(void)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, do_nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static bool lacks_threads; /* when Go was to be started last */

bool start_lacks_threads(void) { return __atomic_load_n(&lacks_threads, __ATOMIC_ACQUIRE); }

/* Go's threads inherit the signal mask of the thread that starts them. With everything blocked,
 * the host's handlers never run on them. Go's handler of SIGURG interrupts its threads, which
 * the build turns off (asyncpreemptoff in the Makefile), so the host keeps its own. */
static bool start(void)
{
    sigset_t all, mask;
    struct sigaction urgent;
    char **list;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    __atomic_store_n(&lacks_threads, !can_make_threads(), __ATOMIC_RELEASE);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (lacks_threads || (list = make_list()) == NULL)
        return false;
    here->starting = true;
    begun_by = getpid();
    __atomic_store_n(&begun, true, __ATOMIC_RELEASE);
    host_nofile_known = getrlimit(RLIMIT_NOFILE, &host_nofile) == 0;
    sem_init(&start_complete, 0, 0);
    sigaction(SIGURG, NULL, &urgent);
    faults_record();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    enter_go(list);
    faults_divide();
    sigaction(SIGURG, &urgent, NULL);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return true;
}

bool start_go(void)
{
    int saved = errno;

    if (libcni_go_entry == NULL || __atomic_load_n(&here->started, __ATOMIC_ACQUIRE))
        return true;
    pthread_mutex_lock(&here->lock);
    if (!here->started)
        __atomic_store_n(&here->started, start(), __ATOMIC_RELEASE);
    pthread_mutex_unlock(&here->lock);
    errno = saved;
    return here->started;
}

/* Whether cni_dl.h loads the library and asks that Go is not started: see START_LATER. */
static bool is_asked_to_wait(void)
{
    return environ != NULL && environ[0] != NULL && strcmp(environ[0], START_LATER) == 0 &&
           environ[1] == NULL;
}

/* Starts Go when the library is loaded. Go's threads have the rights, the namespaces and the
 * priority of the thread that starts it, which should not be the one that happens to call first. */
__attribute__((constructor(101))) static void loaded(void)
{
    mark_process();
    if (!is_asked_to_wait())
        start_go();
}

bool start_host_nofile(struct rlimit *limit)
{
    *limit = host_nofile;
    return host_nofile_known;
}
