/* SPDX-License-Identifier: Apache-2.0 */
/* What calls see of their host, the log, and cancelling: calls PLUGIN-DIRECTORY, in which there is
 * a plugin "marked". */
#define _GNU_SOURCE
#include <cni.h>

#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

static char info_request[4096];    /* runs the plugin for VERSION */
static char waiting_request[4096]; /* the same; the plugin hangs */
static char status_request[4096];  /* runs the plugin for STATUS */

/* ---- The environment ------------------------------------------------------------------------- */

static void environment_is_that_of_the_moment(void)
{
    static const char *const marks[] = {"0.4.0", "1.0.0", "1.1.0"};
    char *response;

    for (int i = 0; i < 3; i++) {
        setenv("PLUGIN_MARK", marks[i], 1);
        CHECK(cni_plugin_info(info_request, &response) == 0, "%s", response);
        CHECK(strstr(response, marks[i]) != NULL, "%s", response);
        cni_free(response);
    }
    PASS();
}

/* ---- The log --------------------------------------------------------------------------------- */

struct record {
    pthread_t thread;
    int events, nested, other, set, freed;
    char last[4096];
};

static void listen(const char *event, void *user)
{
    struct record *record = user;
    char *response = NULL;

    record->thread = pthread_self();
    record->events++;
    snprintf(record->last, sizeof record->last, "%s", event);
    record->nested = cni_networks("{}", &response);
    cni_free(response);
    record->set = cni_set_log(NULL, NULL);
    record->other = cni_cancel("nobody");
    record->freed = cni_describe(&response);
    cni_free(response);
}

static void log_comes_on_the_calling_thread_during_the_call(void)
{
    struct record record = {.events = 0};
    char *response;

    setenv("PLUGIN_MARK", "1.0.0", 1);
    CHECK(cni_set_log(listen, &record) == 0);
    CHECK(cni_status(status_request, &response) == 0, "%s", response);
    cni_free(response);
    CHECK(record.events >= 1 && pthread_equal(record.thread, pthread_self()), "%d events",
        record.events);
    CHECK(strstr(record.last, "\"event\":\"plugin\"") && strstr(record.last, "marked"), "%s",
        record.last);
    CHECK(cni_set_log(NULL, NULL) == 0);
    PASS();
}

static void a_callback_may_call_what_the_header_says(void)
{
    struct record record = {.events = 0};

    cni_set_log(listen, &record);
    cni_status(status_request, NULL);
    CHECK(record.nested == -EBUSY && record.set == -EBUSY, "%d %d", record.nested, record.set);
    CHECK(record.other == -ENOENT && record.freed == 0, "%d %d", record.other, record.freed);
    cni_set_log(NULL, NULL);
    PASS();
}

static void no_event_comes_after_the_callback_is_unset(void)
{
    struct record record = {.events = 0};

    cni_set_log(listen, &record);
    cni_set_log(NULL, NULL);
    CHECK(cni_status(status_request, NULL) == 0 && record.events == 0, "%d events", record.events);
    PASS();
}

/* Callbacks that outlive cni_set_log would find alive at 0. */
static int alive, late, stop;

static void expect_alive(const char *event, void *user)
{
    (void)event, (void)user;
    for (int i = 0; i < 100; i++) {
        if (!__atomic_load_n(&alive, __ATOMIC_SEQ_CST))
            __atomic_store_n(&late, 1, __ATOMIC_SEQ_CST);
        sched_yield();
    }
}

