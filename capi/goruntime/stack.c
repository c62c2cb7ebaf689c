/* SPDX-License-Identifier: Apache-2.0 */
/* The bounds of the main thread's stack, which Go asks the C library for at the first call of a
 * thread. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef WITHOUT_STACK

extern int __real_pthread_getattr_np(pthread_t, pthread_attr_t *);

/* The most that is reported of the stack. The kernel keeps 128 MiB below its end free. */
#define STACK_MAX (8UL << 20)

/* Go's runtime/cgo calls this in place of pthread_getattr_np (--wrap in the Makefile, and in
 * goruntime.go for programs in Go such as tests). For the main thread the C library reads all of
 * /proc/self/maps to find the stack; its end is known without that, since the kernel puts the
 * program's name there. */
int __wrap_pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
    struct rlimit limit;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = STACK_MAX;
    char *name = (char *)getauxval(AT_EXECFN);
    char *end = (char *)(((size_t)name / page + 1) * page);

    if (name == NULL || !pthread_equal(thread, pthread_self()) || gettid() != getpid())
        return __real_pthread_getattr_np(thread, attr);
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < size)
        size = limit.rlim_cur / page * page;
    if ((char *)&limit > end || (char *)&limit < end - size)
        return __real_pthread_getattr_np(thread, attr); /* the host switched to another stack */
    if (pthread_attr_setstack(attr, end - size, size) != 0)
        return __real_pthread_getattr_np(thread, attr);
    return 0;
}

#endif
