/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

/* The most that a call has open at once: Go's poller, sockets, namespaces, locks, state, and the
 * pipes of a plugin process. The first call opens the poller, and Go ends the process if it cannot;
 * later calls return an error instead, and find the poller and some sockets open. */
enum { FIRST_CALL_NEEDS = 20, LATER_CALL_NEEDS = 8 };

static bool called;

/* Looks for closed descriptors from the limit downwards, where hosts rarely have any open.
 * Opening some would take numbers away from the host's other threads. One poll asks about many. */
bool guest_has_descriptors(void)
{
    struct pollfd asked[FIRST_CALL_NEEDS];
    struct rlimit limit;
    int needed = __atomic_load_n(&called, __ATOMIC_ACQUIRE) ? LATER_CALL_NEEDS : FIRST_CALL_NEEDS;
    int found = 0, end = INT_MAX, saved = errno;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return true;
    if (limit.rlim_cur < INT_MAX)
        end = (int)limit.rlim_cur;
    while (end > 0 && found < needed) {
        int count = end < needed ? end : needed;

        for (int i = 0; i < count; i++)
            asked[i] = (struct pollfd){.fd = --end};
        if (poll(asked, (nfds_t)count, 0) < 0)
            found = needed; /* unknown: the call may go on */
        else
            for (int i = 0; i < count; i++)
                found += (asked[i].revents & POLLNVAL) != 0;
    }
    errno = saved;
    return found >= needed;
}

void guest_called(void) { __atomic_store_n(&called, true, __ATOMIC_RELEASE); }

/* Whether the thread itself raises the signal. If it is blocked then, the kernel kills the
 * process. */
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

/* Blocks the signals whose handlers lack SA_ONSTACK until the call returns. Such a handler would
 * run on the goroutine's stack, which is too small for it. The C library's own signals, 32 and
 * 33, are left alone. */
static void add_handlers_without_stack(sigset_t *set)
{
    struct sigaction action;

    for (int number = 1; number <= SIGRTMAX; number++) {
        if (number == __SIGRTMIN)
            number = SIGRTMIN;
        if (is_fault(number) || sigismember(set, number) || sigaction(number, NULL, &action) != 0)
            continue;
        if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN &&
            !(action.sa_flags & SA_ONSTACK))
            sigaddset(set, number);
    }
}

/* Go turns a nil dereference into a panic, which guard.go catches, but not if SIGSEGV is
 * blocked: then the kernel kills the process. Hosts such as crun block everything. */
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
