/* SPDX-License-Identifier: Apache-2.0 */
/* The helpers of cni_dl.h: JSON, container ids, "isolated, else exec", and the end of memory. */
#include <stdio.h>
#include <stdlib.h>

/* The allocation of the header that fails; 0 for none. */
static int failing, allocations;

static int fails(void) { return ++allocations == failing; }

static void *test_malloc(size_t size) { return fails() ? NULL : malloc(size); }
static void *test_calloc(size_t count, size_t size) { return fails() ? NULL : calloc(count, size); }
static void *test_realloc(void *p, size_t size) { return fails() ? NULL : realloc(p, size); }

#define malloc(size) test_malloc(size)
#define calloc(count, size) test_calloc(count, size)
#define realloc(p, size) test_realloc(p, size)
#include "host.h"
#undef malloc
#undef calloc
#undef realloc

static const char *command, *stub_command;

/* ---- JSON ------------------------------------------------------------------------------------ */

static int becomes(char *got, const char *want)
{
    int same = got == NULL || want == NULL ? got == want : strcmp(got, want) == 0;
    if (!same)
        printf("got %s, want %s\n", got != NULL ? got : "NULL", want != NULL ? want : "NULL");
    free(got);
    return same;
}

static void strings_are_quoted(void)
{
    char all[256], *quoted, *again;
    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    all[255] = '\0';
    quoted = cni_dl_quote(all);
    again = cni_dl_unquote(quoted);
    CHECK(again != NULL && strcmp(again, all) == 0);
    CHECK(cni_dl_value_end(quoted) == quoted + strlen(quoted));
    free(again);
    free(quoted);
    CHECK(becomes(cni_dl_quote("a\"b\\c\nd\x01"), "\"a\\\"b\\\\c\\u000ad\\u0001\""));
    CHECK(becomes(cni_dl_quote(""), "\"\""));
    PASS();
}

static void strings_are_unquoted(void)
{
    CHECK(becomes(cni_dl_unquote("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\/\b\f\n\r\t"));
    CHECK(becomes(cni_dl_unquote("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\","),
        "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    CHECK(becomes(cni_dl_unquote("\"\""), ""));
    CHECK(becomes(cni_dl_unquote(NULL), NULL) && becomes(cni_dl_unquote("{}"), NULL));
    CHECK(becomes(cni_dl_unquote("\"open"), NULL) && becomes(cni_dl_unquote("\"open\\"), NULL));
    CHECK(becomes(cni_dl_unquote("\"\\x\""), NULL) && becomes(cni_dl_unquote("\"\\u12\""), NULL));
    CHECK(becomes(cni_dl_unquote("\"\\u0000\""), NULL));
    CHECK(becomes(cni_dl_unquote("\"\\ud83d\""), NULL) &&
          becomes(cni_dl_unquote("\"\\ud83d\\u0041\""), NULL) &&
          becomes(cni_dl_unquote("\"\\ude00\""), NULL));
    PASS();
}

static void requests_are_formatted(void)
{
    CHECK(becomes(
        cni_dl_json("{\"a\":%s,\"b\":%j,\"c\":%d,\"d\":\"5%%\"}", "x\",\"y\":\"z", "[1]", -7),
        "{\"a\":\"x\\\",\\\"y\\\":\\\"z\",\"b\":[1],\"c\":-7,\"d\":\"5%\"}"));
    CHECK(becomes(cni_dl_json(""), ""));
    CHECK(becomes(cni_dl_json("%s", (const char *)NULL), NULL));
    CHECK(becomes(cni_dl_json("%j", (const char *)NULL), NULL));
    CHECK(becomes(cni_dl_json("%x", 1), NULL) && becomes(cni_dl_json("5%"), NULL));
    PASS();
}

