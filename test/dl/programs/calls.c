/* SPDX-License-Identifier: Apache-2.0 */
/* Calls in children, isolated or exec: answers, ends without an answer, events, calls that do not
 * block. */
#include "host.h"

/* A FIFO in the directory. */
static const char *make_fifo(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    unlink(path);
    MUST(mkfifo(path, 0600) == 0);
    return path;
}

static void answers_and_codes_arrive(void)
{
    static const int codes[] = {0, 1, 11, 999, 2147483647, -22};
    cni_dl api = open_api(stub);
    char *response = NULL;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char request[64];
        snprintf(request, sizeof request, "{\"code\":%d}", codes[i] < 0 ? 0 : codes[i]);
        int rc = api.call(&api, "code", request, &response);
        CHECK(rc == (codes[i] < 0 ? 0 : codes[i]) && strcmp(response, "{}") == 0, "%d %s", rc,
            response);
        api.free(&api, response);
    }
    CHECK(api.call(&api, "code", "{\"code\":7}", NULL) == 7);
    cni_dl_close(&api);
    PASS();
}

static void symbols_of_an_older_library_are_null(void)
{
    cni_dl api = open_api(stub);
    CHECK(api.add != NULL && api.del == NULL && api.volume_plugins == NULL &&
          api.netns_create == NULL);
    CHECK(api.call != NULL && api.cancel != NULL && api.set_log != NULL);
    CHECK(strcmp(api.version(&api), "0.0.9") == 0 && api.abi_version(&api) == 7, "%s",
        api.version(&api));
    cni_dl_close(&api);
    api = open_api(real);
    CHECK(api.add != NULL && api.del != NULL && api.volume_plugins != NULL &&
          api.netns_create != NULL);
    CHECK(api.abi_version(&api) == 0);
    cni_dl_close(&api);
    PASS();
}

static void big_responses_arrive_whole(void)
{
    cni_dl api = open_api(stub);
    char *response = NULL;
    CHECK(api.call(&api, "big", "{\"size\":50000000}", &response) == 0);
    CHECK(strlen(response) == 50000002 && response[50000001] == '"' && response[25000000] == 'x');
    api.free(&api, response);
    cni_dl_close(&api);
    PASS();
}

/* Says whether a call of a method ends with an error object that has all of the parts. */
static int ends_with(cni_dl *api, const char *method, const char *request, int want,
    const char *part, const char *other)
{
    char *response = NULL;
    int rc = api->call(api, method, request, &response);
    int good = rc == want && response != NULL && strstr(response, part) != NULL &&
               strstr(response, other) != NULL && strstr(response, "\"cniVersion\"") != NULL &&
               strstr(response, "\"retryable\"") != NULL;
    if (!good)
        printf("%s: %d %s\n", method, rc, response);
    api->free(api, response);
    return good;
}

static void ends_without_an_answer_become_codes(void)
{
    const char *request = "{\"network\":\"web\",\"containerId\":\"c1\"}";
    cni_dl api = open_api(stub);
    CHECK(ends_with(&api, "crash", request, -EFAULT, "\"kind\":\"bug\"", "signal 11"));
    CHECK(ends_with(
        &api, "crash", request, -EFAULT, "\"containerId\":\"c1\"", "the \\\"last\\\" words"));
    CHECK(ends_with(&api, "abort", request, -EFAULT, "\"kind\":\"bug\"", "signal 6"));
    CHECK(ends_with(&api, "leave", request, -EFAULT, "\"network\":\"web\"", "status 3"));
    CHECK(ends_with(&api, "hang.silently", "{}", -EFAULT, "\"kind\":\"bug\"", "signal 9"));
    CHECK(api.add(&api, "{}", NULL) == 0, "after a crash");
    cni_dl_close(&api);
    PASS();
}

static void a_hang_ends_at_the_deadline(void)
{
    cni_dl api = open_api(stub);
    int64_t begin = cni_dl_now();
    api.grace_ms = 100;
    CHECK(ends_with(&api, "hang", "{\"options\":{\"timeoutMs\":70,\"rollbackTimeoutMs\":30}}",
        -ETIMEDOUT, "\"kind\":\"timeout\"", "\"errno\":\"ETIMEDOUT\""));
    begin = cni_dl_now() - begin;
    CHECK(begin >= 200 && begin < 5000, "%ld ms", (long)begin);
    cni_dl_close(&api);
    PASS();
}