static void *call_until_stopped(void *calls)
{
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        cni_status(status_request, NULL);
        __atomic_add_fetch((int *)calls, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void an_old_callback_is_not_running_when_set_log_returns(void)
{
    pthread_t threads[4];
    int calls = 0;

    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, call_until_stopped, &calls) == 0);
    while (__atomic_load_n(&calls, __ATOMIC_SEQ_CST) < 100) {
        __atomic_store_n(&alive, 1, __ATOMIC_SEQ_CST);
        cni_set_log(expect_alive, NULL);
        sched_yield();
        cni_set_log(NULL, NULL);
        __atomic_store_n(&alive, 0, __ATOMIC_SEQ_CST);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK(!late);
    PASS();
}

/* ---- Cancelling ------------------------------------------------------------------------------ */

struct outcome {
    int rc;
    char *response;
};

static void *wait_for_plugin(void *result)
{
    struct outcome *outcome = result;

    outcome->rc = cni_plugin_info(waiting_request, &outcome->response);
    return NULL;
}

static void a_call_can_be_cancelled_from_another_thread(void)
{
    struct outcome outcome = {0, NULL};
    struct timespec start, end;
    pthread_t thread;

    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(pthread_create(&thread, NULL, wait_for_plugin, &outcome) == 0);
    while (cni_cancel("waiting") == -ENOENT)
        sched_yield();
    pthread_join(thread, NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    CHECK(outcome.rc == -ECANCELED, "%d %s", outcome.rc, outcome.response);
    CHECK(strstr(outcome.response, "\"kind\":\"cancelled\"") != NULL, "%s", outcome.response);
    CHECK(end.tv_sec - start.tv_sec < 30, "after %ld s", (long)(end.tv_sec - start.tv_sec));
    cni_free(outcome.response);
    CHECK(cni_cancel("waiting") == -ENOENT);
    PASS();
}

static void cancelling_nothing_is_an_error(void)
{
    CHECK(cni_cancel("nobody") == -ENOENT && cni_cancel("") == -ENOENT &&
          cni_cancel(NULL) == -EINVAL);
    PASS();
}

/* ---- The description, and responses ---------------------------------------------------------- */

static void call_refuses_a_method_that_is_NULL(void)
{
    char *response = NULL;

    CHECK(cni_call(NULL, "{}", &response) == -EINVAL && strstr(response, "invalid-request"), "%s",
        response);
    cni_free(response);
    CHECK(cni_call(NULL, NULL, NULL) == -EINVAL);
    PASS();
}

static void a_response_may_be_written_to(void)
{
    char *response;

    CHECK(cni_networks(NULL, &response) == -EINVAL);
    response[0] = '{';
    cni_free(response);
    CHECK(cni_describe(&response) == 0);
    memset(response, 'x', strlen(response));
    cni_free(response);
    CHECK(cni_describe(&response) == 0 && response[0] == '{');
    cni_free(response);
    PASS();
}

static void the_description_is_complete(void)
{
    char *response = NULL;
    size_t length;

    CHECK(cni_describe(NULL) == 0 && cni_describe(&response) == 0);
    length = strlen(response);
    CHECK(response[0] == '{' && length > 2 && response[length - 2] == '}' &&
          response[length - 1] == '\n');
    cni_free(response);
    PASS();
}

static void freeing_nothing_is_allowed(void)
{
    cni_free(NULL);
    PASS();
}

static void versions_are_those_of_the_header(void)
{
    CHECK(strcmp(cni_version(), CNI_VERSION) == 0, "%s", cni_version());
    CHECK(cni_abi_version() == CNI_ABI_VERSION, "%d", cni_abi_version());
    PASS();
}

static void every_code_has_words(void)
{
    static const int codes[] = {0, 1, 7, 11, 50, 51, 99, 100, 999, -EINVAL, -ENOTRECOVERABLE,
        -EXDEV, 2147483647, -2147483647 - 1};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        CHECK(cni_strerror(codes[i]) != NULL && cni_strerror(codes[i])[0] != '\0', "%d", codes[i]);
    CHECK(strcmp(cni_strerror(0), cni_strerror(-EINVAL)) != 0);
    PASS();
}

int main(int argc, char **argv)
{
    MUST(argc == 2);
    setvbuf(stdout, NULL, _IONBF, 0);
    snprintf(info_request, sizeof info_request,
        "{\"type\":\"marked\",\"options\":{\"pluginDirs\":[\"%s\"]}}", argv[1]);
    snprintf(status_request, sizeof status_request,
        "{\"network\":{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"marked\"}]},"
        "\"options\":{\"pluginDirs\":[\"%s\"]}}",
        argv[1]);
    snprintf(waiting_request, sizeof waiting_request,
        "{\"type\":\"marked\",\"requestId\":\"waiting\",\"options\":{\"pluginDirs\":[\"%s\"],\"env\":{\"PLUGIN_WAITS\":\"1\"}}}",
        argv[1]);
    environment_is_that_of_the_moment();
    log_comes_on_the_calling_thread_during_the_call();
    a_callback_may_call_what_the_header_says();
    no_event_comes_after_the_callback_is_unset();
    an_old_callback_is_not_running_when_set_log_returns();
    a_call_can_be_cancelled_from_another_thread();
    cancelling_nothing_is_an_error();
    call_refuses_a_method_that_is_NULL();
    a_response_may_be_written_to();
    the_description_is_complete();
    freeing_nothing_is_allowed();
    versions_are_those_of_the_header();
    every_code_has_words();
    return 0;
}
