/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a trivial call costs in each mode: cost LIBRARY COMMAND [CALLS]. Prints a table: opening,
 * and of the calls the median, the 99th percentile and the worst, in microseconds; and what of them
 * is in the host afterwards.
 */
#include <cni_dl.h>

#include <sys/stat.h>

static const char *const request = "{\"options\":{\"confDir\":\"/nonexistent\"}}";

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int measure(const char *name, int mode, const char *path, int calls)
{
    struct stat tasks;
    char *error = NULL;
    cni_dl api;
    double begin = now(), opened, *took = (double *)calloc((size_t)calls, sizeof *took);
    int i;
    if (took == NULL || cni_dl_open(&api, path, mode, &error) != 0) {
        fprintf(stderr, "%s: %s\n", name, error);
        return 1;
    }
    opened = now() - begin;
    for (i = 0; i < calls; i++) {
        begin = now();
        if (api.networks(&api, request, NULL) != 0)
            return 1;
        took[i] = now() - begin;
    }
    cni_dl_close(&api);
    stat("/proc/self/task", &tasks);
    qsort(took, (size_t)calls, sizeof *took, by_value);
    printf("%-12s %9.0f %9.0f %9.0f %9.0f %9ld %9d\n", name, opened, took[calls / 2],
        took[calls * 99 / 100], took[calls - 1], resident_kib(), (int)tasks.st_nlink - 2);
    free(took);
    return 0;
}

int main(int argc, char **argv)
{
    int calls = argc > 3 ? atoi(argv[3]) : 500;
    if (argc < 3 || calls < 1)
        return 2;
    printf("%-12s %9s %9s %9s %9s %9s %9s\n", "mode", "open us", "p50 us", "p99 us", "max us",
        "RSS KiB", "threads");
    return measure("isolated", CNI_DL_ISOLATED, argv[1], calls) |
           measure("exec", CNI_DL_EXEC, argv[2], calls) |
           measure("in-process", CNI_DL_INPROCESS, argv[1], calls);
}