/* A process that the child left holds the socket: neither answer nor end may be missed. */
static void a_process_left_behind_delays_nothing(void)
{
    char request[8192];
    cni_dl api = open_api(stub);
    const char *fifo = make_fifo("left");
    int held = open(fifo, O_RDWR | O_CLOEXEC);
    snprintf(request, sizeof request, "{\"holds\":\"%s\"}", fifo);
    CHECK(ends_with(&api, "leave.holding", request, -EFAULT, "\"kind\":\"bug\"", "status 4"));
    CHECK(api.call(&api, "answer.holding", request, NULL) == 0);
    close(held);
    cni_dl_close(&api);
    PASS();
}

static void the_end_of_a_child_is_not_waited_for(void)
{
    cni_dl api = open_api(stub);
    CHECK(api.add(&api, "{}", NULL) == 0);
    CHECK(has_children(), "the child was waited for");
    cni_dl_close(&api);
    CHECK(!has_children(), "the child was not reaped");
    PASS();
}

static int events;
static cni_dl *calling;
static int inner;

static void count_event(const char *event, void *user)
{
    events += strcmp(event, "{\"event\":\"warning\"}") == 0 && user == &events;
    inner = calling->add(calling, "{}", NULL);
}

static void events_arrive_in_the_callback(void)
{
    cni_dl api = open_api(stub);
    calling = &api;
    CHECK(api.set_log(&api, count_event, &events) == 0);
    CHECK(api.call(&api, "log", "{}", NULL) == 0);
    CHECK(events == 1000, "%d", events);
    CHECK(inner == -EBUSY, "a call from the callback returned %d", inner);
    CHECK(api.set_log(&api, NULL, NULL) == 0);
    CHECK(api.call(&api, "log", "{}", NULL) == 0 && events == 1000,
        "after the callback was taken away");
    cni_dl_close(&api);
    PASS();
}

static void the_child_sees_the_moment(void)
{
    char want[4096], net[64] = "", *response = NULL;
    cni_dl api = open_api(stub);
    MUST(unshare(CLONE_NEWNET) == 0);
    MUST(readlink("/proc/self/ns/net", net, sizeof net - 1) > 0);
    MUST(chdir("/usr") == 0);
    setenv("MARK", "now", 1);
    snprintf(want, sizeof want, "%s /usr now", net);
    CHECK(api.call(&api, "where", "{}", &response) == 0);
    CHECK(strcmp(response, want) == 0, "%s, not %s", response, want);
    api.free(&api, response);
    cni_dl_close(&api);
    PASS();
}

static void the_child_gets_no_descriptors_of_the_host(void)
{
    char *response = NULL;
    cni_dl api = open_api(stub);
    int fds[2];
    MUST(pipe(fds) == 0);
    CHECK(api.call(&api, "descriptors", "{}", &response) == 0);
    CHECK(strcmp(response, mode == CNI_DL_ISOLATED ? "4" : "3") == 0, "%s", response);
    api.free(&api, response);
    close(fds[0]);
    close(fds[1]);
    cni_dl_close(&api);
    PASS();
}

static void null_is_refused(void)
{
    cni_dl api = open_api(real);
    char *response = NULL;
    CHECK(api.add(&api, NULL, &response) == -EINVAL &&
              strstr(response, "the request is NULL") != NULL,
        "%s", response);
    api.free(&api, response);
    CHECK(api.call(&api, NULL, "{}", &response) == -EINVAL &&
              strstr(response, "the method is NULL") != NULL,
        "%s", response);
    api.free(&api, response);
    CHECK(api.cancel(&api, NULL) == -EINVAL && api.cancel(&api, "nobody") == -ENOENT);
    cni_dl_close(&api);
    PASS();
}

/* ---- Calls that do not block ---- */

