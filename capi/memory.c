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

extern void *__real_mmap(void *, size_t, int, int, int, off_t);
extern int __real_pthread_getattr_np(pthread_t, pthread_attr_t *);

/* What Go takes for its heap at a time, and never for anything else. */
#define HEAP_PART (4UL << 20)

/* A huge page is 512 pages of 4 KiB, a free block of order 9. */
#define HUGE_ORDER 9

/* A line of /proc/buddyinfo: "Node 0, zone Normal", and how many blocks of order 0, 1, 2 ... are free. Those of the zone
 * DMA are not for us. */
static bool has_huge_page(const char *line)
{
    const char *at = strstr(line, "zone");
    char *end;

    if (at == NULL)
        return false;
    at += strlen("zone");
    at += strspn(at, " ");
    if (strncmp(at, "DMA ", 4) == 0)
        return false;
    at += strcspn(at, " ");
    for (int order = 0;; order++, at = end) {
        unsigned long blocks = strtoul(at, &end, 10);
        if (end == at)
            return false;
        if (order >= HUGE_ORDER && blocks > 0)
            return true;
    }
}

/* The kernel would make a huge page from small ones where there is none, which takes longer than it saves. */
static bool huge_pages_are_free(void)
{
    char text[4096], *line, *rest = text;
    int fd = open("/proc/buddyinfo", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    text[length < 0 ? 0 : length] = '\0';
    while ((line = strsep(&rest, "\n")) != NULL)
        if (has_huge_page(line))
            return sysconf(_SC_PAGESIZE) == 4096;
    return false;
}

/* Until the answer of its only call, a child of isolated mode touches 200 pages of the heap, one page fault each. One huge
 * page costs as much as 60 of them. Processes that live on get none: it would be memory that they do not need. */
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    void *got = __real_mmap(at, size, protection, flags, fd, offset);
    bool is_heap = (flags & MAP_FIXED) != 0 && size == HEAP_PART && protection == (PROT_READ | PROT_WRITE);

    if (got != MAP_FAILED && is_heap && start_is_late() && huge_pages_are_free())
        madvise(got, size, MADV_HUGEPAGE);
    return got;
}

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
