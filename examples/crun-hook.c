/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI hook that attaches containers of crun, runc and other runtimes to a network:
 *
 *     cc crun-hook.c -o /usr/local/libexec/crun-hook
 *
 * In the bundle's config.json, with a new network namespace ({"type":"network"} without a path):
 *
 *     "annotations": {"libcni.network": "web"},
 *     "hooks": {
 *         "createRuntime": [{"path": "/usr/local/libexec/crun-hook",
 *                            "args": ["crun-hook", "attach"]}],
 *         "poststop": [{"path": "/usr/local/libexec/crun-hook",
 *                       "args": ["crun-hook", "detach"]}]
 *     }
 *
 * libcni.network is the name of a network in /etc/cni/net.d, or the path of a .conflist. The
 * annotation libcni.capabilityArgs may hold an object, such as
 * "{\"portMappings\":[{\"hostPort\":8080,\"containerPort\":80}]}". A third argument holds the
 * options of the request. Containers without the annotation are ignored.
 *
 * The library is loaded in-process: a hook has no threads, children or handlers that would require
 * isolated mode, and exits at once. Without the library, the hook uses the command cni.
 */
#define _GNU_SOURCE
#include <cni_dl.h>

static char state[1 << 20], request[1 << 20];

/* Reads the state from standard input, where the runtime writes it. */
static int read_state(void)
{
    size_t length = 0;
    ssize_t n;
    while (
        length < sizeof state - 1 && (n = read(0, state + length, sizeof state - 1 - length)) > 0)
        length += (size_t)n;
    return cni_dl_find(state, "id") != NULL;
}

/* Appends to the request. Text that does not fit makes it invalid, and the library refuses it. */
static void put(const char *s, size_t length)
{
    size_t used = strlen(request);
    if (used + length < sizeof request)
        memcpy(request + used, s, length);
}

/* Appends "key":VALUE, with the value copied from JSON. */
static void put_member(const char *key, const char *value, const char *end)
{
    put(",", request[1] != '\0');
    put("\"", 1);
    put(key, strlen(key));
    put("\":", 2);
    put(value, (size_t)(end - value));
}

static void put_value(const char *key, const char *value)
{
    put_member(key, value, cni_dl_value_end(value));
}

/* Appends "key":VALUE, with the value taken from a JSON string. */
static void put_unquoted(const char *key, const char *string)
{
    char *text = calloc(1, strlen(string) + 1), *to = text;
    for (string++; text != NULL && *string != '"'; string++)
        *to++ = *string == '\\' ? *++string : *string; /* the value has no newlines */
    if (text != NULL)
        put_member(key, text, to);
    free(text);
}

static void make_request(int attach, const char *options)
{
    const char *annotations = cni_dl_find(state, "annotations");
    const char *network = cni_dl_find(annotations, "libcni.network");
    const char *capabilities = cni_dl_find(annotations, "libcni.capabilityArgs");
    const char *pid = cni_dl_find(state, "pid");
    char netns[64];
    put("{", 1);
    put_value("containerId", cni_dl_find(state, "id"));
    if (attach) { /* detaching needs only the container's id */
        int path = strncmp(network, "\"/", 2) == 0 || strncmp(network, "\"\\/", 3) == 0;
        snprintf(netns, sizeof netns, "\"/proc/%d/ns/net\"", pid != NULL ? atoi(pid) : 0);
        put_value("netns", netns);
        put_value(path ? "networkFile" : "network", network);
        if (capabilities != NULL)
            put_unquoted("capabilityArgs", capabilities);
    }
    if (options != NULL)
        put_member("options", options, options + strlen(options));
    put("}", 1);
}

int main(int argc, char **argv)
{
    int attach = argc > 1 && strcmp(argv[1], "attach") == 0, rc;
    char *response;
    cni_dl api;
    if (argc < 2 || (!attach && strcmp(argv[1], "detach") != 0) || !read_state()) {
        fprintf(stderr, "usage: crun-hook attach|detach [OPTIONS] < STATE\n");
        return 2;
    }
    if (attach && cni_dl_find(cni_dl_find(state, "annotations"), "libcni.network") == NULL)
        return 0;
    make_request(attach, argc > 2 ? argv[2] : NULL);
    rc = cni_dl_open(&api, NULL, CNI_DL_INPROCESS, &response);
    if (rc != 0) {
        free(response);
        rc = cni_dl_open(&api, NULL, CNI_DL_EXEC, &response);
    }
    if (rc != 0) {
        fprintf(stderr, "crun-hook: %s\n", response);
        return 1;
    }
    rc = attach ? api.add(&api, request, &response) : api.del(&api, request, &response);
    if (rc != 0)
        fprintf(stderr, "crun-hook: %s: %s\n", api.strerror(&api, rc), response);
    api.free(&api, response);
    cni_dl_close(&api);
    return rc == 0 ? 0 : 1;
}