static void several_calls_are_under_way_at_once(void)
{
    cni_dl api = open_api(stub);
    cni_dl_call *calls[8];
    for (int i = 0; i < 8; i++) {
        char request[64];
        snprintf(request, sizeof request, "{\"requestId\":\"r%d\",\"size\":3000000}", i);
        CHECK(cni_dl_start(&api, i % 2 ? "cancellable" : "big", request, &calls[i], NULL) == 0);
    }
    for (int i = 1; i < 8; i += 2) {
        char id[16];
        snprintf(id, sizeof id, "r%d", i);
        CHECK(api.cancel(&api, id) == 0);
    }
    for (int i = 7; i >= 0; i--) {
        char *response = NULL;
        int rc = await(calls[i], &response);
        CHECK(rc == (i % 2 ? -ECANCELED : 0), "call %d: %d %s", i, rc, response);
        CHECK(i % 2 || strlen(response) == 3000002);
        api.free(&api, response);
    }
    CHECK(api.cancel(&api, "r1") == -ENOENT);
    cni_dl_close(&api);
    PASS();
}

static void a_call_without_a_request_id_is_cancelled(void)
{
    cni_dl api = open_api(stub);
    cni_dl_call *call;
    CHECK(cni_dl_start(&api, "cancellable", " { } ", &call, NULL) == 0);
    cni_dl_cancel(call);
    CHECK(await(call, NULL) == -ECANCELED);
    cni_dl_close(&api);
    PASS();
}

static void a_request_id_in_use_is_busy(void)
{
    cni_dl api = open_api(stub);
    cni_dl_call *call, *other;
    char *response = NULL;
    CHECK(cni_dl_start(&api, "cancellable", "{\"requestId\":\"r\"}", &call, NULL) == 0);
    CHECK(cni_dl_start(&api, "add", "{\"requestId\":\"r\"}", &other, &response) == -EBUSY &&
          other == NULL);
    CHECK(strstr(response, "\"kind\":\"busy\"") != NULL, "%s", response);
    api.free(&api, response);
    cni_dl_cancel(call);
    CHECK(await(call, NULL) == -ECANCELED);
    cni_dl_close(&api);
    PASS();
}

static void a_hang_that_is_polled_ends_too(void)
{
    cni_dl api = open_api(stub);
    cni_dl_call *call;
    char *response = NULL;
    api.grace_ms = 50;
    CHECK(cni_dl_start(&api, "hang", "{\"options\":{\"timeoutMs\":1,\"rollbackTimeoutMs\":1}}",
              &call, NULL) == 0);
    CHECK(await(call, &response) == -ETIMEDOUT && strstr(response, "\"kind\":\"timeout\"") != NULL,
        "%s", response);
    api.free(&api, response);
    CHECK(cni_dl_start(&api, "crash", "{}", &call, NULL) == 0);
    CHECK(await(call, NULL) == -EFAULT);
    CHECK(cni_dl_start(&api, "hang", "{\"options\":{\"timeoutMs\":0}}", &call, NULL) == 0);
    cni_dl_close(&api); /* with a call under way */
    CHECK(!has_children());
    PASS();
}

/* ---- The real thing ---- */

/* Runs the plugin "slow", which writes to the FIFO "started", and then reads "held", which has a
 * writer until this process ends. */
static cni_dl_call *start_slow(cni_dl *api, const char *options)
{
    char request[8192], byte;
    cni_dl_call *call = NULL;
    MUST(open(make_fifo("held"), O_RDWR | O_CLOEXEC) >= 0);
    const char *fifo = make_fifo("started");
    snprintf(request, sizeof request, "{\"type\":\"slow\",\"options\":{\"pluginDirs\":[\"%s\"]%s}}",
        directory, options);
    MUST(cni_dl_start(api, "plugin.info", request, &call, NULL) == 0);
    int fd = open(fifo, O_RDONLY | O_CLOEXEC);
    MUST(read(fd, &byte, 1) == 1);
    close(fd);
    return call;
}

static void a_real_call_is_cancelled(void)
{
    cni_dl api = open_api(real);
    char *response = NULL;
    cni_dl_call *call = start_slow(&api, "");
    cni_dl_cancel(call);
    CHECK(
        await(call, &response) == -ECANCELED && strstr(response, "\"kind\":\"cancelled\"") != NULL,
        "%s", response);
    CHECK(strstr(response, "killed") == NULL, "%s", response);
    api.free(&api, response);
    cni_dl_close(&api);
    PASS();
}

