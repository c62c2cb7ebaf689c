/* SPDX-License-Identifier: Apache-2.0 */
/* What Go's runtime asks the C library about memory comes here first: the linker sees to it (--wrap in the Makefile, and in
 * main.go for programs in Go such as tests). */
#define _GNU_SOURCE
#include "start.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

extern int __real_pthread_getattr_np(pthread_t, pthread_attr_t *);

/* The main thread's stack, of which no more than this is told. The kernel keeps 128 MiB below its end free of all else. */
#define STACK_MAX (8UL << 20)

/* For the main thread the C library reads all of /proc/self/maps to find its stack. The end is known: the kernel puts the
 * program's name there. */
int __wrap_pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
    struct rlimit limit;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = STACK_MAX;
    char *name = (char *)getauxval(AT_EXECFN), *end = (char *)(((size_t)name / page + 1) * page);

    if (name == NULL || !pthread_equal(thread, pthread_self()) || gettid() != getpid())
        return __real_pthread_getattr_np(thread, attr);
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < size)
        size = limit.rlim_cur / page * page;
    if ((char *)&limit > end || (char *)&limit < end - size || pthread_attr_setstack(attr, end - size, size) != 0)
        return __real_pthread_getattr_np(thread, attr); /* it runs on another stack */
    return 0;
}
