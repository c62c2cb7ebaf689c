/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the addresses into the library's tables, most of them Go's types: 37,000. As ordinary relocations they are a tenth
 * of the file and read at every load; packed ones (DT_RELR) need glibc 2.36. So the linker packs them, capi/pack takes
 * away what would have the C library apply them, and they are applied here, by whatever C library the library is loaded.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Written into the file by capi/pack; zero where nothing was packed. Addresses are distances from the library's begin. */
static const struct packed {
    uint64_t self;
    uint64_t table, table_end;
    uint64_t sealed, sealed_end; /* what the loader has made read-only by now */
} packed __attribute__((section("libcni_packed"), used)) = {0};

/* The format of DT_RELR: an even entry is the address of a word, an odd one a bit for each of the 63 words that follow. */
static void relocate(const uint64_t *entry, const uint64_t *end, uintptr_t base)
{
    uintptr_t *word = NULL;

    for (; entry < end; entry++)
        if ((*entry & 1) == 0) {
            word = (uintptr_t *)(base + *entry);
            *word++ += base;
        } else {
            for (int i = 0; *entry >> i > 1; i++)
                if (*entry >> i & 2)
                    word[i] += base;
            word += 63;
        }
}

/* Of pages that are apart already. Without it the library cannot be used, and a constructor has nobody to tell. */
static void seal(uintptr_t from, uintptr_t end, bool sealed)
{
    if (from < end && mprotect((void *)from, end - from, sealed ? PROT_READ : PROT_READ | PROT_WRITE) != 0)
        abort();
}

/* Each of these pages is written to. Copied at once they cost half of what a page fault each does. */
static void prepare(uintptr_t from, uintptr_t end)
{
    if (from < end)
        madvise((void *)from, end - from, MADV_POPULATE_WRITE); /* as of Linux 5.14; otherwise it makes no difference */
}

/* The library's DT_INIT, which comes before its constructors: their addresses are among those put in. Nothing here may
 * need an address from a table. */
__attribute__((visibility("hidden"))) void libcni_relocate(void)
{
    const struct packed *p = &packed;
    uintptr_t base, from, end, page = (uintptr_t)sysconf(_SC_PAGESIZE);

    __asm__("" : "+r"(p)); /* the compiler takes them for zero */
    if (p->self == 0)
        return;
    base = (uintptr_t)p - p->self;
    from = (base + p->sealed) & -page;
    end = (base + p->sealed_end) & -page;
    seal(from, end, false);
    prepare(from, end);
    relocate((const uint64_t *)(base + p->table), (const uint64_t *)(base + p->table_end), base);
    seal(from, end, true);
}