static void a_real_call_that_is_killed_becomes_a_code(void)
{
    static const int numbers[] = {SIGKILL, SIGSEGV}; /* the OOM killer; a crash of the library */
    cni_dl api = open_api(real);
    char *response = NULL;
    for (size_t i = 0; i < 2; i++) {
        cni_dl_call *call = start_slow(&api, "");
        int64_t begin = cni_dl_now();
        kill(process_of(call), numbers[i]);
        CHECK(await(call, &response) == -EFAULT && strstr(response, "\"kind\":\"bug\"") != NULL,
            "%s", response);
        api.free(&api, response);
        begin = cni_dl_now() - begin;
        CHECK(begin < 5000, "signal %d: %ld ms", numbers[i], (long)begin);
    }
    cni_dl_close(&api);
    PASS();
}

static void a_real_call_that_stands_still_becomes_a_code(void)
{
    cni_dl api = open_api(real);
    char *response = NULL;
    api.grace_ms = 100;
    cni_dl_call *call = start_slow(&api, ",\"timeoutMs\":300,\"rollbackTimeoutMs\":1");
    kill(process_of(call), SIGSTOP);
    CHECK(await(call, &response) == -ETIMEDOUT && strstr(response, "did not end in time") != NULL,
        "%s", response);
    api.free(&api, response);
    cni_dl_close(&api);
    PASS();
}

/* Too little memory for Go's start: it aborts, or the library cannot be loaded. */
static void a_starved_go_runtime_becomes_a_code(void)
{
    cni_dl api = open_api(real);
    struct rlimit before, little;
    char *response = NULL;
    int rc, aborts = 0;
    MUST(getrlimit(RLIMIT_AS, &before) == 0);
    for (rlim_t megabytes = 16; megabytes <= 512; megabytes *= 2) {
        little = before;
        little.rlim_cur = megabytes << 20;
        MUST(setrlimit(RLIMIT_AS, &little) == 0);
        rc = api.networks(&api, "{\"options\":{\"confDir\":\"/nonexistent\"}}", &response);
        MUST(setrlimit(RLIMIT_AS, &before) == 0);
        CHECK(rc == 0 || rc == -EFAULT || rc == -ENOTSUP || rc == -EIO, "%d %s", rc, response);
        CHECK(rc == 0 || strstr(response, "\"kind\":\"") != NULL, "%s", response);
        aborts += rc == -EFAULT && strstr(response, "\"stderr\":\"") != NULL;
        api.free(&api, response);
    }
    CHECK(aborts > 0, "no limit made Go abort");
    CHECK(api.networks(&api, "{\"options\":{\"confDir\":\"/nonexistent\"}}", NULL) == 0);
    cni_dl_close(&api);
    PASS();
}

/* The child does without the host's descriptors, so that it has room where the host has none. */
static void a_host_without_free_descriptors_gets_a_code(void)
{
    cni_dl api = open_api(real);
    struct rlimit before, little;
    char *response = NULL;
    MUST(getrlimit(RLIMIT_NOFILE, &before) == 0);
    little = before;
    little.rlim_cur = 4;
    MUST(setrlimit(RLIMIT_NOFILE, &little) == 0);
    int rc = api.networks(&api, "{}", &response);
    MUST(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(rc == -EMFILE && strstr(response, "\"kind\":\"state\"") != NULL, "%d %s", rc, response);
    api.free(&api, response);
    cni_dl_close(&api);
    PASS();
}

int main(int argc, char **argv)
{
    host_arguments(argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    answers_and_codes_arrive();
    symbols_of_an_older_library_are_null();
    big_responses_arrive_whole();
    ends_without_an_answer_become_codes();
    a_hang_ends_at_the_deadline();
    a_process_left_behind_delays_nothing();
    if (mode == CNI_DL_ISOLATED)
        the_end_of_a_child_is_not_waited_for();
    events_arrive_in_the_callback();
    the_child_sees_the_moment();
    the_child_gets_no_descriptors_of_the_host();
    null_is_refused();
    several_calls_are_under_way_at_once();
    a_call_without_a_request_id_is_cancelled();
    a_request_id_in_use_is_busy();
    a_hang_that_is_polled_ends_too();
    a_real_call_is_cancelled();
    a_real_call_that_is_killed_becomes_a_code();
    a_real_call_that_stands_still_becomes_a_code();
    if (getenv("SANITIZED") == NULL)
        a_starved_go_runtime_becomes_a_code();
    a_host_without_free_descriptors_gets_a_code();
    return 0;
}
