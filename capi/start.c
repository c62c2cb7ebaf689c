/* SPDX-License-Identifier: Apache-2.0 */
/* When Go starts, and what of the host it sees while it does. */
#define _GNU_SOURCE
#include "start.h"
#include "guest.h"
#include "shim.h"

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

/* Go's own constructor, which the build takes out of the list that the loader runs (goruntime/entry).
 * It is NULL in a program in Go, such as a test, whose Go runs already. */
extern void libcni_go_entry(int argc, char **argv, char **envp) __attribute__((weak));

/* runtime/cgo declares it as a common symbol, which objcopy could not make local in libcni.a. */
extern void (*x_cgo_inittls)(void **, void **);
void (*x_cgo_inittls)(void **, void **);

/* What Go would read from the host's environment when it starts, and heed. GODEBUG alone could make it print. */
static const char *const for_other_runtimes[] = {"GODEBUG=", "GOGC=", "GOMEMLIMIT=", "GOTRACEBACK=", "GOMAXPROCS="};

/* What Go may want to know of the machine. */
static const unsigned long facts[] = {AT_PAGESZ, AT_RANDOM, AT_SECURE, AT_HWCAP, AT_HWCAP2, AT_SYSINFO_EHDR};
enum { FACTS = sizeof facts / sizeof facts[0] };

static char name[] = "libcni";

/* Go's start takes about two milliseconds. A host that waited this long goes on without it. */
#define START_SECONDS 5

sem_t start_complete;
static struct rlimit host_nofile;
static bool host_nofile_known;

/* On a page that the kernel empties in a forked child: handlers of pthread_atfork miss clone, and getpid may be the same
 * in a new pid namespace. Empty is as it was before Go was started, the lock (PTHREAD_MUTEX_INITIALIZER is zero) free. */
static struct here {
    pthread_mutex_t lock;
    bool starting, started;
} *here;

static bool late; /* the library was loaded without starting Go */
static bool begun; /* in this process, or in one that it was forked from */

/* Where the kernel cannot. */
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

bool start_is_late(void) { return late; }

bool start_begun(void) { return __atomic_load_n(&begun, __ATOMIC_ACQUIRE); }

static bool is_for_other_runtimes(const char *entry)
{
    for (size_t i = 0; i < sizeof for_other_runtimes / sizeof for_other_runtimes[0]; i++)
        if (strncmp(entry, for_other_runtimes[i], strlen(for_other_runtimes[i])) == 0)
            return true;
    return false;
}

/* Go reads its arguments, the environment and facts of the machine from one list, as the kernel lays it out for a program:
 * a name, the end of the arguments, the environment, its end, pairs of numbers. This one has the environment without what
 * is meant for others. It stays, since Go keeps the facts. NULL if there is no memory. */
static char **make_list(void)
{
    char **from = guest_environment(), **list, **entry;
    size_t count = 0;

    while (from[count] != NULL)
        count++;
    list = calloc(2 + count + 1 + 2 * (FACTS + 1), sizeof *list);
    if (list == NULL)
        return NULL;
    list[0] = name;
    entry = list + 2;
    for (; count > 0; from++, count--)
        if (!is_for_other_runtimes(*from))
            *entry++ = *from;
    entry++;
    for (size_t i = 0; i < FACTS; i++)
        if (getauxval(facts[i]) != 0) {
            *entry++ = (char *)facts[i];
            *entry++ = (char *)getauxval(facts[i]);
        }
    return list;
}

/* Go's constructor starts a thread, which raises the limit on open files, and main.go puts it back.
 * Waiting for that here means that the host sees the raised one no longer than this takes. */
static void enter_go(char **list)
{
    struct timespec deadline;

    libcni_go_entry(1, list, list + 2);
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += START_SECONDS;
    while (sem_timedwait(&start_complete, &deadline) != 0 && errno == EINTR)
        ;
}

/* Go's threads inherit the mask of the thread that starts them: with everything blocked, the host's handlers never run on
 * them. Go's handler of SIGURG is for interrupting its threads, which the build turns off (GODEBUG_DEFAULT in the
 * Makefile): the host keeps its own. */
static bool start(void)
{
    sigset_t all, mask;
    struct sigaction urgent;
    char **list = make_list();

    if (list == NULL)
        return false;
    here->starting = true;
    begun_by = getpid();
    __atomic_store_n(&begun, true, __ATOMIC_RELEASE);
    host_nofile_known = getrlimit(RLIMIT_NOFILE, &host_nofile) == 0;
    sem_init(&start_complete, 0, 0);
    sigaction(SIGURG, NULL, &urgent);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    enter_go(list);
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

/* How cni_dl.h asks for a library that does not start Go when it is loaded: an environment that no program has, which it
 * shows to nobody else. */
static bool is_asked_to_wait(void)
{
    return environ != NULL && environ[0] != NULL && strcmp(environ[0], START_LATER) == 0 && environ[1] == NULL;
}

/* Go's threads have the rights, the namespaces and the priority of the thread that starts Go. So the library starts it
 * when it is loaded, and not from whichever thread of the host happens to call first. */
__attribute__((constructor(101))) static void loaded(void)
{
    mark_process();
    late = is_asked_to_wait();
    if (!late)
        start_go();
}

int shim_host_nofile(struct rlimit *limit)
{
    *limit = host_nofile;
    return host_nofile_known;
}