static void ids_become_ids_that_cni_allows(void)
{
    static const char *const ids[][2] = {{"c1", "c1"}, {"A.b_c-d", "A.b_c-d"}, {"x", "x"},
        {"_a", "x._a"}, {"-a", "x.-a"}, {"+a", "x..2ba"}, {"a+b", "x.a.2bb"}, {".a", "x..2ea"},
        {"x.a", "x.x.2ea"}, {"x._a", "x.x.2e_a"}, {"c1\"", "x.c1.22"}, {"", NULL}, {NULL, NULL},
        {"a.b+c", "x.a.2eb.2bc"}, {"\xc3\xa9", "x..c3.a9"}, {"a/b", "x.a.2fb"}};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        CHECK(becomes(cni_dl_container_id(ids[i][0]), ids[i][1]), "id %zu", i);
    PASS();
}

/* ---- Isolated, else exec --------------------------------------------------------------------- */

static const char *const request = "{\"options\":{\"confDir\":\"/nonexistent\"}}";

static int polled(cni_dl *api)
{
    cni_dl_call *call;
    int rc = cni_dl_start(api, "networks", request, &call, NULL);
    return rc != 0 ? rc : await(call, NULL);
}

static void *wait_for_end(void *pipe_end)
{
    char byte;
    MUST(read(*(int *)pipe_end, &byte, 1) == 0);
    return NULL;
}

static void calls_run_outside_whether_or_not_there_are_threads(void)
{
    cni_dl api, other;
    pthread_t thread;
    int ends[2];
    char *error = NULL;
    CHECK(cni_dl_open_outside(&api, real, command, &error) == 0, "%s", error);
    CHECK(api.mode == CNI_DL_ISOLATED && api.networks(&api, request, NULL) == 0);
    MUST(pipe(ends) == 0 && pthread_create(&thread, NULL, wait_for_end, &ends[0]) == 0);
    CHECK(api.networks(&api, request, NULL) == 0 && polled(&api) == 0, "with a thread");
    CHECK(cni_dl_open_outside(&other, real, command, &error) == 0, "%s", error);
    CHECK(other.mode == CNI_DL_EXEC && other.networks(&other, request, NULL) == 0);
    cni_dl_close(&other);
    CHECK(cni_dl_open(&other, real, CNI_DL_ISOLATED, NULL) == -ENOTSUP);
    close(ends[1]);
    pthread_join(thread, NULL);
    CHECK(api.networks(&api, request, NULL) == 0 && polled(&api) == 0, "after the thread");
    cni_dl_close(&api);
    PASS();
}

static void the_reasons_of_both_modes_are_reported(void)
{
    cni_dl api;
    pthread_t thread;
    int ends[2];
    char *error = NULL;
    CHECK(cni_dl_open_outside(&api, "/nonexistent/lib", "/nonexistent/cni", &error) == -ENOTSUP);
    CHECK(strstr(error, "isolated: libcni cannot be loaded: /nonexistent/lib") != NULL &&
              strstr(error, "exec: the command /nonexistent/cni cannot be run") != NULL &&
              strstr(error, "\"kind\":\"unsupported\"") != NULL,
        "%s", error);
    free(error);
    CHECK(cni_dl_open_outside(&api, "/nonexistent/lib", "/nonexistent/cni", NULL) == -ENOTSUP);
    CHECK(cni_dl_open_outside(&api, real, "/nonexistent/cni", &error) == 0);
    MUST(pipe(ends) == 0 && pthread_create(&thread, NULL, wait_for_end, &ends[0]) == 0);
    CHECK(api.networks(&api, request, &error) == -ENOTSUP &&
              strstr(error, "this process has threads, and the command /nonexistent/cni") != NULL,
        "%s", error);
    free(error);
    close(ends[1]);
    pthread_join(thread, NULL);
    cni_dl_close(&api);
    PASS();
}

static int open_after_fork(void)
{
    cni_dl api;
    char *error = NULL;
    if (cni_dl_open(&api, real, CNI_DL_INPROCESS, &error) != -ENOTSUP ||
        strstr(error, "is a fork of one") == NULL)
        return 1;
    free(error);
    if (cni_dl_open_outside(&api, real, command, &error) != 0 || api.mode != CNI_DL_EXEC)
        return 2;
    return api.networks(&api, request, NULL) == 0 ? 0 : 3;
}

