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
#include <cni_dl.h>

static char state[1 << 20];

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

/* Returns an annotation, or NULL. */
static char *annotation(const char *name)
{
    return cni_dl_unquote(cni_dl_find(cni_dl_find(state, "annotations"), name));
}

/* Names the owner, unless the options do: detaching leaves the attachments of other owners. */
static char *owned(const char *options)
{
    const char *rest = options + strspn(options, " \t\r\n{");
    if (cni_dl_find(options, "owner") != NULL)
        return cni_dl_json("%j", options);
    return cni_dl_json(
        *rest == '}' ? "{\"owner\":\"crun-hook\"%j" : "{\"owner\":\"crun-hook\",%j", rest);
}

/* The runtime reports the process 0 after the container has exited. The path then leads nowhere,
 * and only attachments without a namespace are detached: another container of this id keeps its
 * own. */
static char *make_request(const char *network, const char *options)
{
    const char *pid = cni_dl_find(state, "pid");
    char *name = cni_dl_unquote(cni_dl_find(state, "id")), netns[64], *id, *request;
    char *capabilities = annotation("libcni.capabilityArgs");
    id = name != NULL ? cni_dl_container_id(name) : NULL;
    snprintf(netns, sizeof netns, "/proc/%d/ns/net", pid != NULL ? atoi(pid) : 0);
    if (network == NULL)
        request =
            cni_dl_json("{\"containerId\":%s,\"netns\":%s,\"options\":%j}", id, netns, options);
    else
        request = cni_dl_json(
            "{\"containerId\":%s,\"netns\":%s,\"options\":%j,%s:%s,\"capabilityArgs\":%j}", id,
            netns, options, *network == '/' ? "networkFile" : "network", network,
            capabilities != NULL ? capabilities : "{}");
    free(capabilities);
    free(id);
    free(name);
    return request;
}

int main(int argc, char **argv)
{
    int attach = argc > 1 && strcmp(argv[1], "attach") == 0, rc;
    char *network, *options, *request, *response;
    cni_dl api;
    if (argc < 2 || (!attach && strcmp(argv[1], "detach") != 0) || !read_state()) {
        fprintf(stderr, "usage: crun-hook attach|detach [OPTIONS] < STATE\n");
        return 2;
    }
    network = attach ? annotation("libcni.network") : NULL;
    if (attach && network == NULL)
        return 0;
    rc = cni_dl_open(&api, NULL, CNI_DL_INPROCESS, &response);
    if (rc != 0) {
        free(response);
        rc = cni_dl_open(&api, NULL, CNI_DL_EXEC, &response);
    }
    if (rc != 0) {
        fprintf(stderr, "crun-hook: %s\n", response);
        return 1;
    }
    options = owned(argc > 2 ? argv[2] : "{}");
    request = make_request(network, options);
    rc = (attach ? api.add : api.del)(&api, request, &response);
    if (rc != 0)
        fprintf(stderr, "crun-hook: %s: %s\n", api.strerror(&api, rc), response);
    api.free(&api, response);
    cni_dl_close(&api);
    free(request);
    free(options);
    free(network);
    return rc == 0 ? 0 : 1;
}
