/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the measured programs share. They read lines "METHOD REQUEST" and answer each with "RC
 * NANOSECONDS RESPONSE". After "threads N", N threads share the lines up to "end"; the time in the
 * answer is that of all of them.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** Makes one call. *response is freed with give_back. */
static int perform(const char *method, const char *request, char **response);
static void give_back(char *response);

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

struct crowd {
    char **lines;
    int count, rc;
    char *response; /* of a call that failed */
    atomic_int next;
    pthread_mutex_t lock;
};

static int perform_line(char *line, char **response)
{
    char *request = strchr(line, ' ');
    if (request == NULL)
        exit(2);
    *request++ = '\0';
    return perform(line, request, response);
}

static void *crowd_member(void *argument)
{
    struct crowd *crowd = argument;
    for (int i; (i = atomic_fetch_add(&crowd->next, 1)) < crowd->count;) {
        char *response = NULL;
        int rc = perform_line(crowd->lines[i], &response);
        pthread_mutex_lock(&crowd->lock);
        if (rc != 0 && crowd->rc == 0) {
            crowd->rc = rc;
            crowd->response = response;
            response = NULL;
        }
        pthread_mutex_unlock(&crowd->lock);
        give_back(response);
    }
    return NULL;
}

static void run_crowd(int threads)
{
    struct crowd crowd = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t ids[64];
    char *line = NULL;
    size_t size = 0;
    crowd.lines = calloc(100000, sizeof *crowd.lines);
    while (crowd.count < 100000 && getline(&line, &size, stdin) > 0 && strcmp(line, "end\n") != 0) {
        line[strcspn(line, "\n")] = '\0';
        crowd.lines[crowd.count++] = strdup(line);
    }
    long long begin = now();
    for (int i = 0; i < threads && i < 64; i++)
        if (pthread_create(&ids[i], NULL, crowd_member, &crowd) != 0)
            exit(3);
    for (int i = 0; i < threads && i < 64; i++)
        pthread_join(ids[i], NULL);
    printf("%d %lld %s\n", crowd.rc, now() - begin, crowd.response != NULL ? crowd.response : "{}");
    give_back(crowd.response);
    for (int i = 0; i < crowd.count; i++)
        free(crowd.lines[i]);
    free(crowd.lines);
    free(line);
}

static void serve(void)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        int threads;
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "threads %d", &threads) == 1) {
            run_crowd(threads);
        } else {
            char *response = NULL;
            long long begin = now();
            int rc = perform_line(line, &response);
            printf("%d %lld %s\n", rc, now() - begin, response != NULL ? response : "{}");
            give_back(response);
        }
        fflush(stdout);
    }
    free(line);
}

#endif