static int start_go_and_fork(void)
{
    cni_dl api;
    if (cni_dl_open(&api, real, CNI_DL_INPROCESS, NULL) != 0 ||
        api.networks(&api, request, NULL) != 0)
        return 10;
    return in_child(open_after_fork);
}

static void a_forked_child_is_refused_when_it_opens_the_library(void)
{
    PASS_IF_CHILD_DOES(start_go_and_fork);
}

/* ---- The end of memory ----------------------------------------------------------------------- */

/* Whether a response is one that a host can use. */
static int is_answer(int rc, const char *response)
{
    if (response == NULL)
        return rc == -EIO;
    if (rc != 0 && strstr(response, "\"kind\":\"") == NULL)
        return 0;
    return cni_dl_value_end(response) == response + strlen(response);
}

/* Opens, calls in both ways, and closes. Returns whether every response was usable. */
static int use_everything(int way)
{
    const char *text = "{\"network\":\"a\",\"containerId\":\"c\",\"netns\":\"/proc/self/fd/0\"}";
    cni_dl api;
    cni_dl_call *call;
    char *response = NULL;
    int rc = way == CNI_DL_EXEC ? cni_dl_open(&api, stub_command, way, &response)
                                : cni_dl_open_outside(&api, stub, stub_command, &response);
    if (rc != 0 && !is_answer(rc, response))
        return 0;
    free(response);
    if (rc != 0)
        return 1;
    rc = api.add(&api, text, &response);
    if (!is_answer(rc, response))
        return 0;
    api.free(&api, response);
    rc = cni_dl_start(&api, "add", text, &call, &response);
    if (rc == 0)
        rc = await(call, &response);
    if (!is_answer(rc, response))
        return 0;
    api.free(&api, response);
    cni_dl_close(&api);
    return 1;
}

