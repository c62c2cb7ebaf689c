/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uses the library as it came into the process and prints how it lies there: loaded linked | dlopen
 * PATH | dlmopen PATH. A line for each mapping with what was made read-only after relocation: its
 * rights.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *(*version)(void);
static int (*convert)(const char *request, char **response);

static void *symbol(void *library, const char *name)
{
    void *found = dlsym(library, name);
    if (found == NULL) {
        printf("%s: %s\n", name, dlerror());
        exit(1);
    }
    return found;
}

static void *load(const char *how, const char *path)
{
    void *library = RTLD_DEFAULT;
    if (strcmp(how, "dlopen") == 0)
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    else if (strcmp(how, "dlmopen") == 0)
        library = dlmopen(LM_ID_NEWLM, path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL && strcmp(how, "linked") != 0) {
        printf("%s: %s\n", how, dlerror());
        exit(1);
    }
    return library;
}

/* The library's segment by its program headers, which begin with its file. */
static void sealed(uintptr_t base, uintptr_t *from, uintptr_t *end)
{
    const ElfW(Ehdr) *file = (const ElfW(Ehdr) *)base;
    const ElfW(Phdr) *segment = (const ElfW(Phdr) *)(base + file->e_phoff);
    const uintptr_t page = 4096;

    for (int i = 0; i < file->e_phnum; i++)
        if (segment[i].p_type == PT_GNU_RELRO) {
            *from = (base + segment[i].p_vaddr) & -page;
            *end = (base + segment[i].p_vaddr + segment[i].p_memsz) & -page;
        }
}

static void print_rights(uintptr_t from, uintptr_t end)
{
    char line[1024], rights[8];
    uintptr_t first, last;
    FILE *maps = fopen("/proc/self/maps", "r");

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &first, &last, rights) == 3 &&
            first < end && last > from)
            printf("%s\n", rights);
}

int main(int argc, char **argv)
{
    void *library, *function;
    char *response = NULL;
    uintptr_t from = 0, end = 0;
    Dl_info info;

    if (argc < 2)
        return 2;
    library = load(argv[1], argc > 2 ? argv[2] : NULL);
    function = symbol(library, "cni_version");
    memcpy(&version, &function, sizeof function);
    function = symbol(library, "cni_convert");
    memcpy(&convert, &function, sizeof function);
    if (dladdr(function, &info) == 0)
        return 1;
    sealed((uintptr_t)info.dli_fbase, &from, &end);
    print_rights(from, end);
    printf("%s %d\n", version(), convert("{\"unknown\":1}", &response));
    printf("%s\n", response != NULL && strstr(response, "\"kind\":\"invalid-request\"") != NULL
                       ? "answered"
                       : response);
    return 0;
}
