/* SPDX-License-Identifier: Apache-2.0 */
/* The table with the library in the process. */
#include "host.h"

static int events;

static void count_event(const char *event, void *user)
{
    events += strstr(event, "\"event\"") != NULL && user == &events;
}

static void calls_go_to_the_library(void)
{
    cni_dl api = open_api(real);
    char *response = NULL;
    CHECK(api.networks(&api, "{\"options\":{\"confDir\":\"/nonexistent\"}}", &response) == 0);
    CHECK(strstr(response, "\"networks\":[]") != NULL, "%s", response);
    api.free(&api, response);
    CHECK(api.call(&api, "convert", NULL, &response) == -EINVAL && strstr(response, "NULL") != NULL,
        "%s", response);
    api.free(&api, response);
    CHECK(api.describe(&api, &response) == 0 && strstr(response, api.version(&api)) != NULL);
    api.free(&api, response);
    CHECK(api.cancel(&api, "nobody") == -ENOENT && api.abi_version(&api) == 0);
    cni_dl_close(&api);
    PASS();
}

static void events_arrive(void)
{
    cni_dl api = open_api(real);
    CHECK(api.set_log(&api, count_event, &events) == 0);
    api.status(&api,
        "{\"network\":{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"loopback\"}]}}",
        NULL);
    CHECK(api.set_log(&api, NULL, NULL) == 0);
    CHECK(events > 0);
    cni_dl_close(&api);
    PASS();
}

static void calls_block(void)
{
    cni_dl api = open_api(real);
    cni_dl_call *call;
    char *response = NULL;
    CHECK(cni_dl_start(&api, "networks", "{}", &call, &response) == -ENOTSUP && call == NULL);
    CHECK(strstr(response, "thread") != NULL, "%s", response);
    api.free(&api, response);
    cni_dl_close(&api);
    PASS();
}

/* The header words return values where there is no library to ask. */
static void words_for_codes_are_the_librarys(void)
{
    cni_dl api = open_api(real);
    for (int code = -300; code < 1100; code++)
        CHECK(strcmp(api.strerror(&api, code), cni_dl_text_of(code)) == 0, "%d", code);
    cni_dl_close(&api);
    PASS();
}

static void symbols_of_an_older_library_are_null(void)
{
    cni_dl api = open_api(stub);
    CHECK(api.add != NULL && api.add(&api, "{}", NULL) == 0);
    CHECK(api.del == NULL && api.repair == NULL && api.volume_plugins == NULL);
    CHECK(strcmp(api.strerror(&api, 0), "fine") == 0 && api.abi_version(&api) == 7);
    cni_dl_close(&api);
    PASS();
}

static void what_is_no_libcni_is_refused(void)
{
    cni_dl api;
    char *error = NULL;
    CHECK(cni_dl_open(&api, "libc.so.6", mode, &error) == -ENOTSUP &&
              strstr(error, "is not libcni") != NULL,
        "%s", error);
    free(error);
    PASS();
}

int main(int argc, char **argv)
{
    host_arguments(argc, argv);
    calls_go_to_the_library();
    events_arrive();
    calls_block();
    words_for_codes_are_the_librarys();
    symbols_of_an_older_library_are_null();
    what_is_no_libcni_is_refused();
    return 0;
}