static void without_memory_responses_are_errors_or_null(void)
{
    int way, n, total;
    for (way = CNI_DL_ISOLATED; way <= CNI_DL_EXEC; way++) {
        failing = allocations = 0;
        CHECK(use_everything(way));
        total = allocations;
        CHECK(total > 10, "%d allocations", total);
        for (n = 1; n <= total; n++) {
            failing = n;
            allocations = 0;
            CHECK(use_everything(way), "mode %d: allocation %d of %d", way, n, total);
        }
    }
    failing = 0;
    PASS();
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

static void limit_descriptors(rlim_t soft)
{
    struct rlimit limit;
    MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = soft;
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* Returns a descriptor of a child that ends a little later. */
static int dying_child(void)
{
    struct timespec little = {0, 200000000};
    pid_t pid = fork();
    if (pid == 0) {
        nanosleep(&little, NULL);
        _exit(0);
    }
    return (int)syscall(CNI_DL_PIDFD_OPEN, pid, 0U);
}

/* A child that has answered holds one until it is reaped. */
static void later_calls_need_no_more_descriptors_than_the_first(void)
{
    cni_dl api;
    struct rlimit before;
    rlim_t limit = 3;
    int rc = -EMFILE;
    MUST(getrlimit(RLIMIT_NOFILE, &before) == 0);
    MUST(cni_dl_open(&api, stub, CNI_DL_ISOLATED, NULL) == 0);
    while (rc == -EMFILE && limit < 64) {
        limit_descriptors(++limit);
        rc = api.add(&api, "{}", NULL);
        limit_descriptors(before.rlim_cur);
        cni_dl_reap(&api, 1);
    }
    CHECK(rc == 0, "%d", rc);
    cni_dl_reap_later(&api, dying_child());
    limit_descriptors(limit);
    rc = api.add(&api, "{}", NULL);
    limit_descriptors(before.rlim_cur);
    cni_dl_close(&api);
    CHECK(rc == 0, "%d with a limit of %d", rc, (int)limit);
    PASS();
}

/* ---- Namespaces ------------------------------------------------------------------------------ */

/* Returns a descriptor of a new network namespace. */
static int new_namespace(void)
{
    int fd, own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    MUST(own >= 0 && unshare(CLONE_NEWNET) == 0);
    fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    MUST(fd >= 0 && setns(own, CLONE_NEWNET) == 0);
    close(own);
    return fd;
}

static char *attach_request(const char *id, const char *format, int fd)
{
    char path[64], *text;
    snprintf(path, sizeof path, format, fd);
    text = cni_dl_json(
        "{\"network\":{\"cniVersion\":\"1.1.0\",\"name\":\"lo\",\"type\":\"loopback\"},"
        "\"containerId\":%s,\"netns\":%s,\"options\":{\"cacheDir\":%s,\"stateDir\":%s}}",
        id, path, directory, directory);
    MUST(text != NULL);
    return text;
}

/* In the child the number is another descriptor, or none. */
static void a_path_of_a_descriptor_is_the_callers(void)
{
    static const char *const formats[] = {
        "/proc/self/fd/%d", "/dev/fd/%d", "/proc/thread-self/fd/%d"};
    char id[16], *text, *response = NULL;
    int way, rc, fd = new_namespace(), last = 0;
    for (way = CNI_DL_ISOLATED; way <= CNI_DL_EXEC; way++) {
        cni_dl api;
        MUST(cni_dl_open(&api, way == CNI_DL_EXEC ? command : real, way, NULL) == 0);
        for (size_t i = 0; i < 3; i++) {
            snprintf(id, sizeof id, "c%d", ++last);
            text = attach_request(id, formats[i], fd);
            rc = api.add(&api, text, &response);
            CHECK(rc == 0, "mode %d: %s: %d %s", way, text, rc, response);
            api.free(&api, response);
            rc = api.del(&api, text, &response);
            CHECK(rc == 0 && strstr(response, "\"found\":true") != NULL, "%d %s", rc, response);
            api.free(&api, response);
            free(text);
        }
        cni_dl_close(&api);
    }
    close(fd);
    PASS();
}

/* The host may close its descriptor as soon as the call has begun. */
static void a_call_that_does_not_block_keeps_its_namespace(void)
{
    int way, last = 100;
    for (way = CNI_DL_ISOLATED; way <= CNI_DL_EXEC; way++) {
        cni_dl api;
        cni_dl_call *call;
        char id[16], *text, *response = NULL;
        int rc, fd = new_namespace();
        MUST(cni_dl_open(&api, way == CNI_DL_EXEC ? command : real, way, NULL) == 0);
        snprintf(id, sizeof id, "c%d", ++last);
        text = attach_request(id, "/proc/self/fd/%d", fd);
        CHECK(cni_dl_start(&api, "add", text, &call, NULL) == 0);
        MUST(dup3(open("/dev/null", O_RDONLY), fd, O_CLOEXEC) == fd);
        rc = await(call, &response);
        CHECK(rc == 0, "mode %d: %d %s", way, rc, response);
        api.free(&api, response);
        free(text);
        close(fd);
        cni_dl_close(&api);
    }
    PASS();
}

int main(int argc, char **argv)
{
    MUST(argc == 6);
    directory = argv[5];
    setvbuf(stdout, NULL, _IOLBF, 0);
    real = argv[1];
    command = argv[2];
    stub = argv[3];
    stub_command = argv[4];
    strings_are_quoted();
    strings_are_unquoted();
    requests_are_formatted();
    ids_become_ids_that_cni_allows();
    calls_run_outside_whether_or_not_there_are_threads();
    the_reasons_of_both_modes_are_reported();
    a_forked_child_is_refused_when_it_opens_the_library();
    without_memory_responses_are_errors_or_null();
    later_calls_need_no_more_descriptors_than_the_first();
    a_path_of_a_descriptor_is_the_callers();
    a_call_that_does_not_block_keeps_its_namespace();
    return 0;
}
