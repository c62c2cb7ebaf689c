/* SPDX-License-Identifier: Apache-2.0 */
/* Go turns a fault in its code into a panic. In C code that Go calls, such as the host's log
 * callback, it would print the stacks of all goroutines, wait ten seconds for its other threads,
 * and abort. There, the host's own handler runs, or the host ends as without the library. */
#define _GNU_SOURCE
#include "faults.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* The bounds of Go's code: see entry. They are NULL in a program in Go. */
extern const char libcni_go_text[] __attribute__((weak));
extern const char libcni_go_etext[] __attribute__((weak));

static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE};
enum { FAULTS = sizeof numbers / sizeof numbers[0] };

static struct sigaction host[FAULTS], go[FAULTS];

/* Where the thread was; 0 on machines that are not known. */
static uintptr_t place(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

/* A signal that was sent is not Go's, wherever the thread was: no fault would recur. */
static bool is_of_go(const siginfo_t *info, const ucontext_t *context)
{
    uintptr_t at = place(context);

    return info->si_code > 0 &&
           (at == 0 || (at >= (uintptr_t)libcni_go_text && at < (uintptr_t)libcni_go_etext));
}

/* Restores the default. A fault recurs when the handler returns; a sent signal is sent again. */
static void end_process(int number, siginfo_t *info)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};

    sigaction(number, &standard, NULL);
    if (info->si_code <= 0)
        syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), number, info);
}

static void pass_to_host(const struct sigaction *action, int number, siginfo_t *info, void *context)
{
    if (action->sa_handler == SIG_IGN && info->si_code <= 0)
        return;
    if (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN)
        end_process(number, info);
    else if (action->sa_flags & SA_SIGINFO)
        action->sa_sigaction(number, info, context);
    else
        action->sa_handler(number);
}

static void handle(int number, siginfo_t *info, void *context)
{
    int saved = errno, i = 0;

    while (numbers[i] != number)
        i++;
    if (is_of_go(info, context))
        go[i].sa_sigaction(number, info, context);
    else
        pass_to_host(&host[i], number, info, context);
    errno = saved;
}

void faults_record(void)
{
    for (int i = 0; i < FAULTS; i++)
        sigaction(numbers[i], NULL, &host[i]);
}

void faults_divide(void)
{
    if (libcni_go_text == NULL)
        return;
    for (int i = 0; i < FAULTS; i++) {
        struct sigaction divided;
        if (sigaction(numbers[i], NULL, &go[i]) != 0 || go[i].sa_handler == host[i].sa_handler)
            continue;
        divided = go[i];
        divided.sa_sigaction = handle;
        sigaction(numbers[i], &divided, NULL);
    }
}
